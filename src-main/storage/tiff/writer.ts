/**
 * Writes OME-TIFF plane by plane, to a temporary name that becomes the file when all planes are there.
 *
 *     header │ plane 0 │ plane 1 │ … │ OME-XML │ directory 0 │ directory 1 │ …
 *
 * Little-endian, uncompressed, one strip a plane, so that ImageJ and tifffile can map the planes in place. Whether it is BigTIFF must be
 * known before the first byte. Sources: TIFF 6.0 (Adobe, 1992); BigTIFF (libtiff); OME-TIFF (docs.openmicroscopy.org).
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AppError } from '#shared/errors.ts'
import { bytesOf, bytesPerPixel, type Pixels, pixelTypeOf } from '#shared/image/frame.ts'
import { storageError } from '../disk.ts'
import {
  ascii,
  directoryBytes,
  directorySize,
  type ElsewhereValue,
  even,
  type Field,
  fileOffset,
  headerBytes,
  long,
  rational,
  short,
} from './directory-writer.ts'
import { type OmeImage, type OmePlane, omeXml } from './ome-xml.ts'
import { fieldType, tags } from './tags.ts'

export interface OmeTiffOptions extends OmeImage {
  /** Left out: BigTIFF where the file could come near 4 GiB. */
  readonly bigTiff?: boolean
}

/** Disposing before `close` removes what was written. */
export interface OmeTiffWriter extends AsyncDisposable {
  readonly path: string
  readonly planes: number
  readonly planesWritten: number
  /** Planes come with C fastest, then Z, then T. `data` must not change before this resolves. Rejects with StorageFull or StorageRefused. */
  writePlane(data: Pixels, plane?: OmePlane): Promise<void>
  /** The next plane, to be given from the top in pieces of whole rows; several may be open at once. Rejects where no more are taken. */
  openPlane(plane?: OmePlane): PlaneWriter
  /** Writes metadata, brings the file to the disk and gives it its name. Rejects where planes are missing. `annotations`: what only became known while planes were written. */
  close(annotations?: OmeImage['annotations']): Promise<void>
}

export interface PlaneWriter {
  /** The next rows. They must not change before this resolves. Rejects with StorageFull, StorageRefused or BadRequest. */
  writeRows(data: Pixels): Promise<void>
}

/** Rejects with StorageFull or StorageRefused where the file cannot be made, BadRequest where the sizes make no picture. */
export async function createOmeTiff(path: string, options: OmeTiffOptions): Promise<OmeTiffWriter> {
  const { sizeZ, sizeC, sizeT, width, height, channels } = options
  const whole = [sizeZ, sizeC, sizeT, width, height].every((size) => Number.isInteger(size) && size > 0)
  if (!whole || channels.length !== sizeC) {
    const is = `${width} × ${height}, ${sizeC} channels (${channels.length} named), ${sizeZ} planes deep, ${sizeT} times`
    throw new AppError('BadRequest', `Cannot write ${path}: ${is} make no picture.`, { path })
  }
  const temporary = `${path}.${randomUUID().slice(0, 8)}.partial`
  try {
    const file = await open(temporary, 'wx')
    return new Writer(path, temporary, file, options)
  } catch (error) {
    throw await storageError(error, path, dirname(path))
  }
}

/** Room for a plane's directory and its line of XML, bytes; generous, because it only decides between the two formats. */
const metadataPerPlane = 1024
const classicLimit = 2 ** 32 - 2 ** 20

class Writer implements OmeTiffWriter {
  readonly path: string
  readonly planes: number
  readonly #options: OmeTiffOptions
  readonly #temporary: string
  readonly #file: FileHandle
  readonly #big: boolean
  readonly #planeBytes: number
  readonly #offsets: number[] = []
  readonly #metadata: (OmePlane | undefined)[] = []
  #position: number
  #written = 0
  #open = true

  constructor(path: string, temporary: string, file: FileHandle, options: OmeTiffOptions) {
    this.path = path
    this.planes = options.sizeZ * options.sizeC * options.sizeT
    this.#options = options
    this.#temporary = temporary
    this.#file = file
    this.#planeBytes = options.width * options.height * bytesPerPixel[options.pixelType]
    this.#big = options.bigTiff ?? this.planes * (this.#planeBytes + metadataPerPlane) > classicLimit
    this.#position = this.#big ? 16 : 8
  }

  get planesWritten(): number {
    return this.#written
  }

  async writePlane(data: Pixels, plane?: OmePlane): Promise<void> {
    const { width, height, pixelType } = this.#options
    if (!this.#open) throw new AppError('BadRequest', `${this.path} is closed.`, { path: this.path })
    if (this.#offsets.length === this.planes || data.length !== width * height || pixelTypeOf(data) !== pixelType) throw this.#other()
    await this.openPlane(plane).writeRows(data)
  }

  openPlane(plane?: OmePlane): PlaneWriter {
    const { width, pixelType } = this.#options
    if (!this.#open) throw new AppError('BadRequest', `${this.path} is closed.`, { path: this.path })
    if (this.#offsets.length === this.planes) throw this.#other()
    const offset = this.#position
    this.#offsets.push(offset)
    this.#metadata.push(plane)
    this.#position = even(offset + this.#planeBytes)
    let taken = 0
    let done = 0
    return {
      writeRows: async (data) => {
        const bytes = bytesOf(data)
        const fits = data.length % width === 0 && pixelTypeOf(data) === pixelType && taken + bytes.length <= this.#planeBytes
        if (!fits) throw this.#other()
        const at = offset + taken
        taken += bytes.length
        await this.#write(bytes, at)
        done += bytes.length
        if (done === this.#planeBytes) this.#written++
      },
    }
  }

  #other(): AppError {
    const { width, height, pixelType } = this.#options
    const message = `${this.path} takes ${this.planes} planes of ${width} × ${height} ${pixelType}; this is another one.`
    return new AppError('BadRequest', message, { path: this.path })
  }

  async close(annotations: OmeImage['annotations'] = {}): Promise<void> {
    if (!this.#open) return
    if (this.planesWritten !== this.planes) {
      const message = `${this.path} is not finished: ${this.planesWritten} of ${this.planes} planes were written.`
      throw new AppError('BadRequest', message, { path: this.path })
    }
    const xml = Buffer.from(
      `${omeXml({ ...this.#options, annotations: { ...this.#options.annotations, ...annotations } }, this.#metadata)}\0`,
    )
    const xmlOffset = this.#position
    const first = even(xmlOffset + xml.length)
    await this.#write(xml, xmlOffset)
    await this.#write(this.#directories(first, { type: fieldType.ascii, count: xml.length, offset: xmlOffset }), first)
    await this.#write(headerBytes(first, this.#big), 0)
    try {
      await this.#file.datasync()
      this.#open = false
      await this.#file.close()
      await rename(this.#temporary, this.path)
    } catch (error) {
      throw await storageError(error, this.path, dirname(this.path))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#open) {
      this.#open = false
      await this.#file.close()
    }
    await rm(this.#temporary, { force: true })
  }

  async #write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += (await this.#file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
      }
    } catch (error) {
      throw await storageError(error, this.path, dirname(this.path))
    }
  }

  #directories(start: number, xml: ElsewhereValue): Uint8Array {
    const blocks: Uint8Array[] = []
    let at = start
    for (const [index, offset] of this.#offsets.entries()) {
      const fields = this.#fields(offset, index === 0 ? xml : null)
      const size = directorySize(fields, this.#big)
      blocks.push(directoryBytes(fields, at, index + 1 < this.planes ? at + size : 0, this.#big))
      at += size
    }
    return Buffer.concat(blocks)
  }

  /** In ascending order of the tags, as TIFF demands. */
  #fields(strip: number, xml: ElsewhereValue | null): Field[] {
    const { width, height, pixelType, pixelSizeUm } = this.#options
    // Pixels per centimetre: the form that ImageJ turns into µm.
    const resolution = pixelSizeUm === null ? null : rational(1e4 / pixelSizeUm)
    return [
      { tag: tags.imageWidth, value: long(width) },
      { tag: tags.imageLength, value: long(height) },
      { tag: tags.bitsPerSample, value: short(8 * bytesPerPixel[pixelType]) },
      { tag: tags.compression, value: short(1) },
      { tag: tags.photometric, value: short(1) },
      ...(xml ? [{ tag: tags.imageDescription, value: xml }] : []),
      { tag: tags.stripOffsets, value: fileOffset(strip, this.#big) },
      { tag: tags.samplesPerPixel, value: short(1) },
      { tag: tags.rowsPerStrip, value: long(height) },
      { tag: tags.stripByteCounts, value: fileOffset(this.#planeBytes, this.#big) },
      ...(resolution ? [{ tag: tags.xResolution, value: resolution }] : []),
      ...(resolution ? [{ tag: tags.yResolution, value: resolution }] : []),
      ...(resolution ? [{ tag: tags.resolutionUnit, value: short(3) }] : []),
      { tag: tags.software, value: ascii('Deepscope') },
      { tag: tags.sampleFormat, value: short(pixelType === 'float32' ? 3 : 1) },
    ]
  }
}
