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
  /** The first has four inputs for every plane of a prepared picture that it sees: the first two, or all three. */
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

/** Pixels a side of a pixel's surroundings, and how little these may differ. */
const around = 17
const soft = 0.05

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
  const planes = [values, values.map((value) => Math.sqrt(Math.max(0, value))), standingOut(values, width, height)]
  const seen = planes.slice(0, (layers[0]?.inputs ?? 0) / 4)
  const [columns, rows] = [width / place, height / place]
  const [odd, blurred] = [new Float32Array(columns * rows), new Float32Array(columns * rows)]
  for (const mirroring of mirrorings) {
    let stack = prepared(seen, width, height, mirroring)
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

/** (y − m) / (s + 0.05) within −4 … 4; m and s: mean and standard deviation of the surroundings, as far as they lie in the picture. */
function standingOut(values: Float32Array, width: number, height: number): Float32Array {
  // Sums over all that lies above and to the left.
  const line = width + 1
  const [sums, squares] = [new Float64Array(line * (height + 1)), new Float64Array(line * (height + 1))]
  for (let y = 0; y < height; y++) {
    let [sum, square] = [0, 0]
    for (let x = 0; x < width; x++) {
      const value = values[y * width + x] as number
      sum += value
      square += value * value
      const at = (y + 1) * line + x + 1
      sums[at] = (sums[at - line] as number) + sum
      squares[at] = (squares[at - line] as number) + square
    }
  }
  const reach = (around - 1) / 2
  return values.map((value, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    const [left, right] = [Math.max(0, x - reach), Math.min(width, x + reach + 1)]
    const [top, bottom] = [Math.max(0, y - reach) * line, Math.min(height, y + reach + 1) * line]
    const count = ((right - left) * (bottom - top)) / line
    const meanOf = (table: Float64Array) =>
      ((table[bottom + right] as number) -
        (table[bottom + left] as number) -
        (table[top + right] as number) +
        (table[top + left] as number)) /
      count
    const mean = meanOf(sums)
    const spread = Math.sqrt(Math.max(0, meanOf(squares) - mean * mean))
    return Math.min(4, Math.max(-4, (value - mean) / (spread + soft)))
  })
}

/** Every plane as four channels of every second pixel: (0,0), (0,1), (1,0), (1,1). */
function prepared(planes: readonly Float32Array[], width: number, height: number, [overX, overY]: Mirroring): Stack {
  const [w, h] = [width / 2, height / 2]
  const result = new Float32Array(4 * planes.length * w * h)
  for (const [k, plane] of planes.entries())
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = plane[(overY ? height - 1 - y : y) * width + (overX ? width - 1 - x : x)] as number
        result[(4 * k + (y & 1) * 2 + (x & 1)) * w * h + (y >> 1) * w + (x >> 1)] = value
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
