/** Between images and the tensors of tiles: cutting out with the edge repeated, and putting back what may be kept. */
import type { Pixels } from '#shared/image/frame.ts'
import type { Normalisation } from './inference.ts'
import type { Span } from './tiling.ts'

/** A one-channel image in 32-bit floats, row by row. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** Pixels as floats; a copy, also of floats, because the caller's pixels are not ours to change. */
export function toFloats(data: Pixels): Float32Array {
  return new Float32Array(data)
}

/** (value − offset) / scale, in place. */
export function normalise(data: Float32Array, { offset, scale }: Normalisation): void {
  const factor = 1 / scale
  for (let i = 0; i < data.length; i++) data[i] = ((data[i] as number) - offset) * factor
}

/** Fills `tile` with the square of the image that begins at the spans' starts; beyond the edge, the edge's pixel is repeated. */
export function cutOut(image: Plane, y: Span, x: Span, tile: Plane): void {
  const inside = Math.max(0, Math.min(tile.width, image.width - x.start))
  for (let row = 0; row < tile.height; row++) {
    const from = Math.min(image.height - 1, y.start + row) * image.width
    const to = row * tile.width
    tile.data.set(image.data.subarray(from + x.start, from + x.start + inside), to)
    tile.data.fill(image.data[from + image.width - 1] as number, to + inside, to + tile.width)
  }
}

/**
 * Copies the part of a tile's channel that may be kept into the image, times `factor` plus `offset`.
 * @returns false where a kept value is not a finite number.
 */
export function putBack(tile: Plane, y: Span, x: Span, image: Plane, factor: number, offset: number): boolean {
  let check = 0
  for (let row = y.keepStart; row < y.keepEnd; row++) {
    const from = (row - y.start) * tile.width - x.start
    const source = tile.data.subarray(from + x.keepStart, from + x.keepEnd)
    const target = image.data.subarray(row * image.width + x.keepStart, row * image.width + x.keepEnd)
    for (let i = 0; i < source.length; i++) {
      const value = source[i] as number
      // Zero for every finite value, NaN otherwise, and NaN sticks: one test at the end instead of one for each pixel.
      check += value * 0
      target[i] = value * factor + offset
    }
  }
  return check === 0
}
