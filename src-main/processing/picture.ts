/** One plane in memory, and work on it in slices, so that the host stays quick while a large one is prepared for looking. */
import type { Pixels } from '#shared/image/frame.ts'
import type { PlaneOf } from '#shared/image/plane.ts'

export type Picture = PlaneOf<Pixels>

/** A person is shown no more pixels a side. */
export const largestLook = 2048
/** Pixels worked on before others get a turn: about a millisecond. */
const slice = 1 << 18

/** Runs `work` for every row, with pauses. `pixelsPerRow` says how much work a row is. */
export async function overRows(rows: number, pixelsPerRow: number, work: (row: number) => void): Promise<void> {
  const each = Math.max(1, Math.floor(slice / pixelsPerRow))
  for (let row = 0; row < rows; row++) {
    if (row > 0 && row % each === 0) await new Promise((resolve) => setImmediate(resolve))
    work(row)
  }
}

/** At most `largest` pixels wide and high, by averaging whole blocks of pixels; the picture itself where it fits. */
export async function reduced(picture: Picture, largest: number): Promise<Picture> {
  const block = Math.ceil(Math.max(picture.width, picture.height) / largest)
  if (block <= 1) return picture
  const width = Math.max(1, Math.floor(picture.width / block))
  const height = Math.max(1, Math.floor(picture.height / block))
  const across = Math.min(block, picture.width)
  const down = Math.min(block, picture.height)
  const { data } = picture
  const result =
    data instanceof Uint8Array
      ? new Uint8Array(width * height)
      : data instanceof Uint16Array
        ? new Uint16Array(width * height)
        : new Float32Array(width * height)
  const round = data instanceof Float32Array ? (value: number) => value : Math.round
  await overRows(height, width * block * block, (y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (let row = y * block; row < y * block + down; row++) {
        const start = row * picture.width + x * block
        for (let i = start; i < start + across; i++) sum += data[i] as number
      }
      result[y * width + x] = round(sum / (across * down))
    }
  })
  return { width, height, data: result }
}

/** Grey values 0…255 between two limits. */
export async function toGrey({ width, height, data }: Picture, low: number, high: number): Promise<Uint8Array> {
  const result = new Uint8Array(width * height)
  const factor = 255 / Math.max(high - low, Number.MIN_VALUE)
  await overRows(height, width, (y) => {
    for (let i = y * width; i < (y + 1) * width; i++) {
      result[i] = Math.min(255, Math.max(0, Math.round(((data[i] as number) - low) * factor)))
    }
  })
  return result
}
