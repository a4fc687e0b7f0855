/** The few facts that are needed of OME-XML: sizes, scale, optics, channel names and which directory is which plane. */

export interface OmeDescription {
  readonly dimensionOrder: string
  readonly sizeZ: number
  readonly sizeC: number
  readonly sizeT: number
  readonly physicalSizeX: number | null
  readonly physicalSizeXUnit: string
  readonly physicalSizeY: number | null
  readonly physicalSizeYUnit: string
  readonly channels: readonly string[]
  /** One for each channel. */
  readonly optics: readonly ChannelOptics[]
  readonly tiffData: readonly OmeTiffData[]
}

/** How a channel was seen; null = the file does not say. */
export interface ChannelOptics {
  readonly numericalAperture: number | null
  readonly emissionNm: number | null
  /** "widefield", "confocal", … as packages of networks name it. */
  readonly modality: string | null
}

export interface OmeTiffData {
  readonly ifd: number
  /** null = to the end. */
  readonly planeCount: number | null
  readonly firstZ: number
  readonly firstC: number
  readonly firstT: number
  /** File that holds the plane; null = this one. */
  readonly fileName: string | null
}

/** A tag of XML: its local name and attributes, or an end. */
interface Tag {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly end: boolean
}

export class OmeXmlError extends Error {}

/** null where the text is not OME-XML with an image. Throws OmeXmlError for document types and entities, and for XML that does not parse. */
export function parseOme(text: string): OmeDescription | null {
  if (!/<(?:\w+:)?OME[\s>]/.test(text.slice(0, 16384))) return null
  // OME-XML has neither, and expanding them is the classic way to fill a reader's memory.
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new OmeXmlError('OME-XML with a document type or entities is not read')
  const { pixels, channels, tiffData } = firstImage(text)
  if (!pixels) return null
  const numericalAperture = apertureOf(text)
  return {
    dimensionOrder: pixels.get('DimensionOrder') ?? 'XYCZT',
    sizeZ: integer(pixels.get('SizeZ'), 1),
    sizeC: integer(pixels.get('SizeC'), 1),
    sizeT: integer(pixels.get('SizeT'), 1),
    physicalSizeX: positive(pixels.get('PhysicalSizeX')),
    physicalSizeXUnit: pixels.get('PhysicalSizeXUnit') ?? 'µm',
    physicalSizeY: positive(pixels.get('PhysicalSizeY')),
    physicalSizeYUnit: pixels.get('PhysicalSizeYUnit') ?? 'µm',
    channels: channels.map((channel) => channel.get('Name') ?? ''),
    optics: channels.map((channel) => ({ numericalAperture, emissionNm: emissionOf(channel), modality: modalityOf(channel) })),
    tiffData,
  }
}

/** What lies in the first image; further ones are other pictures. */
function firstImage(text: string) {
  const channels: ReadonlyMap<string, string>[] = []
  const tiffData: OmeTiffData[] = []
  let pixels: ReadonlyMap<string, string> | undefined
  for (const { name, attributes, end } of tagsOf(text)) {
    if (name === 'Pixels') {
      if (end) break
      pixels ??= attributes
    }
    if (!pixels || end) continue
    if (name === 'Channel') channels.push(attributes)
    if (name === 'TiffData') tiffData.push(tiffDataOf(attributes))
    const last = name === 'UUID' ? tiffData.pop() : undefined
    if (last) tiffData.push({ ...last, fileName: attributes.get('FileName') ?? null })
  }
  return { pixels, channels, tiffData }
}

/** Of the objective that the first image names, before its pixels; instruments stand before the images. */
function apertureOf(text: string): number | null {
  const apertures = new Map<string, number | null>()
  for (const { name, attributes, end } of tagsOf(text)) {
    if (end) continue
    if (name === 'Objective') apertures.set(attributes.get('ID') ?? '', positive(attributes.get('LensNA')))
    if (name === 'ObjectiveSettings') return apertures.get(attributes.get('ID') ?? '') ?? null
    if (name === 'Pixels') break
  }
  return null
}

const nanometres: ReadonlyMap<string, number> = new Map([
  ['nm', 1],
  ['µm', 1000],
  ['um', 1000],
  ['Å', 0.1],
])

function emissionOf(channel: ReadonlyMap<string, string>): number | null {
  const unit = nanometres.get(channel.get('EmissionWavelengthUnit') ?? 'nm')
  const value = positive(channel.get('EmissionWavelength'))
  return value !== null && unit !== undefined ? value * unit : null
}

/** Of the schema's list of acquisition modes; null: it does not tell how the light was gathered. Any other in its own words. */
const modalities: ReadonlyMap<string, string | null> = new Map([
  ['WideField', 'widefield'],
  ['LaserScanningConfocalMicroscopy', 'confocal'],
  ['SpinningDiskConfocal', 'confocal'],
  ['SlitScanConfocal', 'confocal'],
  ['SweptFieldConfocal', 'confocal'],
  ['TotalInternalReflection', 'tirf'],
  ['TIRF', 'tirf'],
  ['StructuredIllumination', 'sim'],
  ['STEDMicroscopy', 'sted'],
  ['STED', 'sted'],
  ['Other', null],
  ['SpectralImaging', null],
  ['FluorescenceLifetime', null],
  ['FluorescenceCorrelationSpectroscopy', null],
  ['FSM', null],
])

function modalityOf(channel: ReadonlyMap<string, string>): string | null {
  const mode = channel.get('AcquisitionMode')
  if (mode === undefined) return null
  const known = modalities.get(mode)
  return known === undefined ? mode.replaceAll(/([a-z])([A-Z])/g, '$1 $2').toLowerCase() : known
}

function tiffDataOf(attributes: ReadonlyMap<string, string>): OmeTiffData {
  const ifd = attributes.get('IFD')
  const count = attributes.get('PlaneCount')
  return {
    ifd: integer(ifd, 0),
    // The schema's defaults: without IFD and PlaneCount every plane, with an IFD one.
    planeCount: count === undefined ? (ifd === undefined ? null : 1) : integer(count, 1),
    firstZ: integer(attributes.get('FirstZ'), 0),
    firstC: integer(attributes.get('FirstC'), 0),
    firstT: integer(attributes.get('FirstT'), 0),
    fileName: null,
  }
}

function integer(text: string | undefined, fallback: number): number {
  const value = Number(text)
  return text !== undefined && Number.isInteger(value) && value >= 0 && value < 2 ** 31 ? value : fallback
}

function positive(text: string | undefined): number | null {
  const value = Number(text)
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : null
}

/** Walks through the tags once, from front to back; comments, processing instructions and text are passed over. */
function* tagsOf(text: string): Generator<Tag> {
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    const skipped = skip(text, at, '<!--', '-->') ?? skip(text, at, '<![CDATA[', ']]>') ?? skip(text, at, '<?', '?>')
    if (skipped !== undefined) {
      at = skipped
      continue
    }
    const end = tagEnd(text, at)
    const inner = text.slice(at + 1, text[end - 1] === '/' ? end - 1 : end)
    at = end + 1
    const close = inner.startsWith('/')
    const name = /^\/?(?:[\w.-]+:)?([\w.-]+)/.exec(inner)?.[1]
    if (!name) throw new OmeXmlError('the OME-XML is damaged')
    yield { name, end: close, attributes: close ? new Map() : attributesOf(inner) }
  }
}

function skip(text: string, at: number, open: string, close: string): number | undefined {
  if (!text.startsWith(open, at)) return undefined
  const end = text.indexOf(close, at + open.length)
  if (end < 0) throw new OmeXmlError('the OME-XML is cut short')
  return end + close.length
}

/** Position of the `>` that is not inside quotes. */
function tagEnd(text: string, at: number): number {
  let quote = ''
  for (let i = at + 1; i < text.length; i++) {
    const character = text[i] ?? ''
    if (quote) {
      if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
    else if (character === '>') return i
  }
  throw new OmeXmlError('the OME-XML is cut short')
}

function attributesOf(inner: string): Map<string, string> {
  const attributes = new Map<string, string>()
  for (const [, name = '', double, single] of inner.matchAll(/([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    attributes.set(name, decodeEntities(double ?? single ?? ''))
  }
  return attributes
}

const named: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])

function decodeEntities(text: string): string {
  return text.replace(/&(?:#x([\da-f]{1,6})|#(\d{1,7})|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return named.get(name) ?? whole
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
    return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd'
  })
}
