/** Values of pictures that this window holds whole. */
import type { Pixels } from '#shared/image/frame.ts'
import type { Point } from './three/view.ts'

/** The value of the pixel at a place, 0…1 of the field; null outside. Row by row from the top left. */
export function valueAt({ width, height, data }: { width: number; height: number; data: Pixels }, place: Point): number | null {
  const column = Math.floor(place.x * width)
  const row = Math.floor(place.y * height)
  if (column < 0 || row < 0 || column >= width || row >= height) return null
  return data[row * width + column] ?? null
}
