/**
 * A refocused stack, brought back through the optics to the plane it was made from: does it explain the input?
 *
 * What a widefield microscope shows at distance d is the sum over heights z of the specimen blurred by H(z − d) (docs/optics.md). Frequency by
 * frequency, the specimen on a grid of heights that gives the refocused planes with the least energy is found (Tikhonov), and seen again with the
 * focus at 0. Planes near the input's own are left out: there a network may simply repeat its input. A confocal plane is a section of the specimen
 * already, so it is blurred by H(d) and the planes are added.
 */

import { cut, type Plane } from '#shared/image/plane.ts'
import { cutoff, radialBins, TransferTables } from '#shared/optics.ts'
import type { NoiseModel } from './noise.ts'
import { averaged } from './smooth.ts'
import { type Explanation, explain } from './squirrel.ts'
import { signed, transformFor, transformLength } from './transform.ts'

/** What a network that refocuses says of its optics. µm. */
export interface FocusOptics {
  readonly numericalAperture: number
  readonly wavelengthUm: number
  readonly index: number
  /** Spherical aberration, waves RMS. */
  readonly aberration: number
  /** What the planes show. */
  readonly target: 'widefield' | 'confocal'
}

/** What was made of one picture at some distances from its focus, on one grid. */
export interface RefocusedStack {
  /** The picture; its pixels may be others. */
  readonly input: Plane
  readonly width: number
  readonly height: number
  readonly pixelUm: number
  /** Positive away from the objective. */
  readonly distancesUm: readonly number[]
  readonly planes: readonly Float32Array[]
}

/** Distances that are asked for to judge a network by, µm, within what it was trained for. */
export function judgedDistances(target: FocusOptics['target'], [low, high]: readonly [number, number]): number[] {
  return [-8, -6, -4, -2, 0, 2, 4, 6, 8].filter((um) => um >= low && um <= high && tells(um, target))
}

/** Whether a plane says more than the input: a widefield one that lies nearer to the input's own than 1 µm may repeat it. */
function tells(distanceUm: number, target: FocusOptics['target']): boolean {
  return target === 'confocal' || Math.abs(distanceUm) >= 1
}

/** Heights of the specimen lie so far apart and reach so far beyond the outermost planes. */
const layerUm = 1
const beyondUm = 3
/** Of the energy that a specimen evenly filled would have at frequency 0, for each layer. */
const regularisation = 0.05
/** Frequencies for which weights are made; between them they are interpolated. */
const samples = 192
/** The comparison is on pixels this large: planes 2 µm and more away pass little that is finer. */
const comparedUm = 1.3
/** Border that light from outside reaches, left out. */
const borderUm = 6

/** Weight of each plane at `samples` + 1 frequencies from 0 to the cut-off: the input plane is their sum. */
function weightsOf(distances: readonly number[], optics: FocusOptics): Float64Array[] {
  const tables = new TransferTables(optics)
  const transfer = (defocus: number) => {
    const table = tables.at(defocus)
    // Bin i of a table is the frequency cutoff·(i / bins)².
    return Float64Array.from({ length: samples + 1 }, (_, k) => table[Math.round(Math.sqrt(k / samples) * radialBins)] as number)
  }
  if (optics.target === 'confocal') return distances.map((d) => transfer(d))
  const first = Math.min(...distances) - beyondUm
  const layers = Math.round((Math.max(...distances) + beyondUm - first) / layerUm) + 1
  const heights = Array.from({ length: layers }, (_, j) => first + j * layerUm)
  const seen = distances.map((d) => heights.map((z) => transfer(z - d)))
  const wanted = heights.map((z) => transfer(z))
  const weights = distances.map(() => new Float64Array(samples + 1))
  for (let k = 0; k <= samples; k++) {
    const at = (table: Float64Array | undefined) => table?.[k] ?? 0
    const dot = (a: readonly Float64Array[], b: readonly Float64Array[]) => a.reduce((sum, table, j) => sum + at(table) * at(b[j]), 0)
    const matrix = seen.map((a, i) => seen.map((b, j) => dot(a, b) + (i === j ? regularisation : 0)))
    const solved = solve(
      matrix,
      seen.map((a) => dot(a, wanted)),
    )
    for (const [i, value] of solved.entries()) (weights[i] as Float64Array)[k] = value
  }
  return weights
}

/** x of A x = b for a symmetric positive definite A, by Cholesky's factors. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const n = right.length
  const lower = matrix.map(() => new Float64Array(n))
  const l = (i: number, j: number) => (lower[i] as Float64Array)[j] as number
  for (let i = 0; i < n; i++)
    for (let j = 0; j <= i; j++) {
      let sum = (matrix[i] as readonly number[])[j] as number
      for (let k = 0; k < j; k++) sum -= l(i, k) * l(j, k)
      ;(lower[i] as Float64Array)[j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / l(j, j)
    }
  const x = [...right]
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i]! -= l(i, k) * (x[k] as number)
    x[i]! /= l(i, i)
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i]! -= l(k, i) * (x[k] as number)
    x[i]! /= l(i, i)
  }
  return x
}

/** The stack as the microscope would show it with the focus at 0. Its sides must suit a transform. */
export function backAtFocus({ width, height, pixelUm, distancesUm, planes }: Omit<RefocusedStack, 'input'>, optics: FocusOptics): Plane {
  const used = distancesUm.flatMap((distance, index) => (tells(distance, optics.target) ? [index] : []))
  const weights = weightsOf(
    used.map((index) => distancesUm[index] as number),
    optics,
  )
  const top = cutoff(optics.numericalAperture, optics.wavelengthUm)
  const transform = transformFor(width, height)
  const place = new Float32Array(width * height)
  for (let kx = 0; kx < width; kx++)
    for (let ky = 0; ky < height; ky++) {
      const frequency = Math.hypot(signed(kx, width) / width, signed(ky, height) / height) / pixelUm
      place[kx * height + ky] = Math.min(samples, (frequency / top) * samples)
    }
  const sum = { re: new Float32Array(width * height), im: new Float32Array(width * height) }
  for (const [i, index] of used.entries()) {
    const { re, im } = transform.forward({ width, height, data: planes[index] as Float32Array })
    const table = weights[i] as Float64Array
    for (let at = 0; at < place.length; at++) {
      const low = Math.min(samples - 1, Math.floor(place[at] as number))
      const part = (place[at] as number) - low
      const weight = (table[low] as number) * (1 - part) + (table[low + 1] as number) * part
      sum.re[at]! += weight * (re[at] as number)
      sum.im[at]! += weight * (im[at] as number)
    }
  }
  return transform.inverse(sum)
}

interface StackExplanation {
  readonly fit: Explanation
  /** Of the compared pixels. */
  readonly noise: NoiseModel
}

/** As `explain`, for a refocused stack and its input; null where the picture is too small for the blur of its depth. */
export function explainStack(stack: RefocusedStack, optics: FocusOptics, noise: NoiseModel): StackExplanation | null {
  const [width, height] = [transformLength(stack.width), transformLength(stack.height)]
  const step = Math.max(1, Math.round(comparedUm / stack.pixelUm))
  // Whole compared pixels, so that both grids are cut at the same place.
  const whole = (length: number) => Math.ceil(length / step) * step
  const border = whole(borderUm / stack.pixelUm)
  const size = (length: number) => Math.floor((length - 2 * border) / step)
  const [columns, rows] = [size(width), size(height)]
  if (columns < 8 || rows < 8) return null
  const [left, top] = [stack.width - width, stack.height - height].map((spare) => Math.floor(spare / 2 / step) * step) as [number, number]
  const part = (data: Float32Array) => cut({ width: stack.width, height: stack.height, data }, left, top, width, height)
  const back = backAtFocus({ ...stack, width, height, planes: stack.planes.map((data) => part(data).data) }, optics)
  const judged = cut(back, border, border, columns * step, rows * step)
  // The same place of the input, on its own grid.
  const { input } = stack
  const [sx, sy] = [input.width / stack.width, input.height / stack.height]
  const at = (start: number, scale: number) => Math.round(start * scale)
  const reference = cut(input, at(left + border, sx), at(top + border, sy), at(columns * step, sx), at(rows * step, sy))
  const share = Math.min(1, (columns * rows) / (reference.width * reference.height))
  return {
    fit: explain(reference, averaged(judged, columns, rows), noise),
    noise: { ground: noise.ground * share, slope: noise.slope * share, least: noise.least * share },
  }
}
