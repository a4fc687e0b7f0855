/** Fourier ring correlation of two pictures of the same thing (Saxton & Baumeister 1982; threshold 1/7, Nieuwenhuizen et al. 2013). */
import { cut, type Plane } from '#shared/image/plane.ts'
import { mean } from './plane.ts'
import { signed, transformFor, transformLength } from './transform.ts'

export interface FourierRing {
  /** Correlation of each ring; ring r holds the frequencies r ± 1/2 of `size`. */
  readonly correlation: Float64Array
  /** Share of the sampling limit at which it falls below 1/7; 1 where it never does; 0 where it never is above. */
  readonly frequency: number
  /** Pixels: 2 / frequency; null where nothing correlates. */
  readonly resolution: number | null
}

const threshold = 1 / 7
/** Share of each side over which the pictures fade out, so that their edges do not correlate. */
const taper = 0.125
/** Rings that are averaged, against chance. */
const smoothing = 2

/** The pictures must be of one size; their largest square part that can be transformed is used. */
export function fourierRing(a: Plane, b: Plane): FourierRing {
  const size = transformLength(Math.min(a.width, a.height))
  // The buffers of a transform are its own, so the first spectrum is kept.
  const first = spectrum(a, size)
  const [re, im] = [first.re.slice(), first.im.slice()]
  const second = spectrum(b, size)
  const rings = size / 2 + 1
  const [cross, powerA, powerB] = [new Float64Array(rings), new Float64Array(rings), new Float64Array(rings)]
  for (let kx = 0; kx < size; kx++)
    for (let ky = 0; ky < size; ky++) {
      const ring = Math.round(Math.hypot(signed(kx, size), signed(ky, size)))
      if (ring >= rings) continue
      const at = kx * size + ky
      const [ar, ai, br, bi] = [re[at] as number, im[at] as number, second.re[at] as number, second.im[at] as number]
      cross[ring]! += ar * br + ai * bi
      powerA[ring]! += ar * ar + ai * ai
      powerB[ring]! += br * br + bi * bi
    }
  const correlation = cross.map((value, r) => {
    const power = (powerA[r] as number) * (powerB[r] as number)
    return power > 0 ? value / Math.sqrt(power) : 0
  })
  const frequency = crossing(smoothed(correlation))
  return { correlation, frequency, resolution: frequency > 0 ? 2 / frequency : null }
}

function spectrum(picture: Plane, size: number) {
  const part = cut(picture, (picture.width - size) >> 1, (picture.height - size) >> 1, size, size)
  const middle = mean(part.data)
  const edge = taper * size
  const window = Float64Array.from({ length: size }, (_, i) => {
    const inside = Math.min(1, (Math.min(i, size - 1 - i) + 0.5) / edge)
    return 0.5 - 0.5 * Math.cos(Math.PI * inside)
  })
  const data = part.data.map((value, i) => (value - middle) * (window[i % size] as number) * (window[Math.floor(i / size)] as number))
  return transformFor(size, size).forward({ width: size, height: size, data })
}

function smoothed(values: Float64Array): Float64Array {
  return values.map((_, r) => {
    const near = values.subarray(Math.max(1, r - smoothing), r + smoothing + 1)
    return near.reduce((a, b) => a + b, 0) / near.length
  })
}

/** First ring below the threshold, interpolated, over the last ring. */
function crossing(values: Float64Array): number {
  const last = values.length - 1
  for (let r = 1; r <= last; r++) {
    const here = values[r] as number
    if (here >= threshold) continue
    if (r === 1) return 0
    const before = values[r - 1] as number
    return (r - 1 + (before - threshold) / (before - here)) / last
  }
  return 1
}
