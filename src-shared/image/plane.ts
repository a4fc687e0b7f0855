/** One picture in memory: numbers row by row from the top left, `data.length === width * height`. */
import type { Pixels } from './frame.ts'

export interface PlaneOf<P extends Pixels> {
  readonly width: number
  readonly height: number
  readonly data: P
}

/** Of real numbers, as networks and instruments take it. */
export type Plane = PlaneOf<Float32Array>

/** A part of a picture, which must lie within it, in memory of its own. */
export function cut<P extends Pixels>(
  { width: stride, data }: PlaneOf<P>,
  left: number,
  top: number,
  width: number,
  height: number,
): PlaneOf<P> {
  const part = new (data.constructor as new (length: number) => P)(width * height)
  for (let y = 0; y < height; y++) {
    const from = (top + y) * stride + left
    part.set(data.subarray(from, from + width), y * width)
  }
  return { width, height, data: part }
}
