/** Contrast limits for the pictures shown together, and what the histogram panel shows of them. */
import { type MaybeRefOrGetter, shallowRef, toValue } from 'vue'
import type { Histogram } from '#shared/api.ts'
import { autoLimits, easeLimits, type Limits } from '../contrast.ts'
import type { Slot } from '../three/panes.ts'

/** The panel follows at most this often, ms: painting it costs more than drawing a picture. The picture itself follows every frame. */
const panelMs = 250

export function useContrast(auto: MaybeRefOrGetter<boolean>) {
  /** As the panel shows them. */
  const limits = shallowRef<Limits>({ low: 0, high: 65535 })
  const histograms = shallowRef<Partial<Record<Slot, Histogram>>>({})
  let newest: Partial<Record<Slot, Histogram>> = {}
  /** As the newest picture is drawn; null until there was one. */
  let current: Limits | null = null
  let shownAt = 0

  function publish(): void {
    shownAt = performance.now()
    histograms.value = { ...newest }
    if (current) limits.value = current
  }

  /** Takes note of a picture. Returns the limits to draw it with. */
  function observe(slot: Slot, histogram: Histogram | null): Limits {
    if (histogram) newest[slot] = histogram
    else delete newest[slot]
    const first = current === null
    const wanted = toValue(auto) || first ? autoLimits(Object.values(newest)) : null
    if (wanted) current = easeLimits(current, wanted)
    if (first || !histogram || performance.now() - shownAt > panelMs) publish()
    return current ?? limits.value
  }

  function set(next: Limits): void {
    current = next
    publish()
  }

  /** Jumps to the automatic limits of what is shown now. */
  function applyAuto(): void {
    current = autoLimits(Object.values(newest)) ?? current
    publish()
  }

  /** Forgets everything: the next picture is of something else. */
  function reset(): void {
    newest = {}
    current = null
    publish()
  }

  return { limits, histograms, observe, set, applyAuto, reset }
}
