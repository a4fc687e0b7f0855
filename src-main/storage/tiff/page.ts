/** How the pixels of one directory lie in the file, checked before anything is reserved for them. */
import type { PixelType } from '#shared/image/frame.ts'
import type { Directory } from './directory-reader.ts'
import type { TiffBytes } from './file.ts'
import { tags } from './tags.ts'

/** 16384 × 16384. A larger plane would need more memory than the machines this runs on have to spare. */
const mostPixels = 2 ** 28

export type SampleFormat = 'unsigned' | 'signed' | 'float'

export interface Page {
  readonly width: number
  readonly height: number
  /** Samples that are pictures; a transparency channel is not counted. */
  readonly samples: number
  readonly storedSamples: number
  readonly bits: number
  readonly format: SampleFormat
  readonly compression: number
  readonly predictor: number
  /** Each sample in segments of its own, instead of side by side. */
  readonly separate: boolean
  readonly photometric: number
  readonly segmentWidth: number
  readonly segmentHeight: number
  readonly tiled: boolean
  readonly littleEndian: boolean
  readonly jpegTables: Uint8Array | null
  /** Offsets and lengths of the strips or tiles. */
  segments(): Promise<{ readonly offsets: Float64Array; readonly lengths: Float64Array }>
}

/** Rejects with DatasetInvalid for sizes, types and encodings that cannot be read. `which` is the plane, from 1. */
export async function readPage(file: TiffBytes, directory: Directory, which: number): Promise<Page> {
  const width = await directory.number(tags.imageWidth, 0)
  const height = await directory.number(tags.imageLength, 0)
  if (!(width >= 1 && height >= 1)) throw file.invalid(`is damaged: picture ${which} has no size`)
  if (width * height > mostPixels) {
    const limit = `at most ${Math.round(mostPixels / 1e6)} million pixels in a plane can be read`
    throw file.invalid(`claims a picture of ${width} × ${height} pixels; ${limit}`)
  }
  const storedSamples = await directory.number(tags.samplesPerPixel, 1)
  const bitsEach = await directory.numbers(tags.bitsPerSample)
  const bits = bitsEach[0] ?? 1
  if (bitsEach.some((value) => value !== bits)) throw file.invalid('has samples of different depth, which are not supported')
  const format = formatOf(await directory.number(tags.sampleFormat, 1))
  const photometric = await directory.number(tags.photometric, 1)
  if (!format || !supported(format, bits)) throw file.invalid(`has ${bits}-bit pixels of a kind that is not supported`)
  if (photometric > 3) throw file.invalid('is a photograph or print image (not gray or RGB), which is not supported')
  if ((await directory.number(tags.fillOrder, 1)) !== 1) throw file.invalid('has its bits in reverse order, which is not supported')
  const alpha = (await directory.numbers(tags.extraSamples)).filter((kind) => kind === 1 || kind === 2).length
  const samples = storedSamples - alpha
  if (!(samples >= 1 && storedSamples <= 64)) throw file.invalid(`has ${storedSamples} samples a pixel, which is not supported`)
  const tiled = directory.has(tags.tileOffsets)
  const page: Page = {
    width,
    height,
    samples,
    storedSamples,
    bits,
    format,
    compression: await directory.number(tags.compression, 1),
    predictor: await directory.number(tags.predictor, 1),
    separate: (await directory.number(tags.planarConfiguration, 1)) === 2,
    photometric,
    tiled,
    segmentWidth: tiled ? await directory.number(tags.tileWidth, 0) : width,
    segmentHeight: tiled ? await directory.number(tags.tileLength, 0) : Math.min(await directory.number(tags.rowsPerStrip, height), height),
    littleEndian: directory.littleEndian,
    jpegTables: await directory.bytes(tags.jpegTables, 65536),
    segments: () => readSegments(file, directory, page, which),
  }
  if (!(page.segmentWidth >= 1 && page.segmentHeight >= 1 && page.segmentWidth * page.segmentHeight <= 2 * mostPixels)) {
    throw file.invalid(`is damaged: picture ${which} has tiles of ${page.segmentWidth} × ${page.segmentHeight}`)
  }
  return page
}

export function segmentsAcross(page: Page): number {
  return Math.ceil(page.width / page.segmentWidth)
}

export function segmentsDown(page: Page): number {
  return Math.ceil(page.height / page.segmentHeight)
}

/** Bytes of a segment of `rows` rows once decoded. */
export function segmentBytes(page: Page, rows: number): number {
  return rows * Math.ceil((page.segmentWidth * (page.separate ? 1 : page.storedSamples) * page.bits) / 8)
}

/** Rows that a segment really holds: tiles are padded, the last strip is not. */
export function segmentRows(page: Page, row: number): number {
  return page.tiled ? page.segmentHeight : Math.min(page.segmentHeight, page.height - row * page.segmentHeight)
}

/** What the product's pixels will be, and whether that is not what the file holds. */
export function pixelTypeOfPage(page: Page): { readonly pixelType: PixelType; readonly converted: boolean } {
  const { format, bits } = page
  if (format === 'unsigned' && bits <= 8) return { pixelType: 'uint8', converted: false }
  if (format === 'unsigned' && bits <= 16) return { pixelType: 'uint16', converted: false }
  return { pixelType: 'float32', converted: !(format === 'float' && bits === 32) }
}

async function readSegments(file: TiffBytes, directory: Directory, page: Page, which: number) {
  const wanted = segmentsAcross(page) * segmentsDown(page) * (page.separate ? page.storedSamples : 1)
  const offsets = await directory.numbers(page.tiled ? tags.tileOffsets : tags.stripOffsets)
  const lengthTag = page.tiled ? tags.tileByteCounts : tags.stripByteCounts
  // Old writers leave the lengths out where nothing is compressed.
  const lengths = directory.has(lengthTag) ? await directory.numbers(lengthTag) : offsets.map(() => segmentBytes(page, page.segmentHeight))
  if (offsets.length < wanted || lengths.length < wanted) {
    throw file.invalid(`is damaged: picture ${which} has ${offsets.length} of its ${wanted} strips or tiles`)
  }
  for (let i = 0; i < wanted; i++) file.check(offsets[i] ?? 0, lengths[i] ?? 0, `a part of picture ${which}`)
  return { offsets, lengths }
}

function formatOf(code: number): SampleFormat | undefined {
  return ({ 1: 'unsigned', 2: 'signed', 3: 'float', 4: 'unsigned' } as const)[code]
}

function supported(format: SampleFormat, bits: number): boolean {
  if (format === 'float') return bits === 32 || bits === 64
  if (format === 'signed') return bits === 8 || bits === 16 || bits === 32
  return (bits >= 1 && bits <= 16) || bits === 32
}
