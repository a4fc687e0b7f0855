/** Discrete Fourier transforms of many columns at once, for lengths 2^a·3^b·5^c. */

interface Stage {
  readonly radix: number
  /** Length of the sub-transforms that remain. */
  readonly rest: number
  /** exp(−2πi p k / n) for p < rest, 1 ≤ k < radix, as re, im. */
  readonly twiddles: Float64Array
}

/** The smallest length ≥ `minimum` that is a multiple of `multiple` and has no prime factor above 5. */
export function goodLength(minimum: number, multiple: number): number {
  for (let n = Math.ceil(minimum / multiple) * multiple; ; n += multiple) {
    let rest = n
    for (const prime of [2, 3, 5]) while (rest % prime === 0) rest /= prime
    if (rest === 1) return n
  }
}

function stagesOf(length: number): Stage[] {
  const stages: Stage[] = []
  let n = length
  while (n > 1) {
    const radix = [4, 2, 3, 5].find((candidate) => n % candidate === 0)
    if (radix === undefined) throw new RangeError(`No transform of length ${length}: it has a prime factor above 5.`)
    const rest = n / radix
    const twiddles = new Float64Array(rest * (radix - 1) * 2)
    for (let p = 0, i = 0; p < rest; p++) {
      for (let k = 1; k < radix; k++, i += 2) {
        twiddles[i] = Math.cos((2 * Math.PI * p * k) / n)
        twiddles[i + 1] = -Math.sin((2 * Math.PI * p * k) / n)
      }
    }
    stages.push({ radix, rest, twiddles })
    n = rest
  }
  return stages
}

/**
 * Transforms `batch` columns of `length` complex numbers together: X_k = Σ x_j exp(−2πi jk / length), unscaled. Element j of column b
 * lies at j·batch + b. Fill `inRe`, `inIm`, call `run()`, read `outRe`, `outIm` (the input is overwritten). For the inverse exchange
 * real and imaginary parts on both sides. Autosort algorithm of Stockham (Cochran et al. 1967): its stride starts at `batch`, so the
 * inner loops are long and contiguous.
 */
export class BatchFft {
  readonly inRe: Float32Array
  readonly inIm: Float32Array
  readonly outRe: Float32Array
  readonly outIm: Float32Array
  readonly #stages: readonly Stage[]

  constructor(
    readonly length: number,
    readonly batch: number,
  ) {
    this.#stages = stagesOf(length)
    const [a, b, c, d] = Array.from({ length: 4 }, () => new Float32Array(length * batch)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ]
    const even = this.#stages.length % 2 === 0
    this.inRe = a
    this.inIm = b
    this.outRe = even ? a : c
    this.outIm = even ? b : d
    this.#spareRe = c
    this.#spareIm = d
  }

  readonly #spareRe: Float32Array
  readonly #spareIm: Float32Array

  run(): void {
    let [re, im, toRe, toIm] = [this.inRe, this.inIm, this.#spareRe, this.#spareIm]
    let stride = this.batch
    for (const stage of this.#stages) {
      passes[stage.radix]?.(stage, stride, re, im, toRe, toIm)
      ;[re, im, toRe, toIm] = [toRe, toIm, re, im]
      stride *= stage.radix
    }
  }
}

type Pass = (stage: Stage, s: number, re: Float32Array, im: Float32Array, toRe: Float32Array, toIm: Float32Array) => void

const pass4: Pass = ({ rest, twiddles }, s, re, im, toRe, toIm) => {
  const step = s * rest
  for (let p = 0; p < rest; p++) {
    const t = p * 6
    const w1r = twiddles[t]!
    const w1i = twiddles[t + 1]!
    const w2r = twiddles[t + 2]!
    const w2i = twiddles[t + 3]!
    const w3r = twiddles[t + 4]!
    const w3i = twiddles[t + 5]!
    const from = s * p
    const to = 4 * s * p
    for (let q = 0; q < s; q++) {
      const i = from + q
      const o = to + q
      const ar = re[i]!
      const ai = im[i]!
      const br = re[i + step]!
      const bi = im[i + step]!
      const cr = re[i + 2 * step]!
      const ci = im[i + 2 * step]!
      const dr = re[i + 3 * step]!
      const di = im[i + 3 * step]!
      const sumR = ar + cr
      const sumI = ai + ci
      const difR = ar - cr
      const difI = ai - ci
      const oddR = br + dr
      const oddI = bi + di
      const turnR = bi - di
      const turnI = dr - br
      toRe[o] = sumR + oddR
      toIm[o] = sumI + oddI
      const xr = difR + turnR
      const xi = difI + turnI
      toRe[o + s] = xr * w1r - xi * w1i
      toIm[o + s] = xr * w1i + xi * w1r
      const yr = sumR - oddR
      const yi = sumI - oddI
      toRe[o + 2 * s] = yr * w2r - yi * w2i
      toIm[o + 2 * s] = yr * w2i + yi * w2r
      const zr = difR - turnR
      const zi = difI - turnI
      toRe[o + 3 * s] = zr * w3r - zi * w3i
      toIm[o + 3 * s] = zr * w3i + zi * w3r
    }
  }
}

const pass2: Pass = ({ rest, twiddles }, s, re, im, toRe, toIm) => {
  const step = s * rest
  for (let p = 0; p < rest; p++) {
    const wr = twiddles[p * 2]!
    const wi = twiddles[p * 2 + 1]!
    for (let q = 0; q < s; q++) {
      const i = s * p + q
      const o = 2 * s * p + q
      const ar = re[i]!
      const ai = im[i]!
      const br = re[i + step]!
      const bi = im[i + step]!
      toRe[o] = ar + br
      toIm[o] = ai + bi
      const xr = ar - br
      const xi = ai - bi
      toRe[o + s] = xr * wr - xi * wi
      toIm[o + s] = xr * wi + xi * wr
    }
  }
}

const sin60 = Math.sqrt(3) / 2

const pass3: Pass = ({ rest, twiddles }, s, re, im, toRe, toIm) => {
  const step = s * rest
  for (let p = 0; p < rest; p++) {
    const w1r = twiddles[p * 4]!
    const w1i = twiddles[p * 4 + 1]!
    const w2r = twiddles[p * 4 + 2]!
    const w2i = twiddles[p * 4 + 3]!
    for (let q = 0; q < s; q++) {
      const i = s * p + q
      const o = 3 * s * p + q
      const ar = re[i]!
      const ai = im[i]!
      const br = re[i + step]!
      const bi = im[i + step]!
      const cr = re[i + 2 * step]!
      const ci = im[i + 2 * step]!
      const sumR = br + cr
      const sumI = bi + ci
      const midR = ar - sumR / 2
      const midI = ai - sumI / 2
      const turnR = sin60 * (bi - ci)
      const turnI = sin60 * (cr - br)
      toRe[o] = ar + sumR
      toIm[o] = ai + sumI
      const xr = midR + turnR
      const xi = midI + turnI
      toRe[o + s] = xr * w1r - xi * w1i
      toIm[o + s] = xr * w1i + xi * w1r
      const yr = midR - turnR
      const yi = midI - turnI
      toRe[o + 2 * s] = yr * w2r - yi * w2i
      toIm[o + 2 * s] = yr * w2i + yi * w2r
    }
  }
}

const cos72 = Math.cos((2 * Math.PI) / 5)
const sin72 = Math.sin((2 * Math.PI) / 5)
const cos144 = Math.cos((4 * Math.PI) / 5)
const sin144 = Math.sin((4 * Math.PI) / 5)

const pass5: Pass = ({ rest, twiddles }, s, re, im, toRe, toIm) => {
  const step = s * rest
  for (let p = 0; p < rest; p++) {
    const t = p * 8
    const w1r = twiddles[t]!
    const w1i = twiddles[t + 1]!
    const w2r = twiddles[t + 2]!
    const w2i = twiddles[t + 3]!
    const w3r = twiddles[t + 4]!
    const w3i = twiddles[t + 5]!
    const w4r = twiddles[t + 6]!
    const w4i = twiddles[t + 7]!
    for (let q = 0; q < s; q++) {
      const i = s * p + q
      const o = 5 * s * p + q
      const ar = re[i]!
      const ai = im[i]!
      const outerR = re[i + step]! + re[i + 4 * step]!
      const outerI = im[i + step]! + im[i + 4 * step]!
      const innerR = re[i + 2 * step]! + re[i + 3 * step]!
      const innerI = im[i + 2 * step]! + im[i + 3 * step]!
      const farR = re[i + step]! - re[i + 4 * step]!
      const farI = im[i + step]! - im[i + 4 * step]!
      const nearR = re[i + 2 * step]! - re[i + 3 * step]!
      const nearI = im[i + 2 * step]! - im[i + 3 * step]!
      toRe[o] = ar + outerR + innerR
      toIm[o] = ai + outerI + innerI
      const mid1R = ar + cos72 * outerR + cos144 * innerR
      const mid1I = ai + cos72 * outerI + cos144 * innerI
      const mid2R = ar + cos144 * outerR + cos72 * innerR
      const mid2I = ai + cos144 * outerI + cos72 * innerI
      const turn1R = sin72 * farI + sin144 * nearI
      const turn1I = -sin72 * farR - sin144 * nearR
      const turn2R = sin144 * farI - sin72 * nearI
      const turn2I = sin72 * nearR - sin144 * farR
      const br = mid1R + turn1R
      const bi = mid1I + turn1I
      toRe[o + s] = br * w1r - bi * w1i
      toIm[o + s] = br * w1i + bi * w1r
      const cr = mid2R + turn2R
      const ci = mid2I + turn2I
      toRe[o + 2 * s] = cr * w2r - ci * w2i
      toIm[o + 2 * s] = cr * w2i + ci * w2r
      const dr = mid2R - turn2R
      const di = mid2I - turn2I
      toRe[o + 3 * s] = dr * w3r - di * w3i
      toIm[o + 3 * s] = dr * w3i + di * w3r
      const er = mid1R - turn1R
      const ei = mid1I - turn1I
      toRe[o + 4 * s] = er * w4r - ei * w4i
      toIm[o + 4 * s] = er * w4i + ei * w4r
    }
  }
}

const passes: Readonly<Record<number, Pass>> = { 2: pass2, 3: pass3, 4: pass4, 5: pass5 }
