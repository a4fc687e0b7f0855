/** Display limits for other programs, from a sparse sample so that it costs no time between frames. */
import type { Pixels } from '#shared/image/frame.ts'

const samples = 8192

/** The 0.35 and 99.65 percentiles of evenly spread pixels; null where the picture is flat. In the pixels' units. */
export function displayLimits(data: Pixels): { readonly low: number; readonly high: number } | null {
  const step = Math.max(1, Math.floor(data.length / samples))
  const values = new Float64Array(Math.floor(data.length / step))
  for (let i = 0; i < values.length; i++) values[i] = data[i * step] ?? 0
  values.sort()
  const at = (fraction: number) => values[Math.round(fraction * (values.length - 1))] ?? 0
  const low = at(0.0035)
  const high = at(0.9965)
  return Number.isFinite(low) && Number.isFinite(high) && high > low ? { low, high } : null
}
