/** Planes too large for memory, in bands of rows: one row of tiles each, with all the rows of the image that these tiles read. */
import type { Band } from './inference.ts'
import type { RunnableModel } from './package.ts'
import { gridStep, planTiles } from './pipeline.ts'
import { resampledLength, tapsOf } from './resample.ts'

/** The bands of a plane, from the top; together they give every row of its grid once. `tile`: side of the largest tile. */
export function planBands(
  model: RunnableModel,
  { width, height, pixelSizeUm }: { readonly width: number; readonly height: number; readonly pixelSizeUm: number | null },
  tile: number,
): Band[] {
  const { ratio } = gridStep(model, pixelSizeUm)
  const gridHeight = resampledLength(height, ratio)
  const { y } = planTiles(model, { width: resampledLength(width, ratio), height: gridHeight }, tile)
  const taps = ratio === 1 ? null : tapsOf(height, ratio)
  return y.spans.map(({ start, keepStart, keepEnd }) => {
    const last = Math.min(gridHeight, start + y.size) - 1
    const first = taps ? Math.max(0, taps.starts[start] as number) : start
    const end = taps ? Math.min(height, (taps.starts[last] as number) + taps.width) : last + 1
    return { imageHeight: height, firstRow: first, rows: end - first, from: keepStart, to: keepEnd, tile }
  })
}
