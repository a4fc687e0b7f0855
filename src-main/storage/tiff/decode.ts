/** Strips and tiles to pixels. geotiff's decoders undo LZW, Zstandard and JPEG; deflate is Node's own, which can be given a limit. */
import { inflateSync } from 'node:zlib'
import { getDecoder } from 'geotiff'
import { messageOf } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { TiffBytes } from './file.ts'
import { type Page, pixelTypeOfPage, segmentBytes, segmentRows, segmentsAcross, segmentsDown } from './page.ts'
import { type Stored, undoPredictor } from './predictor.ts'

/** Rows of a page: top ≤ row < top + rows. */
export interface RowRange {
  readonly top: number
  readonly rows: number
}

/** Rows read at once of a plane that lies in the file in one piece. */
const stripRows = 64

/**
 * One sample of one page, or some rows of it, row by row. Values of other types than the product's become float32. Only the strips and
 * tiles that hold these rows are read, and of a plane in one plain piece only these rows. Rejects with DatasetInvalid.
 */
export async function readSample(
  file: TiffBytes,
  whole: Page,
  sample: number,
  range: RowRange = { top: 0, rows: whole.height },
): Promise<Pixels> {
  const page = inStrips(whole)
  const { offsets, lengths } = await page.segments()
  const [across, down] = [segmentsAcross(page), segmentsDown(page)]
  const out = newPixels(page, range.rows)
  const bottom = range.top + range.rows
  const first = page.separate ? sample * across * down : 0
  const interleave = page.separate ? { step: 1, shift: 0 } : { step: page.storedSamples, shift: sample }
  for (let row = Math.floor(range.top / page.segmentHeight); row < Math.min(down, Math.ceil(bottom / page.segmentHeight)); row++) {
    const rows = segmentRows(page, row)
    for (let column = 0; column < across; column++) {
      const index = first + row * across + column
      const [offset, length] = [offsets[index] ?? 0, lengths[index] ?? 0]
      // A length of 0 stands for a segment that was never written.
      if (length === 0) continue
      const packed = await file.read(offset, length, 'a strip or tile')
      const bytes = await unpack(file, page, packed, segmentBytes(page, rows))
      const values = undoPredictor(typed(page, bytes, rows), page, rows)
      place(values, out, page, { row, column, rows, ...interleave }, range)
    }
  }
  if (page.photometric === 0 && page.format === 'unsigned') invert(out, 2 ** page.bits - 1)
  return out
}

/** A plane in one plain piece can be cut anywhere: in strips, a part of it costs no more than its own bytes. */
function inStrips(page: Page): Page {
  const one = page.compression === 1 && page.predictor === 1 && !page.tiled && page.segmentHeight >= page.height
  if (!one || page.height <= stripRows) return page
  const down = Math.ceil(page.height / stripRows)
  const rowBytes = segmentBytes(page, 1)
  return {
    ...page,
    segmentHeight: stripRows,
    async segments() {
      const given = await page.segments()
      const offsets = new Float64Array(down * given.offsets.length)
      const lengths = new Float64Array(offsets.length)
      for (let index = 0; index < offsets.length; index++) {
        const piece = Math.floor(index / down)
        const row = (index % down) * stripRows
        const length = given.lengths[piece] ?? 0
        offsets[index] = (given.offsets[piece] ?? 0) + row * rowBytes
        // A piece that ends too early has strips that are too short, and nothing of which strips begin.
        const rest = Math.max(1, length - row * rowBytes)
        lengths[index] = length === 0 ? 0 : Math.min(rest, rowBytes * Math.min(stripRows, page.height - row))
      }
      return { offsets, lengths }
    },
  }
}

function newPixels(page: Page, rows: number): Pixels {
  const length = page.width * rows
  const { pixelType } = pixelTypeOfPage(page)
  if (pixelType === 'uint8') return new Uint8Array(length)
  return pixelType === 'uint16' ? new Uint16Array(length) : new Float32Array(length)
}

interface Place {
  readonly row: number
  readonly column: number
  readonly rows: number
  readonly step: number
  readonly shift: number
}

function place(values: Stored, out: Pixels, page: Page, { row, column, rows, step, shift }: Place, range: RowRange): void {
  const left = column * page.segmentWidth
  const top = row * page.segmentHeight
  const columns = Math.min(page.segmentWidth, page.width - left)
  for (let y = Math.max(0, range.top - top); y < Math.min(rows, page.height - top, range.top + range.rows - top); y++) {
    const from = y * page.segmentWidth * step
    const to = (top + y - range.top) * page.width + left
    if (step === 1) out.set(values.subarray(from, from + columns), to)
    else for (let x = 0; x < columns; x++) out[to + x] = values[from + x * step + shift] ?? 0
  }
}

function invert(pixels: Pixels, white: number): void {
  for (let i = 0; i < pixels.length; i++) pixels[i] = white - (pixels[i] ?? 0)
}

/** Exactly `wanted` bytes, or an error that says the data end too early. */
async function unpack(file: TiffBytes, page: Page, packed: Uint8Array, wanted: number): Promise<Uint8Array> {
  let bytes: Uint8Array
  try {
    bytes = await decompress(page, packed, wanted)
  } catch (error) {
    throw file.invalid(`is damaged: a strip or tile cannot be unpacked (${messageOf(error)})`, error)
  }
  if (bytes.length < wanted) throw file.invalid('is cut short or damaged: a strip or tile holds too few pixels')
  return bytes.subarray(0, wanted)
}

/** Compressions that can be undone, by their number in TIFF. */
const compressions: Readonly<Record<number, string>> = {
  1: 'none',
  5: 'LZW',
  7: 'JPEG',
  8: 'deflate',
  32773: 'PackBits',
  32946: 'deflate',
  50000: 'Zstandard',
}

export function canDecompress(page: Page): boolean {
  return page.compression in compressions && (page.compression !== 7 || (page.bits === 8 && page.storedSamples === 1))
}

async function decompress(page: Page, packed: Uint8Array, wanted: number): Promise<Uint8Array> {
  switch (page.compression) {
    case 1:
      return packed
    case 8:
    case 32946:
      // A strip that claims to be small and unpacks to gigabytes ends here. Writers may pad the last strip to full height.
      return inflateSync(packed, { maxOutputLength: Math.max(wanted, segmentBytes(page, page.segmentHeight)) + 65536 })
    case 32773:
      return unpackBits(packed, wanted)
    default: {
      const decoder = await getDecoder(page.compression, {
        tileWidth: page.segmentWidth,
        tileHeight: page.segmentHeight,
        planarConfiguration: page.separate ? 2 : 1,
        bitsPerSample: [page.bits],
        // Undone here: geotiff takes no heed of the byte order.
        predictor: 1,
        ...(page.jpegTables ? { JPEGTables: page.jpegTables } : {}),
      })
      return new Uint8Array(await decoder.decode(packed.buffer))
    }
  }
}

/** PackBits, TIFF 6.0 section 9: −128 means nothing. */
function unpackBits(packed: Uint8Array, wanted: number): Uint8Array {
  const out = new Uint8Array(wanted)
  let to = 0
  for (let from = 0; from < packed.length && to < wanted; ) {
    const code = ((packed[from++] ?? 0) << 24) >> 24
    if (code >= 0) {
      const run = packed.subarray(from, from + Math.min(code + 1, wanted - to))
      out.set(run, to)
      to += run.length
      from += code + 1
    } else if (code !== -128) {
      const end = Math.min(to + 1 - code, wanted)
      out.fill(packed[from++] ?? 0, to, end)
      to = end
    }
  }
  return out.subarray(0, to)
}

/** Values in this machine's byte order. */
function typed(page: Page, bytes: Uint8Array, rows: number): Stored {
  const { bits, format } = page
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) return unpackSamples(page, bytes, rows)
  const own = bytes.slice()
  // The floating-point predictor works on bytes in order of significance, whatever the file's order.
  if (!page.littleEndian && page.predictor !== 3 && bits > 8) swap(Buffer.from(own.buffer), bits)
  if (format === 'float') return bits === 32 ? new Float32Array(own.buffer) : new Float64Array(own.buffer)
  if (bits === 8) return format === 'signed' ? new Int8Array(own.buffer) : own
  if (bits === 16) return format === 'signed' ? new Int16Array(own.buffer) : new Uint16Array(own.buffer)
  return format === 'signed' ? new Int32Array(own.buffer) : new Uint32Array(own.buffer)
}

function swap(buffer: Buffer, bits: number): void {
  if (bits === 16) buffer.swap16()
  else if (bits === 32) buffer.swap32()
  else buffer.swap64()
}

/** Samples of 1 to 15 bits, most significant bit first; each row begins at a byte. */
function unpackSamples(page: Page, bytes: Uint8Array, rows: number): Stored {
  const { bits } = page
  const perRow = page.segmentWidth * (page.separate ? 1 : page.storedSamples)
  const stride = Math.ceil((perRow * bits) / 8)
  const out = bits <= 8 ? new Uint8Array(rows * perRow) : new Uint16Array(rows * perRow)
  const mask = 2 ** bits - 1
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < perRow; i++) {
      const bit = i * bits
      const at = row * stride + (bit >> 3)
      const three = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
      out[row * perRow + i] = (three >> (24 - bits - (bit & 7))) & mask
    }
  }
  return out
}
