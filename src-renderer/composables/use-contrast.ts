/** Contrast limits for the pictures shown together, and what the histogram panel shows of them. */
import { type MaybeRefOrGetter, shallowRef, toValue } from 'vue'
import type { Histogram } from '#shared/api.ts'
import { autoLimits, easeLimits, type Limits } from '../contrast.ts'
import type { Slot } from '../three/panes.ts'

/** The panel is redrawn at most this often, ms; the picture itself follows every frame. */
const panelMs = 120

export function useContrast(auto: MaybeRefOrGetter<boolean>) {
  const limits = shallowRef<Limits>({ low: 0, high: 65535 })
  const histograms = shallowRef<Partial<Record<Slot, Histogram>>>({})
  let newest: Partial<Record<Slot, Histogram>> = {}
  let known = false
  let shownAt = 0

  /** Takes note of a picture. Returns the limits to draw it with. */
  function observe(slot: Slot, histogram: Histogram | null): Limits {
    if (histogram) newest[slot] = histogram
    else delete newest[slot]
    const wanted = toValue(auto) || !known ? autoLimits(Object.values(newest)) : null
    if (wanted) {
      limits.value = easeLimits(known ? limits.value : null, wanted)
      known = true
    }
    const now = performance.now()
    if (now - shownAt > panelMs || !histogram) {
      shownAt = now
      histograms.value = { ...newest }
    }
    return limits.value
  }

  function set(next: Limits): void {
    known = true
    limits.value = next
  }

  /** Jumps to the automatic limits of what is shown now. */
  function applyAuto(): void {
    const wanted = autoLimits(Object.values(newest))
    if (wanted) limits.value = wanted
    histograms.value = { ...newest }
  }

  /** Forgets everything: the next picture is of something else. */
  function reset(): void {
    newest = {}
    known = false
    histograms.value = {}
  }

  return { limits, histograms, observe, set, applyAuto, reset }
}
