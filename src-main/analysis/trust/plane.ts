/** Pictures as the trust instruments take them: real numbers in rows. */
import type { Pixels } from '#shared/image/frame.ts'
import { cut, type Plane } from '#shared/image/plane.ts'

export function planeOf(width: number, height: number, data: Pixels): Plane {
  return { width, height, data: data instanceof Float32Array ? data : Float32Array.from(data) }
}

/** The middle of a picture, at most `longest` pixels wide and high; the picture itself where it fits. */
export function middleOf(picture: Plane, longest: number): Plane {
  const [width, height] = [Math.min(picture.width, longest), Math.min(picture.height, longest)]
  if (width === picture.width && height === picture.height) return picture
  return cut(picture, (picture.width - width) >> 1, (picture.height - height) >> 1, width, height)
}

/** Linear interpolation between order statistics, as numpy's `percentile` does. `sorted` ascending. */
export function percentileOf(sorted: ArrayLike<number>, percent: number): number {
  const rank = (percent / 100) * (sorted.length - 1)
  const low = Math.floor(rank)
  const a = sorted[low] as number
  const b = sorted[Math.min(sorted.length - 1, low + 1)] as number
  return a + (b - a) * (rank - low)
}

export function mean(data: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += data[i] as number
  return sum / data.length
}

/** Pearson's correlation, −1 … 1; 0 where either picture is flat. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const { covariance, varianceA, varianceB } = moments(a, b)
  const both = varianceA * varianceB
  return both > 0 ? covariance / Math.sqrt(both) : 0
}

/** Means, variances and covariance of two pictures of one size. */
export function moments(a: ArrayLike<number>, b: ArrayLike<number>) {
  const [meanA, meanB] = [mean(a), mean(b)]
  let varianceA = 0
  let varianceB = 0
  let covariance = 0
  for (let i = 0; i < a.length; i++) {
    const da = (a[i] as number) - meanA
    const db = (b[i] as number) - meanB
    varianceA += da * da
    varianceB += db * db
    covariance += da * db
  }
  const n = a.length
  return { meanA, meanB, varianceA: varianceA / n, varianceB: varianceB / n, covariance: covariance / n }
}
