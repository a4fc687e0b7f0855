/** Contrast limits: chosen from what the host counted, or dragged by hand. Values are the camera's own units. */
import type { Histogram } from '#shared/api.ts'

export interface Limits {
  readonly low: number
  readonly high: number
}

/** Limits that suit every picture shown together: a comparison is only fair when both have the same. */
export function autoLimits(histograms: readonly Histogram[]): Limits | null {
  if (histograms.length === 0) return null
  const low = Math.min(...histograms.map((each) => each.low))
  const high = Math.max(...histograms.map((each) => each.high))
  return widened(low, high)
}

/**
 * Moves towards the wanted limits a little with each frame, so that noise does not make the picture flicker. A jump is followed at once,
 * and what nobody would see is not followed at all.
 */
export function easeLimits(from: Limits | null, to: Limits): Limits {
  if (!from) return to
  const span = to.high - to.low
  const distance = Math.abs(to.low - from.low) + Math.abs(to.high - from.high)
  if (distance > span / 2) return to
  if (distance < span / 100) return from
  return { low: from.low + 0.2 * (to.low - from.low), high: from.high + 0.2 * (to.high - from.high) }
}

/** Moves one limit; the two never meet or cross. */
export function dragLimit(limits: Limits, which: 'low' | 'high', value: number, axis: Limits): Limits {
  const gap = (axis.high - axis.low) / 512
  return which === 'low'
    ? { low: Math.max(axis.low, Math.min(value, limits.high - gap)), high: limits.high }
    : { low: limits.low, high: Math.min(axis.high, Math.max(value, limits.low + gap)) }
}

/** What the histogram's axis must span: every value counted, and both limits, with a little room. */
export function axisOf(histograms: readonly Histogram[], limits: Limits): Limits {
  const low = Math.min(limits.low, ...histograms.map((each) => each.min))
  const high = Math.max(limits.high, ...histograms.map((each) => each.max))
  const room = (high - low) * 0.02 || 1
  return { low: low - room, high: high + room }
}

/**
 * The histogram as an SVG area in a box of `width` × `height`. Heights are logarithmic, because a dark background would flatten
 * everything else.
 */
export function histogramPath(histogram: Histogram, axis: Limits, width: number, height: number): string {
  const most = Math.log1p(Math.max(1, ...histogram.counts))
  const xOf = (value: number) => ((value - axis.low) / (axis.high - axis.low)) * width
  const bin = (histogram.max - histogram.min || 1) / histogram.counts.length
  const points = Array.from(histogram.counts, (count, i) => {
    const y = height - (Math.log1p(count) / most) * height
    return `L${xOf(histogram.min + i * bin).toFixed(1)} ${y.toFixed(1)}L${xOf(histogram.min + (i + 1) * bin).toFixed(1)} ${y.toFixed(1)}`
  })
  return `M${xOf(histogram.min).toFixed(1)} ${height}${points.join('')}L${xOf(histogram.max).toFixed(1)} ${height}Z`
}

function widened(low: number, high: number): Limits {
  return high > low ? { low, high } : { low, high: low + 1 }
}
