/**
 * Metadata and layout of the OME-Zarr images that sessions hold: one image, one resolution, axes t y x, one uncompressed chunk a frame.
 * Sources: Zarr v3 core specification and Zarr v2 specification (zarr-specs), OME-NGFF 0.5 and 0.4 (ome/ngff).
 */
import { join } from 'node:path'
import type { PixelType } from '#shared/image/frame.ts'

export type OmeZarrVersion = '0.5' | '0.4'

export interface ZarrImage {
  readonly version: OmeZarrVersion
  readonly name: string
  readonly width: number
  readonly height: number
  readonly pixelType: PixelType
  /** µm; null = unknown, then the axes carry neither unit nor scale. */
  readonly pixelSizeUm: number | null
  /** Mean time from frame to frame, s; null = unknown. The exact times are in the session's index. */
  readonly intervalS: number | null
  readonly channel: { readonly label: string; readonly color: string }
  /** Display limits found in the first frame; null = the whole range of the type. */
  readonly limits: { readonly low: number; readonly high: number } | null
  /** What this product adds to the group's attributes, under its own key. */
  readonly deepscope: Readonly<Record<string, unknown>>
}

/** A metadata document: path inside the image's folder, and text. */
export interface ZarrDocument {
  readonly path: string
  readonly text: string
}

/** Name of the only resolution level. */
const level = '0'

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`

/** The documents of the group: what the image is and how to show it. */
export function groupDocuments(image: ZarrImage): ZarrDocument[] {
  const { version } = image
  const multiscale = {
    ...(version === '0.4' ? { version } : {}),
    name: image.name,
    axes: axesOf(image),
    datasets: [
      {
        path: level,
        coordinateTransformations: [{ type: 'scale', scale: [image.intervalS ?? 1, image.pixelSizeUm ?? 1, image.pixelSizeUm ?? 1] }],
      },
    ],
  }
  const omero = {
    ...(version === '0.4' ? { version } : {}),
    channels: [channelOf(image)],
    rdefs: { defaultT: 0, defaultZ: 0, model: 'color' },
  }
  if (version === '0.5') {
    const attributes = { ome: { version, multiscales: [multiscale], omero }, deepscope: image.deepscope }
    return [{ path: 'zarr.json', text: json({ zarr_format: 3, node_type: 'group', attributes }) }]
  }
  return [
    { path: '.zgroup', text: json({ zarr_format: 2 }) },
    { path: '.zattrs', text: json({ multiscales: [multiscale], omero, deepscope: image.deepscope }) },
  ]
}

/** The array's document, in which the number of frames always takes the same room: it is overwritten in place while frames arrive. */
export interface ArrayDocument extends ZarrDocument {
  readonly framesOffset: number
}

/** Stands for the number of frames until its place is known; no metadata holds it otherwise. */
const framesMark = '\u0000frames'
const framesWidth = 12

/** The number of frames as it stands in the array's document: JSON allows the spaces before it. */
export function framesText(frames: number): string {
  return String(frames).padStart(framesWidth)
}

function withFrames(text: string, frames: number): Pick<ArrayDocument, 'text' | 'framesOffset'> {
  const mark = JSON.stringify(framesMark)
  return { text: text.replace(mark, framesText(frames)), framesOffset: Buffer.byteLength(text.slice(0, text.indexOf(mark))) }
}

export function arrayDocument(image: ZarrImage, frames: number): ArrayDocument {
  const shape = [framesMark, image.height, image.width]
  const chunk = [1, image.height, image.width]
  if (image.version === '0.5') {
    const metadata = {
      zarr_format: 3,
      node_type: 'array',
      shape,
      data_type: image.pixelType,
      chunk_grid: { name: 'regular', configuration: { chunk_shape: chunk } },
      chunk_key_encoding: { name: 'default', configuration: { separator: '.' } },
      fill_value: 0,
      codecs: [{ name: 'bytes', configuration: { endian: 'little' } }],
      dimension_names: axesOf(image).map((axis) => axis.name),
      attributes: {},
    }
    return { path: join(level, 'zarr.json'), ...withFrames(json(metadata), frames) }
  }
  const dtype = { uint8: '|u1', uint16: '<u2', float32: '<f4' }[image.pixelType]
  const metadata = {
    zarr_format: 2,
    shape,
    chunks: chunk,
    dtype,
    compressor: null,
    fill_value: 0,
    order: 'C',
    filters: null,
    dimension_separator: '/',
  }
  return { path: join(level, '.zarray'), ...withFrames(json(metadata), frames) }
}

/** Where the chunk of a frame lies inside the image's folder. */
export interface ChunkPlace {
  readonly path: string
  /** Folders to make for it, from the outermost in. */
  readonly folders: readonly string[]
}

/**
 * 0.5 leaves the form of the keys to Zarr, so all chunks lie in one folder: making two folders for every frame takes longer than writing
 * the frame. 0.4 demands nested ones.
 */
export function chunkPlace(version: OmeZarrVersion, frame: number): ChunkPlace {
  if (version === '0.5') return { path: join(level, `c.${frame}.0.0`), folders: [] }
  const outer = join(level, String(frame))
  const inner = join(outer, '0')
  return { path: join(inner, '0'), folders: [outer, inner] }
}

/** The folder below which all chunks lie. */
export const chunkRoot = level

function axesOf(image: ZarrImage) {
  const space = image.pixelSizeUm === null ? {} : { unit: 'micrometer' }
  return [
    { name: 't', type: 'time', ...(image.intervalS === null ? {} : { unit: 'second' }) },
    { name: 'y', type: 'space', ...space },
    { name: 'x', type: 'space', ...space },
  ]
}

function channelOf(image: ZarrImage) {
  const max = { uint8: 255, uint16: 65535, float32: Math.max(1, image.limits?.high ?? 1) }[image.pixelType]
  const min = image.pixelType === 'float32' ? Math.min(0, image.limits?.low ?? 0) : 0
  return {
    active: true,
    coefficient: 1,
    color: image.channel.color.replace('#', '').toUpperCase(),
    family: 'linear',
    inverted: false,
    label: image.channel.label,
    window: { min, max, start: image.limits?.low ?? min, end: image.limits?.high ?? max },
  }
}
