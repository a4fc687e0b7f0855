/** What the instruments of trust say of a plane of a file, or of a window in the middle of one that is too large for them. */
import { cut } from '#shared/image/plane.ts'
import type { Training } from '../analysis/trust/training.ts'
import type { Band, Prediction } from '../inference/inference.ts'
import type { Work } from './enhanced-writer.ts'
import { fileFacts } from './file-facts.ts'
import type { Picture } from './picture.ts'
import { type JudgedPlane, placeOf } from './trust-table.ts'

/** A plane before and after. */
export interface Pair {
  readonly before: Picture
  readonly after: Picture
  /** Of the error, on the grid of `after`. */
  readonly scale: Float32Array | null
}

export async function judgePlane(
  { source, judge, request, pixelSizeUm: givenUm }: Pick<Work, 'source' | 'judge' | 'request' | 'pixelSizeUm'>,
  training: Training,
  plane: number,
  { before, after, scale }: Pair,
  { pixelSizeUm }: Pick<Prediction, 'pixelSizeUm'>,
): Promise<JudgedPlane> {
  const place = placeOf(source, plane)
  const facts = fileFacts(source, givenUm, place.c)
  const asked = { facts, training, input: before, output: after, outputPixelUm: pixelSizeUm, ...(scale ? { scale } : {}) }
  const { report } = await judge.judge({ ...asked, depth: 'plane' }, request.signal)
  return { ...place, report }
}

/** Side of the largest window, on the finer of the two grids. */
const largestWindow = 1024

/** A stretch of an axis, before and after; both cover the same place. */
interface Stretch {
  readonly start: number
  readonly length: number
  readonly gridStart: number
  readonly gridLength: number
}

/** The window of a plane that is judged: the middle of what one band gives. */
export interface JudgedWindow {
  /** Which band. */
  readonly band: number
  readonly x: Stretch
  readonly y: Stretch
}

/**
 * The middle of a plane that goes through a network in bands.
 * @param width of the image; @param gridWidth of the result.
 */
export function middleWindow(bands: readonly Band[], width: number, gridWidth: number): JudgedWindow {
  const rows = bands.at(-1)?.to ?? 0
  const band = bands.findIndex(({ to }) => to > rows / 2)
  const { from, to, imageHeight } = bands[band] as Band
  return { band, x: middle(0, gridWidth, width / gridWidth), y: middle(from, to, imageHeight / rows) }
}

/** `ratio`: image pixels for one of the grid. Ends where both grids share a border, or nearly so. */
function middle(from: number, to: number, ratio: number): Stretch {
  const most = Math.floor(largestWindow * Math.min(1, ratio))
  const [first, last] = [Math.ceil(from * ratio - 1e-9), Math.floor(to * ratio + 1e-9)]
  const wanted = Math.max(1, Math.min(most, last - first))
  const start = sharedBorder(first + ((last - first - wanted) >> 1), first, last - 1, ratio)
  const end = sharedBorder(start + wanted, start + 1, last, ratio)
  const gridStart = Math.round(start / ratio)
  return { start, length: end - start, gridStart, gridLength: Math.max(1, Math.round(end / ratio) - gridStart) }
}

/** The border between pixels of the image near `wanted`, within limits, that lies nearest to one of the grid. */
function sharedBorder(wanted: number, least: number, most: number, ratio: number): number {
  const miss = (border: number) => Math.abs(border / ratio - Math.round(border / ratio))
  let best = Math.min(most, Math.max(least, wanted))
  for (let border = Math.max(least, wanted - 16); border <= Math.min(most, wanted + 16); border++) {
    if (miss(border) < miss(best) - 1e-6) best = border
  }
  return best
}

/** The window of a band's rows. */
export function windowOf({ x, y }: JudgedWindow, band: Band, before: Picture, { width, height, image, scale }: Prediction): Pair {
  const top = y.gridStart - band.from
  const result = (data: Float32Array) => cut({ width, height, data }, x.gridStart, top, x.gridLength, y.gridLength)
  const after = result(image)
  return {
    before: cut(before, x.start, y.start - band.firstRow, x.length, y.length),
    after,
    scale: scale ? result(scale).data : null,
  }
}
