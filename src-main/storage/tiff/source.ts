/** A TIFF as the rest of the application sees it: planes of one size and type, C fastest, then Z, then T. */
import type { Pixels, PixelType } from '#shared/image/frame.ts'
import type { ChannelOptics } from './ome-reader.ts'

export interface TiffInfo {
  readonly path: string
  readonly width: number
  readonly height: number
  /** sizeC · sizeZ · sizeT */
  readonly planes: number
  readonly sizeC: number
  readonly sizeZ: number
  readonly sizeT: number
  /** One name for each channel; "" = unknown. */
  readonly channels: readonly string[]
  readonly pixelType: PixelType
  /** As in the file, e.g. "int16". */
  readonly storedType: string
  /** µm; null = not recorded. A print resolution is not a pixel size. */
  readonly pixelSizeUm: number | null
  /** One for each channel, as far as the file tells. */
  readonly optics: readonly ChannelOptics[]
  readonly flavour: 'OME-TIFF' | 'ImageJ TIFF' | 'TIFF'
  /** ImageDescription, at most 64 KiB of it. */
  readonly description: string
  /** What a person should know: conversions, parts left out, … */
  readonly notes: readonly string[]
}

export interface TiffSource extends TiffInfo, AsyncDisposable {
  /** Row by row from the top left. Rejects with DatasetInvalid, OutOfRange or AbortError. */
  readPlane(index: number, signal?: AbortSignal): Promise<Pixels>
  /** `rows` rows of a plane from row `top` on, for planes too large to hold. Rejects as `readPlane` does. */
  readRows(index: number, top: number, rows: number, signal?: AbortSignal): Promise<Pixels>
}
