/** Settings kept by the host; every window shows the same. */
import { defineStore } from 'pinia'
import { shallowRef, watchEffect } from 'vue'
import type { Settings } from '#shared/api.ts'
import { useBackend } from '../backend.ts'
import { mirror } from './mirror.ts'
import { useToasts } from './toasts.ts'

export const useSettings = defineStore('settings', () => {
  const backend = useBackend()
  const toasts = useToasts()
  const state = mirror('settings.state', {
    dataFolder: '',
    omeZarrVersion: '0.5',
    theme: 'dark',
    model: '',
    provider: 'auto',
    colorMap: 'gray',
    autoContrast: true,
    stageStep: 20,
    focusStep: 1,
  })
  /** What this window did not have to be told again: smooth pixels are a matter of the eye, not of the microscope. */
  const smooth = shallowRef(true)

  watchEffect(() => {
    document.documentElement.dataset.theme = state.value.theme
  })

  async function change(changes: Partial<Settings>): Promise<boolean> {
    try {
      await backend.call('settings.change', changes)
      return true
    } catch (error) {
      toasts.fail(error)
      return false
    }
  }

  return { state, smooth, change }
})
