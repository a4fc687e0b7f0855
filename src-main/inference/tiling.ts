/**
 * How an image is cut for the network. Every tile starts at a multiple of the network's step, so that strided layers see the same
 * phases as in one piece, and only what lies a halo away from a cut is kept: then no seam can appear.
 */

/** Sizes the network takes along one axis: min + n·step. `fixed` networks have step 0. */
export interface SizeRule {
  readonly min: number
  readonly step: number
}

/** One stretch of one axis: the network reads [start, start + size) and [keepStart, keepEnd) of it is kept. Grid pixels. */
export interface Span {
  readonly start: number
  readonly keepStart: number
  readonly keepEnd: number
}

export interface AxisPlan {
  /** The image's extent along this axis, and the extent that the tiles cover: beyond its end the image is mirrored. */
  readonly length: number
  readonly padded: number
  /** Size of every tile. */
  readonly size: number
  readonly spans: readonly Span[]
}

/**
 * Which element of an axis of `length` stands at `index`, that may lie beyond its ends: the axis is mirrored there, its last element not repeated. Repeated
 * pixels would be stripes of noise, which a network takes for structure.
 */
export function mirrored(index: number, length: number): number {
  const period = Math.max(1, 2 * (length - 1))
  const at = ((index % period) + period) % period
  return Math.min(at, period - at)
}

/** Smallest size that the network takes and that is at least `length`. */
export function roundUp(length: number, rule: SizeRule): number {
  if (rule.step === 0) return rule.min
  return rule.min + Math.ceil(Math.max(0, length - rule.min) / rule.step) * rule.step
}

/**
 * Tiles of one axis.
 * @param halo pixels beside a cut that must not be kept: at least the network's receptive field.
 * @param largest wished upper limit of a tile; grown where halo and step leave no room within it.
 */
export function planAxis(length: number, rule: SizeRule, halo: number, largest: number): AxisPlan {
  const step = Math.max(1, rule.step)
  const margin = Math.ceil(halo / step) * step
  const whole = roundUp(length, rule)
  const size = rule.step === 0 ? rule.min : roundUp(Math.max(rule.min, largest - step + 1, 2 * margin + step), rule)
  if (whole <= size && length <= size) return { length, padded: whole, size: whole, spans: [{ start: 0, keepStart: 0, keepEnd: length }] }
  const core = Math.max(step, Math.floor((size - 2 * margin) / step) * step)
  const padded = size + Math.ceil((length - size) / step) * step
  const spans: Span[] = []
  for (let start = 0, kept = 0; kept < length; start += core) {
    const from = Math.min(start, padded - size)
    const last = from === padded - size
    const keepEnd = last ? length : Math.min(length, from + size - margin)
    spans.push({ start: from, keepStart: kept, keepEnd })
    kept = keepEnd
  }
  return { length, padded, size, spans }
}

/** Bytes that a U-Net needs for each pixel of a tile while it runs, a generous guess for networks of which nothing is known. */
const bytesPerTilePixel = 512

/** Pixels of tiles that a quarter of the free memory has room for. */
function roomFor(freeBytes: number): number {
  return freeBytes / 4 / bytesPerTilePixel
}

/** Side of the largest tile to use, by the memory that is free: a quarter of it, between 256 and 1024 pixels. */
export function largestTile(freeBytes: number): number {
  const side = Math.floor(Math.sqrt(roomFor(freeBytes)) / 64) * 64
  return Math.min(1024, Math.max(256, side))
}

/** Pixels that go through a network together at most: from 512² on, planes gain nothing from it (`npm run bench`: planes-together). */
const batchPixels = 2 ** 19
/** Pixels of the maps that go with one picture at most, so that a cancel acts soon. */
const mapPixels = 2 ** 21
const largestBatch = 16

/** Tiles of this many pixels that may go through a network at once: together no more than one of the largest tile, so a cancel acts as soon. */
export function tilesAtOnce(tilePixels: number, largest: number): number {
  return batchWithin(Math.min(batchPixels, largest * largest), tilePixels)
}

/** Maps of distances that may go with one picture of this many pixels, by the memory that is free: a quarter of it. */
export function mapsAtOnce(tilePixels: number, freeBytes: number): number {
  return batchWithin(Math.min(mapPixels, roomFor(freeBytes)), tilePixels)
}

function batchWithin(pixels: number, tilePixels: number): number {
  return Math.max(1, Math.min(largestBatch, Math.floor(pixels / tilePixels)))
}
