/** Intensity statistics of one picture, for display and read-outs. Pure functions on typed arrays. */
import type { Histogram } from '#shared/api.ts'
import type { Pixels } from '#shared/image/frame.ts'

const bins = 256
/** Of floats, bins between the extremes from which percentiles are read: exact to 1/4096 of the range. */
const fineBins = 4096
/** Above this many pixels only every n-th one is counted, so that a large picture does not hold up the host. */
const countedPixels = 2 ** 19
/** Fractions cut off by automatic contrast on either side, as ImageJ's default of 0.35 % saturated. */
const tail = 0.0035

/**
 * Counts of 256 equal bins between the smallest and largest value, with robust display limits at the 0.35 and 99.65 percentiles.
 * Values that are not finite are left out. `saturation` is the value from which a pixel counts as saturated.
 */
export function histogramOf(data: Pixels, saturation = Number.POSITIVE_INFINITY): Histogram {
  const least = Math.ceil(data.length / countedPixels)
  // Odd, so that in a picture of even width it does not meet the same columns in every row.
  const step = least % 2 ? least : least + 1
  return data instanceof Float32Array ? floatHistogram(data, step, saturation) : integerHistogram(data, step, saturation)
}

/** How often each integer value occurs; kept, because a new table for each picture of a live view would keep the garbage collector busy. */
const values = new Uint32Array(65536)

/** Exact: counts every integer value once, then reads everything else from the counts. */
function integerHistogram(data: Uint8Array | Uint16Array, step: number, saturation: number): Histogram {
  values.fill(0)
  for (let i = 0; i < data.length; i += step) {
    const value = data[i] as number
    values[value] = (values[value] as number) + 1
  }
  let min = 0
  let max = values.length - 1
  while (min < max && values[min] === 0) min++
  while (max > min && values[max] === 0) max--
  if (min === max) return flat(data.length > 0 ? min : 0, data.length, saturation)
  const width = (max - min) / bins
  const counts = new Uint32Array(bins)
  let saturated = 0
  for (let value = min; value <= max; value++) {
    const n = values[value] as number
    if (n === 0) continue
    const bin = Math.min(bins - 1, Math.floor((value - min) / width))
    counts[bin] = (counts[bin] as number) + n
    if (value >= saturation) saturated += n * step
  }
  const [low, high] = percentiles(values)
  return { min, max, counts, low, high, saturated: Math.min(saturated, data.length) }
}

function floatHistogram(data: Float32Array, step: number, saturation: number): Histogram {
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < data.length; i += step) {
    const value = data[i] as number
    if (value < min && value !== Number.NEGATIVE_INFINITY) min = value
    if (value > max && value !== Number.POSITIVE_INFINITY) max = value
  }
  if (!(min < max)) return flat(Number.isFinite(min) ? min : 0, data.length, saturation)
  const fine = new Uint32Array(fineBins)
  const toFine = fineBins / (max - min)
  let saturated = 0
  for (let i = 0; i < data.length; i += step) {
    const value = data[i] as number
    if (!(value >= min && value <= max)) continue
    const bin = Math.min(fineBins - 1, Math.floor((value - min) * toFine))
    fine[bin] = (fine[bin] as number) + 1
    if (value >= saturation) saturated += step
  }
  const counts = new Uint32Array(bins)
  const each = fineBins / bins
  for (let at = 0; at < fineBins; at++) {
    const bin = Math.floor(at / each)
    counts[bin] = (counts[bin] as number) + (fine[at] as number)
  }
  const [low, high] = percentiles(fine)
  const valueAt = (at: number) => min + (at + 0.5) / toFine
  return { min, max, counts, low: valueAt(low), high: valueAt(high), saturated: Math.min(saturated, data.length) }
}

/** Places among the counts where the lower and the upper tail end. */
function percentiles(counts: Uint32Array): readonly [low: number, high: number] {
  let total = 0
  for (let at = 0; at < counts.length; at++) total += counts[at] as number
  const places: number[] = []
  let seen = 0
  for (let at = 0; at < counts.length && places.length < 2; at++) {
    seen += counts[at] as number
    while (places.length < 2 && seen > 0 && seen >= (places.length === 0 ? tail : 1 - tail) * total) places.push(at)
  }
  return [places[0] ?? 0, places[1] ?? counts.length - 1]
}

function flat(value: number, pixels: number, saturation: number): Histogram {
  const counts = new Uint32Array(bins)
  counts[0] = pixels
  return { min: value, max: value, counts, low: value, high: value, saturated: value >= saturation ? pixels : 0 }
}
