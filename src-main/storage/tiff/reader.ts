/**
 * Reads TIFF: 8 and 16 bit, float; strips and tiles; both byte orders; BigTIFF; OME, ImageJ (hyperstacks, also beyond 4 GB with a single
 * directory) and plain stacks. Decoding takes the processor, so the host opens files through `open.ts`, in a worker thread.
 */
import { AppError } from '#shared/errors.ts'
import { pixelSizeRange } from '#shared/image/frame.ts'
import { canDecompress, type RowRange, readSample } from './decode.ts'
import { type Directory, readDirectories } from './directory-reader.ts'
import { TiffBytes } from './file.ts'
import { type ImageJDescription, parseImageJ } from './imagej.ts'
import { unitInUm } from './length.ts'
import { type OmeDescription, OmeXmlError, parseOme } from './ome-reader.ts'
import { type Page, pixelTypeOfPage, readPage, segmentBytes } from './page.ts'
import { imageJOrder, omeOrder, type PlaneOrder, plainOrder } from './planes.ts'
import type { TiffInfo, TiffSource } from './source.ts'
import { tags } from './tags.ts'

/** OME-XML of a hundred thousand planes with all their positions; more is an attack or a mistake. Bytes. */
const longestDescription = 32 * 1024 * 1024
const shownDescription = 65536
/** A larger pixel comes from a print resolution (25.4 µm is 1000 dpi), not from a microscope. µm */
const largestPixel = 20

/** Opens in this thread. Rejects with DatasetInvalid. Whoever calls this disposes the source. */
export async function openTiffFile(path: string): Promise<TiffSource> {
  const file = await TiffBytes.open(path)
  try {
    const directories = await readDirectories(file)
    const first = directories[0] as Directory
    const description = (await first.text(tags.imageDescription, longestDescription)) ?? ''
    const ome = omeOf(file, description)
    const imageJ = ome ? null : parseImageJ(description)
    const { pages, notes } = await samePages(file, directories, imageJ)
    const page = pages[0] as Page
    const order = orderOf(pages.length, page, ome, imageJ, file.name)
    const scale = await pixelSize(first, ome, imageJ)
    const { pixelType, converted } = pixelTypeOfPage(page)
    const storedType = `${{ unsigned: 'uint', signed: 'int', float: 'float' }[page.format]}${page.bits}`
    const info: TiffInfo = {
      path,
      width: page.width,
      height: page.height,
      planes: pages.length * page.samples,
      sizeC: order.sizeC * page.samples,
      sizeZ: order.sizeZ,
      sizeT: order.sizeT,
      channels: channelNames(ome, page, order.sizeC * page.samples),
      pixelType,
      storedType,
      pixelSizeUm: scale.pixelSizeUm,
      optics: Array.from(
        { length: order.sizeC * page.samples },
        (_, index) => ome?.optics[Math.floor(index / page.samples)] ?? unknownOptics,
      ),
      flavour: ome ? 'OME-TIFF' : imageJ ? 'ImageJ TIFF' : 'TIFF',
      description: description.slice(0, shownDescription),
      notes: [
        ...notes,
        ...order.notes,
        ...scale.notes,
        ...(converted ? [`${storedType} pixels are read as float32.`] : []),
        ...(page.photometric === 0 ? ['Black and white are exchanged in the file; this was undone.'] : []),
        ...(page.photometric === 3 ? ['The file has a colour table; its gray values are read.'] : []),
        ...(page.samples > 1 ? [`The picture has ${page.samples} samples a pixel; they are read as channels.`] : []),
      ],
    }
    return sourceOf(file, info, pages, order)
  } catch (error) {
    await file[Symbol.asyncDispose]()
    throw error
  }
}

function sourceOf(file: TiffBytes, info: TiffInfo, pages: readonly Page[], { order }: PlaneOrder): TiffSource {
  const samples = pages[0]?.samples ?? 1
  const read = async (index: number, range: RowRange, signal?: AbortSignal) => {
    signal?.throwIfAborted()
    const page = pages[order[Math.floor(index / samples)] ?? -1]
    if (!page) throw new AppError('OutOfRange', `${file.name} has ${info.planes} planes; there is no plane ${index + 1}.`, { index })
    if (!(range.top >= 0 && range.rows >= 1 && range.top + range.rows <= info.height)) {
      const message = `${file.name} has ${info.height} rows; there are no rows ${range.top + 1} to ${range.top + range.rows}.`
      throw new AppError('OutOfRange', message, { ...range })
    }
    return readSample(file, page, index % samples, range)
  }
  return {
    ...info,
    readPlane: (index, signal) => read(index, { top: 0, rows: info.height }, signal),
    readRows: (index, top, rows, signal) => read(index, { top, rows }, signal),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  }
}

function omeOf(file: TiffBytes, description: string): OmeDescription | null {
  try {
    return parseOme(description)
  } catch (error) {
    if (error instanceof OmeXmlError) throw file.invalid(`cannot be read: ${error.message}`, error)
    throw error
  }
}

/** The pages that look like the first one, checked to lie inside the file. Thumbnails and reduced copies are left out. */
async function samePages(file: TiffBytes, directories: readonly Directory[], imageJ: ImageJDescription | null) {
  const first = await readPage(file, directories[0] as Directory, 1)
  if (!canDecompress(first)) throw file.invalid(`is compressed in a way that is not supported (TIFF compression ${first.compression})`)
  if (first.predictor < 1 || first.predictor > 3 || (first.predictor > 1 && (first.bits % 8 !== 0 || first.bits > 32))) {
    throw file.invalid(`is compressed with predictor ${first.predictor} on ${first.bits}-bit pixels, which is not supported`)
  }
  if (imageJ && imageJ.images > 1 && directories.length === 1)
    return { pages: await contiguousPages(file, first, imageJ.images), notes: [] }
  const pages: Page[] = []
  for (const [index, directory] of directories.entries()) {
    const reduced = index > 0 && ((await directory.number(tags.newSubfileType, 0)) & 1) === 1
    const page = index === 0 ? first : reduced ? null : await readPage(file, directory, index + 1)
    if (!page || !alike(page, first)) continue
    await page.segments()
    pages.push(page)
  }
  const left = directories.length - pages.length
  return { pages, notes: left > 0 ? [`${left} pictures of another size or type than the first were left out.`] : [] }
}

function alike(a: Page, b: Page): boolean {
  const keys = ['width', 'height', 'samples', 'storedSamples', 'bits', 'format', 'photometric', 'compression', 'predictor'] as const
  return keys.every((key) => a[key] === b[key])
}

/** ImageJ writes one directory and all planes after each other. */
async function contiguousPages(file: TiffBytes, first: Page, images: number): Promise<Page[]> {
  const size = segmentBytes({ ...first, separate: false }, first.height)
  if (first.compression !== 1 || first.tiled) throw file.invalid('is damaged: ImageJ promises a stack, but there is one compressed picture')
  const start = (await first.segments()).offsets[0] ?? 0
  file.check(start, size * images, `the end of its ${images} pictures`)
  return Array.from({ length: images }, (_, index) => ({
    ...first,
    segmentHeight: first.height,
    segments: async () => ({ offsets: Float64Array.of(start + index * size), lengths: Float64Array.of(size) }),
  }))
}

function orderOf(pages: number, page: Page, ome: OmeDescription | null, imageJ: ImageJDescription | null, name: string): PlaneOrder {
  if (ome) return omeOrder(ome, pages, page.samples, name)
  return imageJ && page.samples === 1 ? imageJOrder(imageJ, pages) : plainOrder(pages)
}

function channelNames(ome: OmeDescription | null, page: Page, count: number): string[] {
  const colours = page.photometric === 2 && page.samples === 3 ? ['Red', 'Green', 'Blue'] : []
  return Array.from({ length: count }, (_, index) => ome?.channels[index] || colours[index % page.samples] || '')
}

const unknownOptics = { numericalAperture: null, emissionNm: null, modality: null }

interface Scale {
  readonly pixelSizeUm: number | null
  readonly notes: readonly string[]
}

async function pixelSize(directory: Directory, ome: OmeDescription | null, imageJ: ImageJDescription | null): Promise<Scale> {
  if (ome?.physicalSizeX) {
    const unit = unitInUm(ome.physicalSizeXUnit)
    if (unit === null) return unknown([`The pixel size is given in “${ome.physicalSizeXUnit}”, which is no length.`])
    const x = ome.physicalSizeX * unit
    const { min, max } = pixelSizeRange
    if (!(x >= min && x <= max)) return unknown([`The file says that a pixel is ${x} µm wide, which no microscope has; it is not used.`])
    const y = (ome.physicalSizeY ?? Number.NaN) * (unitInUm(ome.physicalSizeYUnit) ?? Number.NaN)
    return { pixelSizeUm: x, notes: squareNote(x, y) }
  }
  const perUnitX = await directory.number(tags.xResolution, 0)
  const perUnitY = await directory.number(tags.yResolution, 0)
  const code = await directory.number(tags.resolutionUnit, 2)
  const unit = imageJ?.unit ? unitInUm(imageJ.unit) : ({ 2: 25400, 3: 1e4 }[code] ?? null)
  const x = (unit ?? Number.NaN) / perUnitX
  // ImageJ keeps a print resolution when a unit is set, so its files are judged like all others.
  if (!(x >= pixelSizeRange.min && x < Number.POSITIVE_INFINITY)) return unknown([])
  if (x > largestPixel)
    return unknown([`The file’s resolution (${Math.round(25400 / x)} dots per inch) is one for printing, not a pixel size.`])
  return { pixelSizeUm: x, notes: squareNote(x, (unit ?? Number.NaN) / perUnitY) }
}

function unknown(notes: readonly string[]): Scale {
  return { pixelSizeUm: null, notes }
}

function squareNote(x: number, y: number): string[] {
  return Math.abs(x - y) > 0.01 * x ? [`The pixels are not square (${x} × ${y} µm); the width is used.`] : []
}
