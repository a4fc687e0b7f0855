/** A picture for people: before and after side by side, in the same contrast, saying which half a network made. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import sharp from 'sharp'
import { histogramOf } from '../analysis/histogram.ts'
import type { Prediction } from '../inference/inference.ts'
import { storageError } from '../storage/disk.ts'
import { beside } from './output-names.ts'
import { type Picture, toGrey } from './picture.ts'

export interface Preview {
  readonly before: Picture
  readonly after: Picture
  /** false: the values after are of another kind, and get a contrast of their own. */
  readonly inputUnits: boolean
  /** Pixels of the enhanced image before it was made small enough to show. */
  readonly width: number
  /** The file's name. */
  readonly name: string
  readonly prediction: Pick<Prediction, 'provenance' | 'pixelSizeUm'>
}

const band = 44
/** Its place from the picture's right upper corner. */
const badge = { text: 'made by a network', right: 12, top: 8, width: 170, height: 28 } as const
const gap = 8
/** Width of a panel at least, and longest side of the picture in it, pixels. */
const narrowest = 420
const largest = 1024

/** Writes the PNG that goes with a result, under a temporary name first, and resolves to its path. Rejects with StorageFull or StorageRefused. */
export async function writePreview(output: string, preview: Preview): Promise<string> {
  const path = beside(output, '.png')
  const temporary = `${path}.partial`
  try {
    await writeFile(temporary, await renderPreview(preview))
    await rename(temporary, path)
    return path
  } catch (error) {
    await rm(temporary, { force: true })
    throw await storageError(error, path, dirname(path))
  }
}

/** The PNG's bytes. */
export async function renderPreview(preview: Preview): Promise<Buffer> {
  const { before, after, prediction } = preview
  // Both halves in the contrast of what was measured: a network must not look better by brightness alone.
  const limits = histogramOf(before.data)
  const size = shownSize(after)
  const afterLimits = preview.inputUnits ? limits : histogramOf(after.data)
  const panels = await Promise.all([panel(before, limits, size), panel(after, afterLimits, size)])
  // A narrow picture stands in the middle of a panel that is wide enough for the words.
  const panelWidth = Math.max(size.width, narrowest)
  const width = 2 * panelWidth + gap
  const height = size.height + 2 * band
  const overlay = Buffer.from(labels(preview, size, panelWidth, prediction.pixelSizeUm))
  const badgeLabel = await badgeText()
  return sharp({ create: { width, height, channels: 3, background: '#101214' } })
    .composite([
      ...panels.map((input, index) => ({
        input,
        left: index * (panelWidth + gap) + Math.floor((panelWidth - size.width) / 2),
        top: band,
      })),
      { input: overlay, left: 0, top: 0 },
      {
        input: badgeLabel.data,
        left: width - badge.right - Math.round((badge.width + badgeLabel.info.width) / 2),
        top: badge.top + Math.round((badge.height - badgeLabel.info.height) / 2),
      },
    ])
    .removeAlpha()
    .png()
    .toBuffer()
}

interface Size {
  readonly width: number
  readonly height: number
}

/** Small pictures grow by whole numbers, large ones shrink. */
function shownSize({ width, height }: Picture): Size {
  const room = largest / Math.max(width, height)
  const factor = room < 1 ? room : Math.max(1, Math.min(Math.floor(room), Math.ceil(narrowest / width)))
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) }
}

async function panel(
  picture: Picture,
  { low, high }: { readonly low: number; readonly high: number },
  { width, height }: Size,
): Promise<Buffer> {
  const grey = await toGrey(picture, low, high)
  const kernel = picture.width <= width ? 'nearest' : 'lanczos3'
  return sharp(grey, { raw: { width: picture.width, height: picture.height, channels: 1 } })
    .resize(width, height, { fit: 'fill', kernel })
    .toColourspace('srgb')
    .png()
    .toBuffer()
}

/** The badge's words, fitted into it whatever the machine's fonts: they must never be cut. */
function badgeText() {
  const text = `<span foreground="#101214">${badge.text}</span>`
  return sharp({ text: { text, font: 'sans-serif', width: badge.width - 16, height: badge.height - 10, rgba: true } })
    .png()
    .toBuffer({ resolveWithObject: true })
}

function labels({ name, width, prediction }: Preview, size: Size, panelWidth: number, pixelSizeUm: number | null): string {
  const right = panelWidth + gap
  const total = right + panelWidth
  const bar = pixelSizeUm === null ? null : scaleBar((pixelSizeUm * width) / size.width, size.width)
  const bottom = size.height + band
  const foot = bar
    ? `<rect x="${total - 12 - bar.pixels}" y="${bottom + 14}" width="${bar.pixels}" height="5" fill="#fff"/>
       <text x="${total - 20 - bar.pixels}" y="${bottom + 23}" text-anchor="end">${bar.text}</text>`
    : `<text x="${total - 12}" y="${bottom + 27}" text-anchor="end" fill="#b8bec6">scale unknown: no pixel size</text>`
  const { model, version } = prediction.provenance
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${total}" height="${bottom + band}" font-family="sans-serif" font-size="17" fill="#fff">
    <text x="12" y="28">Input</text>
    <text x="${right + 12}" y="28">${escapeText(shorten(`${model} ${version}`, 22))}</text>
    <rect x="${total - badge.right - badge.width}" y="${badge.top}" width="${badge.width}" height="${badge.height}" rx="6" fill="#ffb000"/>
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
