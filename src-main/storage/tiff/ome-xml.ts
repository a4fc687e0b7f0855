/** OME-XML 2016-06 for one image whose planes lie in this file one after the other. Source: the OME schema, docs.openmicroscopy.org. */
import type { PixelType } from '#shared/image/frame.ts'

/** C before Z before T, as ImageJ counts too. */
export const dimensionOrder = 'XYCZT'

export interface OmeChannel {
  readonly name: string
  /** sRGB "#rrggbb" */
  readonly color: string
  /** nm; null = unknown. */
  readonly emissionNm?: number | null
  /** Of the schema's list; left out = unknown. */
  readonly acquisitionMode?: 'WideField'
}

export interface OmePlane {
  /** Since the first plane, s. */
  readonly deltaT?: number
  readonly exposureMs?: number
  /** µm; null = unknown. */
  readonly x?: number | null
  readonly y?: number | null
  readonly z?: number | null
}

export interface OmeImage {
  readonly name: string
  readonly width: number
  readonly height: number
  readonly pixelType: PixelType
  readonly sizeZ: number
  readonly sizeC: number
  readonly sizeT: number
  /** µm; null = unknown: then no PhysicalSize is written. */
  readonly pixelSizeUm: number | null
  readonly zStepUm?: number | null
  /** Of the objective; left out or null = unknown. */
  readonly numericalAperture?: number | null
  /** ISO 8601 */
  readonly acquired?: string | null
  readonly channels: readonly OmeChannel[]
  /** Facts about how the picture came to be (model, version, sha256, provider, warnings …), kept as a map annotation. */
  readonly annotations?: Readonly<Record<string, string>>
}

const pixelTypeNames: Readonly<Record<PixelType, string>> = { uint8: 'uint8', uint16: 'uint16', float32: 'float' }

/** One `planes` entry for each plane, in the file's order; undefined where nothing is known. */
export function omeXml(image: OmeImage, planes: readonly (OmePlane | undefined)[]): string {
  const annotations = Object.entries(image.annotations ?? {})
  const { numericalAperture: aperture } = image
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"' +
      ' xsi:schemaLocation="http://www.openmicroscopy.org/Schemas/OME/2016-06 http://www.openmicroscopy.org/Schemas/OME/2016-06/ome.xsd"' +
      ' Creator="Deepscope">',
    aperture ? `<Instrument ID="Instrument:0"><Objective${attributes({ ID: 'Objective:0', LensNA: aperture })}/></Instrument>` : '',
    `<Image${attributes({ ID: 'Image:0', Name: image.name })}>`,
    image.acquired ? `<AcquisitionDate>${escapeXml(image.acquired)}</AcquisitionDate>` : '',
    aperture ? '<InstrumentRef ID="Instrument:0"/><ObjectiveSettings ID="Objective:0"/>' : '',
    `<Pixels${attributes(pixelsAttributes(image))}>`,
    ...image.channels.map(channelXml),
    `<TiffData${attributes({ IFD: 0, PlaneCount: planes.length })}/>`,
    ...planes.map((plane, index) => (plane ? planeXml(plane, index, image) : '')),
    '</Pixels>',
    annotations.length > 0 ? '<AnnotationRef ID="Annotation:0"/>' : '',
    '</Image>',
    annotations.length > 0 ? annotationXml(annotations) : '',
    '</OME>',
  ]
    .filter((line) => line !== '')
    .join('\n')
}

function pixelsAttributes(image: OmeImage): Attributes {
  const { pixelSizeUm: size, zStepUm: step } = image
  return {
    ID: 'Pixels:0',
    DimensionOrder: dimensionOrder,
    Type: pixelTypeNames[image.pixelType],
    BigEndian: 'false',
    Interleaved: 'false',
    SizeX: image.width,
    SizeY: image.height,
    SizeZ: image.sizeZ,
    SizeC: image.sizeC,
    SizeT: image.sizeT,
    ...(size === null ? {} : { PhysicalSizeX: size, PhysicalSizeXUnit: 'µm', PhysicalSizeY: size, PhysicalSizeYUnit: 'µm' }),
    ...(step ? { PhysicalSizeZ: step, PhysicalSizeZUnit: 'µm' } : {}),
  }
}

function channelXml(channel: OmeChannel, index: number): string {
  const { emissionNm, acquisitionMode } = channel
  const emission: Attributes = emissionNm ? { EmissionWavelength: emissionNm, EmissionWavelengthUnit: 'nm' } : {}
  const values = {
    ID: `Channel:0:${index}`,
    Name: channel.name,
    Color: omeColor(channel.color),
    SamplesPerPixel: 1,
    ...(acquisitionMode ? { AcquisitionMode: acquisitionMode } : {}),
    ...emission,
  }
  return `<Channel${attributes(values)}/>`
}

/** OME writes RGBA as one signed 32-bit number. */
function omeColor(color: string): number {
  const rgb = Number.parseInt(color.slice(1), 16)
  return Number.isFinite(rgb) ? (rgb << 8) | 0xff | 0 : -1
}

function planeXml(plane: OmePlane, index: number, { sizeC, sizeZ }: OmeImage): string {
  const values: Attributes = {
    TheZ: Math.floor(index / sizeC) % sizeZ,
    TheT: Math.floor(index / (sizeC * sizeZ)),
    TheC: index % sizeC,
    ...(plane.deltaT === undefined ? {} : { DeltaT: plane.deltaT, DeltaTUnit: 's' }),
    ...(plane.exposureMs === undefined ? {} : { ExposureTime: plane.exposureMs, ExposureTimeUnit: 'ms' }),
    ...position('X', plane.x),
    ...position('Y', plane.y),
    ...position('Z', plane.z),
  }
  return `<Plane${attributes(values)}/>`
}

function position(axis: 'X' | 'Y' | 'Z', value: number | null | undefined): Attributes {
  return value === null || value === undefined ? {} : { [`Position${axis}`]: value, [`Position${axis}Unit`]: 'µm' }
}

function annotationXml(entries: readonly (readonly [string, string])[]): string {
  const values = entries.map(([key, value]) => `<M${attributes({ K: key })}>${escapeXml(value)}</M>`).join('')
  const map = `<MapAnnotation ID="Annotation:0" Namespace="deepscope/provenance"><Value>${values}</Value></MapAnnotation>`
  return `<StructuredAnnotations>${map}</StructuredAnnotations>`
}

type Attributes = Readonly<Record<string, string | number>>

function attributes(values: Attributes): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('')
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** Characters that XML 1.0 cannot hold, lone surrogates among them, become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"'\n\r\t]/g, (character) => escapes[character] ?? character)
}
