/**
 * Runs a package's lookout: a small network that was taught to tell the training's own inputs from odd structure and from blur
 * (models/training/deepscope_training/superres/lookout.py, which this repeats; test/cases/trust holds values that both must give). Pure arithmetic, and
 * some tens of thousands of multiplications a camera pixel.
 */
import { cut, type Plane } from '#shared/image/plane.ts'
import { convolved, type Layer, type Stack } from './convolution.ts'
import { percentileOf } from './plane.ts'

export interface Lookout {
  /** Of the inputs it was taught with. */
  readonly pixelSizeUm: number
  readonly layers: readonly Layer[]
  /** 1 × 1: 2 × inputs weights and two biases, for odd structure and for blur. */
  readonly head: { readonly weights: Float32Array; readonly bias: Float32Array }
}

/** Log odds for every place, row by row. A place is as many camera pixels wide and high as the strides multiply to, times the two of the first step. */
export interface Sighting {
  readonly columns: number
  readonly rows: number
  readonly odd: Float32Array
  readonly blurred: Float32Array
}

/** Smaller pictures are mostly edge. */
const smallest = 64

/** Left to right, up and down: what is odd is odd in a mirror, and the mean of four opinions errs less than one. */
const mirrorings = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const

/** null where the picture is smaller than 64 pixels. What lies beyond the last whole place, right and below, is left out. */
export function lookAt({ layers, head }: Lookout, picture: Plane): Sighting | null {
  if (Math.min(picture.width, picture.height) < smallest) return null
  const place = layers.reduce((product, { stride }) => product * stride, 2)
  const [width, height] = [picture.width - (picture.width % place), picture.height - (picture.height % place)]
  const values = normalised(cut(picture, 0, 0, width, height).data)
  const [columns, rows] = [width / place, height / place]
  const [odd, blurred] = [new Float32Array(columns * rows), new Float32Array(columns * rows)]
  for (const mirroring of mirrorings) {
    let stack = prepared(values, width, height, mirroring)
    for (const layer of layers) stack = convolved(stack, layer)
    for (const [k, sum] of [odd, blurred].entries()) addLogits(stack, head, k, mirroring, sum)
  }
  return { columns, rows, odd, blurred }
}

/** Adds the share of one mirroring to the mean log odds of kind `k`, turned back. */
function addLogits(
  { width, height, data }: Stack,
  { weights, bias }: Lookout['head'],
  k: number,
  [overX, overY]: Mirroring,
  sum: Float32Array,
): void {
  const inputs = weights.length / 2
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let logit = bias[k] as number
      for (let c = 0; c < inputs; c++) logit += (weights[k * inputs + c] as number) * (data[(c * height + y) * width + x] as number)
      sum[(overY ? height - 1 - y : y) * width + (overX ? width - 1 - x : x)]! += logit / mirrorings.length
    }
}

type Mirroring = (typeof mirrorings)[number]

/** (x − p1) / (p99.9 − p1 + 1e-6) within −1 … 2. */
function normalised(data: Float32Array): Float32Array {
  const sorted = data.slice().sort()
  const low = percentileOf(sorted, 1)
  const range = percentileOf(sorted, 99.9) - low + 1e-6
  return data.map((value) => Math.min(2, Math.max(-1, (value - low) / range)))
}

/** y and √max(y, 0); each as four channels of every second pixel: (0,0), (0,1), (1,0), (1,1). */
function prepared(values: Float32Array, width: number, height: number, [overX, overY]: Mirroring): Stack {
  const [w, h] = [width / 2, height / 2]
  const result = new Float32Array(8 * w * h)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const value = values[(overY ? height - 1 - y : y) * width + (overX ? width - 1 - x : x)] as number
      const at = ((y & 1) * 2 + (x & 1)) * w * h + (y >> 1) * w + (x >> 1)
      result[at] = value
      result[at + 4 * w * h] = Math.sqrt(Math.max(0, value))
    }
  return { width: w, height: h, data: result }
}

/** Without those at the edge, which are judged by half of their surroundings and are called odd most often for no reason. */
export function placesThatCount({ columns, rows }: Pick<Sighting, 'columns' | 'rows'>): number {
  return Math.max(0, columns - 2) * Math.max(0, rows - 2)
}

/** The largest mean of 2 × 2 neighbours, of the places that count: how odd the oddest place is. */
export function oddest({ columns, rows, odd }: Sighting): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let y = 1; y + 2 < rows; y++)
    for (let x = 1; x + 2 < columns; x++) {
      const at = y * columns + x
      const near = ((odd[at] as number) + (odd[at + 1] as number) + (odd[at + columns] as number) + (odd[at + columns + 1] as number)) / 4
      if (near > largest) largest = near
    }
  return largest
}

/** The median over the places: how odd the picture is as a whole. */
export function oddAllOver({ odd }: Sighting): number {
  return percentileOf(odd.slice().sort(), 50)
}

/** The mean over the picture: blur is everywhere. */
export function blurredness({ blurred }: Sighting): number {
  return blurred.reduce((sum, value) => sum + value, 0) / blurred.length
}
