/**
 * Brings an image to another pixel grid, exactly as the training does (models/training/deepscope_training/resample.py):
 * Catmull-Rom interpolation (Catmull & Rom 1974, a = −1/2), both grids sharing their corners. Output pixel i has its middle at the
 * input coordinate u = (i + 0.5)·ratio − 0.5; pixels beyond an edge repeat the edge. An image *finer* than the target grid has its
 * kernel stretched by the ratio, so that what the coarse grid cannot carry is averaged instead of aliased.
 */

/** Where each output pixel of one axis takes its value from: `width` neighbours from `starts[i]` on, which may lie beyond the edges. */
interface Taps {
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

function taps(inputLength: number, ratio: number): Taps {
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

export interface Resampled {
  readonly data: Float32Array
  readonly width: number
  readonly height: number
}

/**
 * Resamples rows, then columns. `data.length === width * height`. `allocate` gives the memory of the result, which need not be zero.
 */
export function resample(
  data: Float32Array,
  width: number,
  height: number,
  ratio: number,
  allocate: (length: number) => Float32Array = (length) => new Float32Array(length),
): Resampled {
  const across = taps(width, ratio)
  const down = taps(height, ratio)
  const result = allocate(across.length * down.length)
  // Input rows, resampled across, are needed in order and only while they are near: as many are kept as a column has taps.
  const ring = Array.from({ length: down.width }, () => new Float32Array(across.length))
  const padded = paddedRow(width, across)
  let ready = -1
  for (let y = 0; y < down.length; y++) {
    const start = down.starts[y] as number
    const rows: Float32Array[] = []
    for (let j = 0; j < down.width; j++) {
      const row = Math.min(height - 1, Math.max(0, start + j))
      const target = ring[row % down.width] as Float32Array
      for (; ready < row; ready++) {
        padded.fill(data.subarray((ready + 1) * width, (ready + 2) * width))
        resampleRow(padded, across, ring[(ready + 1) % down.width] as Float32Array)
      }
      rows.push(target)
    }
    combineRows(
      rows,
      down.weights.subarray(y * down.width, (y + 1) * down.width),
      result.subarray(y * across.length, (y + 1) * across.length),
    )
  }
  return { data: result, width: across.length, height: down.length }
}

interface PaddedRow {
  readonly values: Float32Array
  /** Index of the row's first pixel. */
  readonly margin: number
  fill(row: Float32Array): void
}

/** A row with its edges repeated as far as the taps reach. */
function paddedRow(width: number, { starts, width: reach, length }: Taps): PaddedRow {
  const margin = Math.max(0, -(starts[0] as number))
  const end = Math.max(width, (starts[length - 1] as number) + reach)
  const values = new Float32Array(margin + end)
  return {
    values,
    margin,
    fill(row) {
      values.fill(row[0] as number, 0, margin)
      values.set(row, margin)
      values.fill(row[width - 1] as number, margin + width)
    },
  }
}

function resampleRow({ values, margin }: PaddedRow, { length, width, starts, weights }: Taps, result: Float32Array): void {
  if (width === 4) {
    for (let i = 0, k = 0; i < length; i++, k += 4) {
      const at = (starts[i] as number) + margin
      result[i] =
        (values[at] as number) * (weights[k] as number) +
        (values[at + 1] as number) * (weights[k + 1] as number) +
        (values[at + 2] as number) * (weights[k + 2] as number) +
        (values[at + 3] as number) * (weights[k + 3] as number)
    }
    return
  }
  for (let i = 0; i < length; i++) {
    const at = (starts[i] as number) + margin
    let sum = 0
    for (let j = 0; j < width; j++) sum += (values[at + j] as number) * (weights[i * width + j] as number)
    result[i] = sum
  }
}

function combineRows(rows: readonly Float32Array[], weights: Float32Array, result: Float32Array): void {
  const [a, b, c, d] = rows
  if (rows.length === 4 && a && b && c && d) {
    const [wa = 0, wb = 0, wc = 0, wd = 0] = weights
    for (let x = 0; x < result.length; x++) {
      result[x] = (a[x] as number) * wa + (b[x] as number) * wb + (c[x] as number) * wc + (d[x] as number) * wd
    }
    return
  }
  result.fill(0)
  rows.forEach((row, j) => {
    const weight = weights[j] as number
    for (let x = 0; x < result.length; x++) result[x] = (result[x] as number) + weight * (row[x] as number)
  })
}
