/**
 * Does the output explain the input? The error map of Culley et al. 2018 (Nat. Methods 15:263, SQUIRREL), from its description: the output is
 * blurred by a Gaussian and scaled linearly until it is as near to the input as it gets, and what remains is the error. RSE is its root mean
 * square, RSP Pearson's correlation. Compared on the coarser of the two grids.
 *
 * A noisy input cannot be explained fully even by the truth: the ceiling of RSP is sqrt(1 − noise variance / input variance). It sees nothing
 * that is finer than the input's optics pass, nor what is wrong with the input itself.
 */

import type { Plane } from '#shared/image/plane.ts'
import { minimise } from './brent.ts'
import { type NoiseModel, varianceAt } from './noise.ts'
import { moments } from './plane.ts'
import { averaged, blur, gaussianKernel } from './smooth.ts'

export interface Explanation {
  readonly width: number
  readonly height: number
  /** Blur that fits best, pixels of the compared grid. */
  readonly sigma: number
  /** It is as wide as is allowed: the two pictures hardly belong together. */
  readonly atBound: boolean
  /** input ≈ factor · blurred output + offset */
  readonly factor: number
  readonly offset: number
  /** Input units. */
  readonly rse: number
  readonly rsp: number
  /** What RSP would be for the truth, because of the noise. */
  readonly ceiling: number
  /** The output as the input's optics would show it, input units. */
  readonly explained: Float32Array
  /** Input − explained. */
  readonly residual: Float32Array
}

/** A blur of 4 pixels' full width is more than any network here has to undo. */
const widest = 4 / 2.35482

export function explain(input: Plane, output: Plane, noise: NoiseModel): Explanation {
  const width = Math.min(input.width, output.width)
  const height = Math.min(input.height, output.height)
  const reference = averaged(input, width, height)
  const result = averaged(output, width, height)
  const remaining = (sigma: number) => {
    const { varianceA, varianceB, covariance } = moments(reference.data, blur(result, sigma).data)
    return varianceB > 0 ? varianceA - covariance ** 2 / varianceB : varianceA
  }
  const { x: sigma } = minimise(remaining, 0, widest, 0.01)
  const blurred = blur(result, sigma).data
  const { meanA, meanB, varianceA, varianceB, covariance } = moments(reference.data, blurred)
  const factor = varianceB > 0 ? covariance / varianceB : 0
  const offset = meanA - factor * meanB
  const explained = blurred.map((value) => factor * value + offset)
  const residual = reference.data.map((value, i) => value - (explained[i] as number))
  // Averaging pixels also averages their noise.
  const fewer = (width * height) / (input.width * input.height)
  const noiseVariance = explained.reduce((sum, value) => sum + varianceAt(noise, value), 0) * (fewer / explained.length)
  return {
    width,
    height,
    sigma,
    atBound: sigma > 0.97 * widest,
    factor,
    offset,
    rse: Math.sqrt(residual.reduce((sum, value) => sum + value * value, 0) / residual.length),
    rsp: varianceA > 0 && varianceB > 0 ? covariance / Math.sqrt(varianceA * varianceB) : 0,
    ceiling: varianceA > 0 ? Math.sqrt(Math.max(0, 1 - noiseVariance / varianceA)) : 0,
    explained,
    residual,
  }
}

/** Width over which a residual is summed, pixels of the compared grid: about that of the smallest thing worth missing. */
const windowSigma = 1.5
/** Share of the local brightness by which a Gaussian may be wrong about the optics. */
export const tolerance = 0.05

/**
 * How many standard deviations of noise and tolerated misfit the residual, summed over a small window, is away from nothing. Positive: light
 * that the output does not account for; negative: light in the output that the input does not have.
 */
export function unexplained(explanation: Explanation, noise: NoiseModel, tolerated = tolerance): Float32Array {
  const { width, height, residual, explained } = explanation
  const sums = blur({ width, height, data: residual }, windowSigma).data
  const brightness = blur({ width, height, data: explained }, windowSigma).data
  const ground = percentile5(explained)
  const kernel = gaussianKernel(windowSigma)
  const averaging = kernel.reduce((sum, value) => sum + value * value, 0) ** 2
  return sums.map((value, i) => {
    const light = brightness[i] as number
    const spread = varianceAt(noise, light) * averaging + (tolerated * Math.max(0, light - ground)) ** 2
    return value / Math.sqrt(spread + 1e-12)
  })
}

function percentile5(data: Float32Array): number {
  const sorted = data.slice().sort()
  return sorted[Math.floor(0.05 * (sorted.length - 1))] as number
}
