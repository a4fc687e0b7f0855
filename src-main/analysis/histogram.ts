/** Intensity statistics of one picture, for display and read-outs. Pure functions on typed arrays. */
import type { Histogram } from '#shared/api.ts'
import type { Pixels } from '#shared/image/frame.ts'

const bins = 256
/** Above this many pixels every n-th one is counted, so that a very large picture does not hold up the host. */
const countedPixels = 1 << 20
/** Fractions cut off by automatic contrast on either side, as ImageJ's default of 0.35 % saturated. */
const tail = 0.0035

/**
 * Counts of 256 equal bins between the smallest and largest value, with robust display limits at the 0.35 and 99.65 percentiles.
 * Values that are not finite are left out. `saturation` is the value from which a pixel counts as saturated.
 */
export function histogramOf(data: Pixels, saturation = Number.POSITIVE_INFINITY): Histogram {
  const step = Math.max(1, Math.ceil(data.length / countedPixels))
  return data instanceof Float32Array ? floatHistogram(data, step, saturation) : integerHistogram(data, step, saturation)
}

/** Exact: counts every integer value once, then reads everything else from the counts. */
function integerHistogram(data: Uint8Array | Uint16Array, step: number, saturation: number): Histogram {
  const values = new Uint32Array(data instanceof Uint8Array ? 256 : 65536)
  for (let i = 0; i < data.length; i += step) values[data[i]!]!++
  const min = Math.max(
    0,
    values.findIndex((n) => n > 0),
  )
  const max = Math.max(
    0,
    values.findLastIndex((n) => n > 0),
  )
  const width = max > min ? (max - min) / bins : 1
  const counts = new Array<number>(bins).fill(0)
  let saturated = 0
  for (let value = min; value <= max; value++) {
    const n = values[value]!
    if (n === 0) continue
    counts[Math.min(bins - 1, Math.floor((value - min) / width))]! += n
    if (value >= saturation) saturated += n * step
  }
  return {
    min,
    max,
    counts,
    low: percentile(values, tail),
    high: percentile(values, 1 - tail),
    saturated: Math.min(saturated, data.length),
  }
}

function percentile(values: Uint32Array, fraction: number): number {
  let total = 0
  for (const n of values) total += n
  const wanted = fraction * total
  let seen = 0
  for (let value = 0; value < values.length; value++) {
    seen += values[value]!
    if (seen >= wanted && seen > 0) return value
  }
  return 0
}

/** Percentiles are read from 4,096 fine bins between the extremes, so they are exact to 1/4096 of the range. */
function floatHistogram(data: Float32Array, step: number, saturation: number): Histogram {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < data.length; i += step) {
    const value = data[i]!
    if (value < min) min = value
    if (value > max && value !== Number.POSITIVE_INFINITY) max = value
  }
  if (!(min < max)) return flat(Number.isFinite(min) ? min : 0, data.length)
  const fine = new Uint32Array(bins * 16)
  const toFine = fine.length / (max - min)
  let saturated = 0
  for (let i = 0; i < data.length; i += step) {
    const value = data[i]!
    if (!(value >= min && value <= max)) continue
    fine[Math.min(fine.length - 1, Math.floor((value - min) * toFine))]!++
    if (value >= saturation) saturated += step
  }
  const counts = Array.from({ length: bins }, (_, bin) => fine.subarray(bin * 16, bin * 16 + 16).reduce((sum, n) => sum + n, 0))
  const valueAt = (fraction: number) => min + (percentile(fine, fraction) + 0.5) / toFine
  return { min, max, counts, low: valueAt(tail), high: valueAt(1 - tail), saturated: Math.min(saturated, data.length) }
}

function flat(value: number, pixels: number): Histogram {
  const counts = new Array<number>(bins).fill(0)
  counts[0] = pixels
  return { min: value, max: value, counts, low: value, high: value, saturated: 0 }
}
