/** Two-dimensional transforms of real pictures whose sides have no prime factor above 5. */
import { BatchFft } from '#shared/fft.ts'
import type { Plane } from '#shared/image/plane.ts'

/** Column by column: element (kx, ky) at kx·height + ky; X = Σ x exp(−2πi(kx·x/width + ky·y/height)), unscaled. */
export interface Spectrum {
  readonly width: number
  readonly height: number
  readonly re: Float32Array
  readonly im: Float32Array
}

/** Keeps its buffers; what `forward` returned is overwritten by the next one. Sides must be multiples of 4. */
export class Transform {
  readonly #columns: BatchFft
  readonly #rows: BatchFft

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.#columns = new BatchFft(height, width)
    this.#rows = new BatchFft(width, height)
  }

  forward({ width, height, data }: Plane): Spectrum {
    const { inRe, inIm, outRe, outIm } = this.#columns
    inRe.set(data)
    inIm.fill(0)
    this.#columns.run()
    const rows = this.#rows
    for (let ky = 0; ky < height; ky++)
      for (let x = 0; x < width; x++) {
        rows.inRe[x * height + ky] = outRe[ky * width + x] as number
        rows.inIm[x * height + ky] = outIm[ky * width + x] as number
      }
    rows.run()
    return { width, height, re: rows.outRe, im: rows.outIm }
  }

  /** The picture of which this is the spectrum; its real part where it has none of its own. */
  inverse({ re, im }: Pick<Spectrum, 're' | 'im'>): Plane {
    const { width, height } = this
    const [rows, columns] = [this.#rows, this.#columns]
    // x = conj(transform of conj X) / n, and the real part needs no conjugation.
    rows.inRe.set(re)
    for (let i = 0; i < im.length; i++) rows.inIm[i] = -(im[i] as number)
    rows.run()
    for (let ky = 0; ky < height; ky++)
      for (let x = 0; x < width; x++) {
        columns.inRe[ky * width + x] = rows.outRe[x * height + ky] as number
        columns.inIm[ky * width + x] = rows.outIm[x * height + ky] as number
      }
    columns.run()
    return { width, height, data: columns.outRe.map((value) => value / (width * height)) }
  }
}

const transforms = new Map<string, Transform>()

/** A transform of this size, kept for the next picture of the same size. */
export function transformFor(width: number, height: number): Transform {
  const key = `${width}x${height}`
  const known = transforms.get(key)
  if (known) return known
  if (transforms.size >= 4) transforms.delete(transforms.keys().next().value as string)
  const made = new Transform(width, height)
  transforms.set(key, made)
  return made
}

/** Larger pictures are judged by their middle: a transform takes 32 bytes a pixel. */
const longest = 1024

/** The largest length up to `maximum` (and 1024) that is a multiple of 4 without prime factor above 5; 0 where there is none. */
export function transformLength(maximum: number): number {
  for (let n = Math.floor(Math.min(longest, maximum) / 4) * 4; n > 0; n -= 4) {
    let rest = n
    for (const prime of [2, 3, 5]) while (rest % prime === 0) rest /= prime
    if (rest === 1) return n
  }
  return 0
}

/** Signed index of a frequency: 0 … n/2 − 1, −n/2 … −1. */
export function signed(index: number, length: number): number {
  return index < length / 2 ? index : index - length
}
