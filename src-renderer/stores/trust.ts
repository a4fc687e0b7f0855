/** The running judgement of live view, how far an inspection is, and which instruments are unfolded. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { InstrumentId } from '#shared/trust.ts'
import { mirror } from './mirror.ts'

export const useTrust = defineStore('trust', () => {
  const live = mirror('trust.state', { report: null, frame: null, every: 1, costShare: null, problem: null })
  const inspection = mirror('trust.inspection', { progress: null })
  const opened = shallowRef<ReadonlySet<InstrumentId>>(new Set())

  function toggle(id: InstrumentId): void {
    const others = [...opened.value].filter((each) => each !== id)
    opened.value = new Set(opened.value.has(id) ? others : [...others, id])
  }

  return { live, inspection, opened, toggle }
})
