/** TIFF files of one directory, written byte by byte, for what no writer at hand makes and for what none should. */

/** Tag, type, count, value (or where the values lie). */
export type Entry = readonly [tag: number, type: number, count: number, value: number]

/** Where the bytes after the directory begin. */
export function tailOffset(entries: number): number {
  return 8 + 2 + 12 * entries + 4
}

/** Header, directory, tail. */
export function tiffOf(entries: readonly Entry[], tail: Uint8Array = new Uint8Array(), littleEndian = true): Buffer {
  const view = new DataView(new ArrayBuffer(tailOffset(entries.length)))
  view.setUint16(0, littleEndian ? 0x4949 : 0x4d4d)
  view.setUint16(2, 42, littleEndian)
  view.setUint32(4, 8, littleEndian)
  view.setUint16(8, entries.length, littleEndian)
  for (const [i, [tag, type, count, value]] of entries.entries()) {
    const at = 10 + 12 * i
    view.setUint16(at, tag, littleEndian)
    view.setUint16(at + 2, type, littleEndian)
    view.setUint32(at + 4, count, littleEndian)
    // A single SHORT stands at the beginning of its four bytes.
    if (type === 3 && count === 1) view.setUint16(at + 8, value, littleEndian)
    else view.setUint32(at + 8, value, littleEndian)
  }
  return Buffer.concat([new Uint8Array(view.buffer), tail])
}

export interface TinyPicture {
  readonly width: number
  readonly height: number
  readonly bits: number
  readonly compression: number
  readonly format?: number
  readonly predictor?: number
  readonly littleEndian?: boolean
}

/** One gray picture in one strip. */
export function tinyTiff(picture: TinyPicture, strip: Uint8Array): Buffer {
  const { width, height, bits, compression, format = 1, predictor = 1, littleEndian = true } = picture
  const entries: Entry[] = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 1, bits],
    [259, 3, 1, compression],
    [262, 3, 1, 1],
    [273, 4, 1, tailOffset(9)],
    [279, 4, 1, strip.length],
    [317, 3, 1, predictor],
    [339, 3, 1, format],
  ]
  return tiffOf(entries, strip, littleEndian)
}
