/** A camera frame and what is known about the moment it was taken. */
import { z } from '../zod.ts'

export const pixelTypes = ['uint8', 'uint16', 'float32'] as const
export type PixelType = (typeof pixelTypes)[number]

export type Pixels = Uint8Array | Uint16Array | Float32Array

/** Bytes of one pixel. */
export const bytesPerPixel: Readonly<Record<PixelType, number>> = { uint8: 1, uint16: 2, float32: 4 }

/** What a pixel in the sample can measure, from localization microscopy to a macroscope, µm. */
export const pixelSizeRange = { min: 0.001, max: 100 } as const

/** Where the microscope stood and how it looked, for one frame. */
export const frameMetadataSchema = z.object({
  /** Camera's own counter, from 0 at each start; a gap is a lost frame. */
  frame: z.number().int().nonnegative(),
  /** Milliseconds since the epoch at the end of the exposure. */
  time: z.number(),
  /** ms */
  exposureMs: z.number().positive(),
  /** Stage and focus at mid-exposure, µm. null = not known. */
  x: z.number().nullable(),
  y: z.number().nullable(),
  z: z.number().nullable(),
  objective: z.string(),
  /** µm in the sample; null = not known, never invented. */
  pixelSizeUm: z.number().positive().nullable(),
  /** Optical channel, by its OME name, e.g. "FITC". */
  channel: z.string(),
  /** Emission wavelength, nm; null = not known. */
  emissionNm: z.number().positive().nullable(),
  /** Light level in percent of its maximum; 0 = off. */
  lightLevel: z.number().min(0).max(100),
})
export type FrameMetadata = z.infer<typeof frameMetadataSchema>

/** One picture, row by row from the top left; `data.length === width * height`. */
export interface Frame {
  readonly width: number
  readonly height: number
  readonly data: Pixels
  readonly metadata: FrameMetadata
}

export function pixelTypeOf(data: Pixels): PixelType {
  if (data instanceof Uint8Array) return 'uint8'
  return data instanceof Uint16Array ? 'uint16' : 'float32'
}

/** A typed view on bytes, without copying where alignment allows. */
export function pixelsFrom(bytes: Uint8Array, type: PixelType): Pixels {
  const size = bytesPerPixel[type]
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice()
  const length = Math.floor(aligned.byteLength / size)
  if (type === 'uint8') return new Uint8Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, length)
  if (type === 'uint16') return new Uint16Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, length)
  return new Float32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, length)
}

/** The bytes of pixels, without copying. */
export function bytesOf(data: Pixels): Uint8Array {
  return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
}
