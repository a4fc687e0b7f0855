/** The camera's detector: shot noise, read noise, offset, gain, saturation. Formula in docs/optics.md. */
import { Random } from './random.ts'

/** Electrons and ADU of the demo camera; typical of scientific CMOS. */
export const detector = { offset: 100, gainElectronsPerAdu: 0.46, readNoiseElectrons: 1.6, maximum: 65535, bitDepth: 16 } as const

const tableBits = 16
const tableSize = 1 << tableBits
/** Above this mean the Poisson distribution is drawn as a normal one of the same variance, with its skewness. */
const normalFrom = 10

/** Inverse of the standard normal distribution function (Acklam 2003, relative error below 1.2e-9). */
export function normalQuantile(p: number): number {
  const a = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239]
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572, 1]
  const c = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783]
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416, 1]
  const horner = (coefficients: readonly number[], x: number) => coefficients.reduce((sum, value) => sum * x + value, 0)
  if (p < 0.02425) return horner(c, Math.sqrt(-2 * Math.log(p))) / horner(d, Math.sqrt(-2 * Math.log(p)))
  if (p > 1 - 0.02425) return -normalQuantile(1 - p)
  return (horner(a, (p - 0.5) ** 2) * (p - 0.5)) / horner(b, (p - 0.5) ** 2)
}

let quantiles: Float32Array | undefined

/** Standard normal deviates by table: one for each 16 random bits, scaled so that the variance is exactly 1. */
function normalTable(): Float32Array {
  if (quantiles) return quantiles
  const table = Float32Array.from({ length: tableSize }, (_, i) => normalQuantile((i + 0.5) / tableSize))
  const scale = Math.sqrt(tableSize / table.reduce((sum, value) => sum + value * value, 0))
  quantiles = table.map((value) => value * scale)
  return quantiles
}

const reciprocals = Float64Array.from({ length: 128 }, (_, k) => 1 / Math.max(1, k))

/** Poisson deviate for a mean below 100 from a uniform one, by inversion. Exact but for the last of 128 terms. */
export function poissonBelow(mean: number, uniform: number): number {
  let probability = Math.exp(-mean)
  let rest = uniform - probability
  let count = 0
  while (rest > 0 && count < 127) {
    count++
    probability *= mean * reciprocals[count]!
    rest -= probability
  }
  return count
}

/** Turns expected photoelectrons into camera counts. The sequence of noise depends on the seed alone. */
export class Detector {
  readonly #random: Random
  readonly #normal = normalTable()

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  /**
   * Counts of a picture of expected photoelectrons, 0 … 65,535 ADU. Small means are drawn from the Poisson distribution, large ones from the
   * normal distribution of the same mean and variance with Cornish & Fisher's (1937) term for the skewness.
   */
  expose(electrons: Float32Array, into = new Uint16Array(electrons.length)): Uint16Array {
    const random = new Uint32Array(block)
    const normal = this.#normal
    const { offset, gainElectronsPerAdu, readNoiseElectrons: sigma, maximum } = detector
    const perElectron = 1 / gainElectronsPerAdu
    const zero = offset + 0.5
    for (let start = 0; start < electrons.length; start += block) {
      this.#random.fill(random)
      const end = Math.min(electrons.length, start + block)
      for (let i = start; i < end; i++) {
        const mean = electrons[i]!
        const bits = random[i - start]!
        let signal = sigma * normal[bits & 0xffff]!
        if (mean >= normalFrom) {
          const z = normal[bits >>> 16]!
          signal += mean + Math.sqrt(mean) * z + (z * z - 1) / 6
        } else if (mean > 0) signal += poissonBelow(mean, (bits >>> 16) / 65536 + finest)
        const counts = Math.floor(zero + signal * perElectron)
        into[i] = counts < 0 ? 0 : Math.min(maximum, counts)
      }
    }
    return into
  }
}

const block = 4096
/** Half a step of the 16-bit uniform numbers. */
const finest = 1 / 131072
