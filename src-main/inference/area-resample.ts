/**
 * How an image comes to the grid of a network that tells what it shows, exactly as it is evaluated (localization/batches.on_grid; PyTorch's
 * `interpolate`, bilinear with antialiasing): a triangle as wide as two pixels of the coarser of both grids, its weights cut off at the edges and made to sum to one.
 */
import type { Pixels } from '#shared/image/frame.ts'
import type { Plane } from '#shared/image/plane.ts'
import { resampledLength } from './resample.ts'

interface Taps {
  readonly starts: Int32Array
  readonly weights: readonly Float64Array[]
}

function triangleTaps(length: number, wanted: number): Taps {
  const scale = length / wanted
  const stretch = Math.max(1, scale)
  const starts = new Int32Array(wanted)
  const weights = Array.from({ length: wanted }, (_, i) => {
    const centre = (i + 0.5) * scale
    const start = Math.max(0, Math.trunc(centre - stretch + 0.5))
    const end = Math.min(length, Math.trunc(centre + stretch + 0.5))
    const row = Float64Array.from({ length: end - start }, (_, j) => Math.max(0, 1 - Math.abs((start + j + 0.5 - centre) / stretch)))
    const sum = row.reduce((a, b) => a + b, 0)
    starts[i] = start
    return row.map((weight) => weight / sum)
  })
  return { starts, weights }
}

/** `ratio`: grid pixel / image pixel; 1 copies. */
export function onGrid({ width, height, data }: { width: number; height: number; data: Pixels }, ratio: number): Plane {
  if (ratio === 1) return { width, height, data: Float32Array.from(data) }
  const [columns, rows] = [resampledLength(width, ratio), resampledLength(height, ratio)]
  const [across, down] = [triangleTaps(width, columns), triangleTaps(height, rows)]
  const result = new Float32Array(columns * rows)
  /** Rows of the image that are as narrow as the grid: only those that the present row of the grid is made of. */
  const narrow = new Map<number, Float32Array>()
  for (let y = 0; y < rows; y++) {
    const [weights, start] = [down.weights[y] as Float64Array, down.starts[y] as number]
    for (const row of narrow.keys()) if (row < start) narrow.delete(row)
    for (let j = 0; j < weights.length; j++) {
      const row = narrow.get(start + j) ?? narrowed(data, (start + j) * width, across)
      narrow.set(start + j, row)
      const weight = weights[j] as number
      for (let x = 0; x < columns; x++) result[y * columns + x]! += weight * (row[x] as number)
    }
  }
  return { width: columns, height: rows, data: result }
}

function narrowed(data: Pixels, from: number, { starts, weights }: Taps): Float32Array {
  return Float32Array.from(weights, (row, x) => {
    const at = from + (starts[x] as number)
    let sum = 0
    for (let j = 0; j < row.length; j++) sum += (row[j] as number) * (data[at + j] as number)
    return sum
  })
}
