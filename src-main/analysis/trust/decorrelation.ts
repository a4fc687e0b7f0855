/**
 * Decorrelation analysis (Descloux, Grußmayer & Radenovic 2019, Nat. Methods 16:918): the highest frequency at which one picture still holds
 * structure above its noise, without a threshold to choose. d(r) is the correlation of the picture's spectrum with the same spectrum whose
 * coefficients have all been given length 1, within the radius r. Both share their phases, so it is
 *
 *     d(r) = Σ_{k<r} |I| / sqrt(Σ|I|² · N_{k<r})
 *
 * and needs only the radial sums of |I| and |I|². High-pass filters 1 − exp(−2π²σ²k²), radial as well, bring fine structure forward.
 */
import { cut, type Plane } from '#shared/image/plane.ts'
import { mean } from './plane.ts'
import { signed, transformFor, transformLength } from './transform.ts'

export interface Decorrelation {
  /** Highest frequency with structure, as a share of the sampling limit of 1/2 per pixel; 0 = none found. */
  readonly frequency: number
  /** Pixels that the finest structure spans: 2 / frequency; null where there is none. */
  readonly resolution: number | null
  /** Height of the peak that decided, 0…1. */
  readonly amplitude: number
}

const steps = 64
const filters = 10
const rounds = 2
/** A peak must rise above what follows by this to be one. */
const prominence = 5e-4
/** Lower peaks are noise. */
const leastAmplitude = 0.05
/** Share of the picture's sides over which it fades out. */
const taper = 0.1

/** Of the largest part of the picture that can be transformed; it must be at least 32 pixels wide and high. */
export function decorrelation(picture: Plane): Decorrelation {
  const profile = radialProfile(picture)
  let best = peakOf(profile, null)
  if (best.frequency === 0) return { frequency: 0, resolution: null, amplitude: 0 }
  let [from, to] = [Math.log(2 / best.frequency), Math.log(0.15)]
  for (let round = 0; round < rounds; round++) {
    let winner = -1
    const sigmas = Array.from({ length: filters }, (_, i) => Math.exp(from + ((to - from) * i) / (filters - 1)))
    for (const [i, sigma] of sigmas.entries()) {
      const peak = peakOf(profile, sigma)
      if (peak.amplitude < leastAmplitude || peak.frequency <= best.frequency) continue
      best = peak
      winner = i
    }
    if (winner < 0) break
    ;[from, to] = [Math.log(sigmas[Math.max(0, winner - 1)] as number), Math.log(sigmas[Math.min(filters - 1, winner + 1)] as number)]
  }
  return { ...best, resolution: 2 / best.frequency }
}

interface Profile {
  /** Of bin i, at frequency (i + 1/2) / (2 · bins) per pixel: sums of |I| and |I|², and their number. */
  readonly sums: Float64Array
  readonly squares: Float64Array
  readonly counts: Float64Array
}

function radialProfile(picture: Plane): Profile {
  const [width, height] = [transformLength(picture.width), transformLength(picture.height)]
  const part = cut(picture, (picture.width - width) >> 1, (picture.height - height) >> 1, width, height)
  const middle = mean(part.data)
  const [wx, wy] = [fade(width), fade(height)]
  const data = part.data.map((value, i) => (value - middle) * (wx[i % width] as number) * (wy[Math.floor(i / width)] as number))
  const { re, im } = transformFor(width, height).forward({ width, height, data })
  const bins = steps * 4
  const [sums, squares, counts] = [new Float64Array(bins), new Float64Array(bins), new Float64Array(bins)]
  for (let kx = 0; kx <= width / 2; kx++)
    for (let ky = 0; ky < height; ky++) {
      const bin = Math.floor(2 * bins * Math.hypot(kx / width, signed(ky, height) / height))
      if (bin >= bins) continue
      const at = kx * height + ky
      const square = (re[at] as number) ** 2 + (im[at] as number) ** 2
      sums[bin]! += Math.sqrt(square)
      squares[bin]! += square
      counts[bin]! += 1
    }
  return { sums, squares, counts }
}

/** The last true maximum of d(r). `sigma` of the high-pass filter in pixels; null = unfiltered. */
function peakOf({ sums, squares, counts }: Profile, sigma: number | null): { readonly frequency: number; readonly amplitude: number } {
  const bins = sums.length
  let total = 0
  const passed = new Float64Array(bins)
  for (let i = 0; i < bins; i++) {
    const k = (i + 0.5) / (2 * bins)
    const pass = sigma === null ? 1 : 1 - Math.exp(-2 * (Math.PI * sigma * k) ** 2)
    passed[i] = pass * (sums[i] as number)
    total += pass * pass * (squares[i] as number)
  }
  const curve = new Float64Array(bins)
  let sum = 0
  let count = 0
  for (let i = 0; i < bins; i++) {
    sum += passed[i] as number
    count += counts[i] as number
    curve[i] = count > 0 && total > 0 ? sum / Math.sqrt(total * count) : 0
  }
  let end = bins
  while (end > 1) {
    let top = 0
    for (let i = 1; i < end; i++) if ((curve[i] as number) > (curve[top] as number)) top = i
    if (top === 0) break
    if (top === end - 1) {
      end--
      continue
    }
    let lowest = curve[top] as number
    for (let i = top; i < end; i++) lowest = Math.min(lowest, curve[i] as number)
    if ((curve[top] as number) - lowest >= prominence) return { frequency: (top + 1) / bins, amplitude: curve[top] as number }
    end = top
  }
  return { frequency: 0, amplitude: 0 }
}

function fade(length: number): Float64Array {
  const edge = Math.max(1, Math.round(taper * length))
  return Float64Array.from({ length }, (_, i) => {
    const in_ = Math.min(1, (Math.min(i, length - 1 - i) + 0.5) / edge)
    return 0.5 - 0.5 * Math.cos(Math.PI * in_)
  })
}
