/** Points in a volume as a microscope shows them at any focus: image formation of docs/optics.md, summed height by height. */
import type { FocusOptics } from '#main/analysis/trust/through-focus.ts'
import { signed, transformFor } from '#main/analysis/trust/transform.ts'
import type { Plane } from '#shared/image/plane.ts'
import { cutoff, transferAt } from '#shared/optics.ts'

export interface Emitter {
  /** Pixels. */
  readonly x: number
  readonly y: number
  /** µm, positive away from the objective. */
  readonly z: number
  readonly light: number
}

/** Steps from frequency 0 to the cut-off in which a transfer function is computed. */
const steps = 200
const lines = new Map<string, Float64Array>()

function line(defocus: number, optics: FocusOptics): Float64Array {
  const key = JSON.stringify([defocus, optics])
  const known = lines.get(key)
  if (known) return known
  const top = cutoff(optics.numericalAperture, optics.wavelengthUm)
  const made = Float64Array.from({ length: steps + 1 }, (_, k) => transferAt((top * k) / steps, defocus, optics))
  lines.set(key, made)
  return made
}

/** `side`² pixels of `pixelUm` with the focus at each of `foci` µm, over even light of `ground`. The volume is periodic across the picture. */
export function seenAt(
  emitters: readonly Emitter[],
  foci: readonly number[],
  optics: FocusOptics,
  side: number,
  pixelUm: number,
  ground: number,
): Plane[] {
  const transform = transformFor(side, side)
  const top = cutoff(optics.numericalAperture, optics.wavelengthUm)
  const sums = foci.map(() => ({ re: new Float32Array(side * side), im: new Float32Array(side * side) }))
  const places = new Float32Array(side * side)
  for (let kx = 0; kx < side; kx++)
    for (let ky = 0; ky < side; ky++)
      places[kx * side + ky] = Math.min(steps - 1e-3, (Math.hypot(signed(kx, side), signed(ky, side)) / (side * pixelUm) / top) * steps)
  for (const z of new Set(emitters.map((emitter) => emitter.z))) {
    const data = new Float32Array(side * side)
    for (const { x, y, light } of emitters.filter((emitter) => emitter.z === z)) data[y * side + x]! += light
    const { re, im } = transform.forward({ width: side, height: side, data })
    for (const [index, focus] of foci.entries()) {
      const table = line(z - focus, optics)
      const sum = sums[index] as (typeof sums)[number]
      for (let i = 0; i < places.length; i++) {
        const low = Math.floor(places[i] as number)
        const part = (places[i] as number) - low
        const value = (table[low] as number) * (1 - part) + (table[low + 1] as number) * part
        sum.re[i]! += value * (re[i] as number)
        sum.im[i]! += value * (im[i] as number)
      }
    }
  }
  return sums.map((sum) => {
    const { data } = transform.inverse(sum)
    return { width: side, height: side, data: data.map((value) => value + ground) }
  })
}
