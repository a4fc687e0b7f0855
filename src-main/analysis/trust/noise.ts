/** The noise of a picture from the picture itself: variance = ground + slope · value, as shot noise and read noise give. */
import type { Plane } from '#shared/image/plane.ts'
import { percentileOf } from './plane.ts'
import { blur } from './smooth.ts'

export interface NoiseModel {
  /** Variance at value 0, units². May be negative where the camera adds an offset. */
  readonly ground: number
  /** Units of variance for each unit of value. */
  readonly slope: number
  /** Smallest variance that was seen. */
  readonly least: number
}

const classes = 12
/** Width of the local mean that the classes are made by, pixels. */
const localSigma = 2

export function varianceAt({ ground, slope, least }: NoiseModel, value: number): number {
  return Math.max(least, ground + slope * value)
}

/**
 * From the picture filtered by a mask that smooth structure does not pass (Immerkær 1996), whose unit-variance output is compared class by class
 * of local brightness; robust, so that structure counts little. Fine, bright structure still makes it too large, never too small.
 */
export function noiseOf(picture: Plane): NoiseModel {
  const { width, height, data } = picture
  const local = blur(picture, localSigma).data
  const count = (width - 2) * (height - 2)
  const masked = new Float32Array(count)
  const values = new Float32Array(count)
  const column = (i: number) => (data[i - width] as number) - 2 * (data[i] as number) + (data[i + width] as number)
  for (let y = 1, to = 0; y < height - 1; y++)
    for (let x = 1; x < width - 1; x++, to++) {
      const i = y * width + x
      masked[to] = Math.abs(column(i - 1) - 2 * column(i) + column(i + 1)) / 6
      values[to] = local[i] as number
    }
  return fit(classPoints(values, masked))
}

/** From two pictures of the same thing, whose difference is noise alone. */
export function noiseOfPair(a: Plane, b: Plane): NoiseModel {
  const sum = { ...a, data: a.data.map((value, i) => (value + (b.data[i] as number)) / 2) }
  const local = blur(sum, localSigma).data
  const difference = a.data.map((value, i) => Math.abs(value - (b.data[i] as number)) / Math.SQRT2)
  return fit(classPoints(local, difference))
}

interface Point {
  readonly value: number
  readonly variance: number
}

/** Robust variance (median |x| / 0.6745)² in classes of equal number, by brightness. */
function classPoints(values: Float32Array, absolute: Float32Array): Point[] {
  const sorted = values.slice().sort()
  const edges = Array.from({ length: classes - 1 }, (_, i) => percentileOf(sorted, (100 * (i + 1)) / classes))
  const members = Array.from({ length: classes }, () => ({ values: [] as number[], absolute: [] as number[] }))
  // A part of the pixels tells as much as all of them.
  const stride = Math.max(1, Math.floor(values.length / 60_000))
  for (let i = 0; i < values.length; i += stride) {
    const value = values[i] as number
    let c = 0
    while (c < edges.length && value > (edges[c] as number)) c++
    members[c]!.values.push(value)
    members[c]!.absolute.push(absolute[i] as number)
  }
  return members
    .filter((each) => each.values.length >= 20)
    .map((each) => {
      const value = each.values.reduce((a, b) => a + b, 0) / each.values.length
      return { value, variance: (percentileOf(Float64Array.from(each.absolute).sort(), 50) / 0.6745) ** 2 }
    })
}

/** A straight line by least squares, weighted by 1 / variance² because the spread of a variance grows with it; never falling. */
function fit(points: readonly Point[]): NoiseModel {
  const least = Math.max(1e-12, Math.min(...points.map(({ variance }) => variance)))
  let [s, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0]
  for (const { value, variance } of points) {
    const weight = 1 / Math.max(variance, least) ** 2
    s += weight
    sx += weight * value
    sy += weight * variance
    sxx += weight * value * value
    sxy += weight * value * variance
  }
  const spread = s * sxx - sx * sx
  const slope = spread > 1e-9 * s * sxx ? Math.max(0, (s * sxy - sx * sy) / spread) : 0
  return { ground: (sy - slope * sx) / s, slope, least }
}
