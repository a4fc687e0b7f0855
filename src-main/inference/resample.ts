/**
 * How an image comes to another pixel grid, exactly as the training does it (models/training/deepscope_training/resample.py):
 * Catmull-Rom interpolation (Catmull & Rom 1974, a = −1/2), both grids sharing their corners. Output pixel i has its middle at the
 * input coordinate u = (i + 0.5)·ratio − 0.5; pixels beyond an edge repeat the edge. An image *finer* than the target grid has its
 * kernel stretched by the ratio, so that what the coarse grid cannot carry is averaged instead of aliased.
 */

/** Where each output pixel of one axis takes its value from: `width` neighbours from `starts[i]` on, which may lie beyond the edges. */
export interface Taps {
  readonly length: number
  readonly width: number
  readonly starts: Int32Array
  readonly weights: Float32Array
}

/** Pixels of an axis after resampling; `ratio` = output pixel size / input pixel size. */
export function resampledLength(length: number, ratio: number): number {
  return Math.max(1, Math.round(length / ratio))
}

function kernel(x: number): number {
  const t = Math.abs(x)
  if (t < 1) return 1.5 * t ** 3 - 2.5 * t ** 2 + 1
  return t < 2 ? -0.5 * t ** 3 + 2.5 * t ** 2 - 4 * t + 2 : 0
}

export function tapsOf(inputLength: number, ratio: number): Taps {
  const length = resampledLength(inputLength, ratio)
  const stretch = Math.max(1, ratio)
  const width = Math.ceil(4 * stretch)
  const starts = new Int32Array(length)
  const weights = new Float32Array(length * width)
  for (let i = 0; i < length; i++) {
    const u = (i + 0.5) * ratio - 0.5
    const start = Math.floor(u - 2 * stretch) + 1
    const row = Array.from({ length: width }, (_, j) => kernel((u - start - j) / stretch))
    const sum = row.reduce((a, b) => a + b, 0)
    starts[i] = start
    row.forEach((weight, j) => {
      weights[i * width + j] = weight / sum
    })
  }
  return { length, width, starts, weights }
}

/**
 * One row for any number of taps: `count` results from result `first` of the axis on. `values[0]` is the input pixel where the taps
 * of `first` begin.
 */
export function resampleRow(values: Float32Array, taps: Taps, first: number, count: number, result: Float32Array): void {
  const { width, starts, weights } = taps
  const origin = starts[first] as number
  for (let i = 0; i < count; i++) {
    const at = (starts[first + i] as number) - origin
    const weightsAt = (first + i) * width
    let sum = 0
    for (let j = 0; j < width; j++) sum += (values[at + j] as number) * (weights[weightsAt + j] as number)
    result[i] = sum
  }
}

/** The weighted sum of any number of rows. */
export function combineRows(rows: readonly Float32Array[], weights: Float32Array, result: Float32Array): void {
  result.fill(0)
  rows.forEach((row, j) => {
    const weight = weights[j] as number
    for (let x = 0; x < result.length; x++) result[x] = (result[x] as number) + weight * (row[x] as number)
  })
}
