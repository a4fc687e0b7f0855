/** A picture for people: before and after side by side, in the same contrast, saying which half a network made. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import sharp from 'sharp'
import { histogramOf } from '../analysis/histogram.ts'
import type { Prediction } from '../inference/inference.ts'
import { storageError } from '../storage/disk.ts'
import { type Picture, toGrey } from './picture.ts'

export interface Preview {
  readonly before: Picture
  readonly after: Picture
  /** Pixels of the enhanced image before it was made small enough to show. */
  readonly width: number
  /** The file's name. */
  readonly name: string
  readonly prediction: Pick<Prediction, 'provenance' | 'pixelSizeUm'>
}

const band = 44
const gap = 8
const panelLimits = { min: 420, max: 1024 } as const

/** Writes the PNG under a temporary name and renames it. Rejects with StorageFull. */
export async function writePreview(path: string, preview: Preview): Promise<void> {
  const temporary = `${path}.partial`
  try {
    await writeFile(temporary, await renderPreview(preview))
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw await storageError(error, path, dirname(path))
  }
}

/** The PNG's bytes. */
export async function renderPreview(preview: Preview): Promise<Buffer> {
  const { before, after, prediction } = preview
  // Both halves in the contrast of what was measured: a network must not look better by brightness alone.
  const { low, high } = histogramOf(before.data)
  const size = panelSize(after)
  const panels = await Promise.all([before, after].map((picture) => panel(picture, low, high, size)))
  const width = 2 * size.width + gap
  const height = size.height + 2 * band
  const overlay = Buffer.from(labels(preview, size, prediction.pixelSizeUm))
  return sharp({ create: { width, height, channels: 3, background: '#101214' } })
    .composite([
      ...panels.map((input, index) => ({ input, left: index * (size.width + gap), top: band })),
      { input: overlay, left: 0, top: 0 },
    ])
    .png()
    .toBuffer()
}

interface Size {
  readonly width: number
  readonly height: number
}

/** Small pictures grow by whole numbers, large ones shrink. */
function panelSize({ width, height }: Picture): Size {
  const longest = Math.max(width, height)
  const factor = longest > panelLimits.max ? panelLimits.max / longest : Math.max(1, Math.ceil(panelLimits.min / width))
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) }
}

async function panel(picture: Picture, low: number, high: number, { width, height }: Size): Promise<Buffer> {
  const grey = await toGrey(picture, low, high)
  const kernel = picture.width <= width ? 'nearest' : 'lanczos3'
  return sharp(grey, { raw: { width: picture.width, height: picture.height, channels: 1 } })
    .resize(width, height, { fit: 'fill', kernel })
    .toColourspace('srgb')
    .png()
    .toBuffer()
}

function labels({ name, width, prediction }: Preview, size: Size, pixelSizeUm: number | null): string {
  const right = size.width + gap
  const total = right + size.width
  // Its width is given, because the machine's fonts are not known.
  const badge = 'made by a network'
  const bar = pixelSizeUm === null ? null : scaleBar((pixelSizeUm * width) / size.width, size.width)
  const bottom = size.height + band
  const foot = bar
    ? `<rect x="${total - 12 - bar.pixels}" y="${bottom + 14}" width="${bar.pixels}" height="5" fill="#fff"/>
       <text x="${total - 20 - bar.pixels}" y="${bottom + 23}" text-anchor="end">${bar.text}</text>`
    : `<text x="${total - 12}" y="${bottom + 27}" text-anchor="end" fill="#b8bec6">scale unknown: no pixel size</text>`
  const { model, version } = prediction.provenance
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="${bottom + band}" font-family="sans-serif" font-size="17" fill="#fff">
    <text x="12" y="28">Input</text>
    <text x="${right + 12}" y="28">${escapeText(shorten(`${model} ${version}`, 24))}</text>
    <rect x="${total - 176}" y="8" width="164" height="28" rx="6" fill="#ffb000"/>
    <text x="${total - 166}" y="28" fill="#101214" textLength="144" lengthAdjust="spacingAndGlyphs">${badge}</text>
    <text x="12" y="${bottom + 27}" fill="#b8bec6">${escapeText(shorten(name, 44))}</text>
    ${foot}
  </svg>`
}

/** A round length of about a fifth of the panel. `um`: µm a pixel of the panel. */
function scaleBar(um: number, panelWidth: number): { readonly pixels: number; readonly text: string } {
  const wanted = (um * panelWidth) / 5
  const decade = 10 ** Math.floor(Math.log10(wanted))
  const length = decade * ([5, 2, 1].find((step) => step * decade <= wanted) ?? 1)
  return { pixels: Math.round(length / um), text: `${Number(length.toPrecision(1))} µm` }
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

function escapeText(text: string): string {
  // Control characters are not allowed in XML at all.
  return text.replace(/\p{Cc}/gu, '\ufffd').replace(/[&<>"]/g, (character) => escapes[character] ?? character)
}
