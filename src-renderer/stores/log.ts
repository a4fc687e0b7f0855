/** The host's recent log, and its export as a problem report. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { useBackend } from '../backend.ts'
import { mirror } from './mirror.ts'
import { useToasts } from './toasts.ts'

export const useLog = defineStore('log', () => {
  const backend = useBackend()
  const toasts = useToasts()
  const entries = mirror('log.recent', [])
  const open = shallowRef(false)
  const problems = computed(() => entries.value.filter(({ level }) => level === 'error').length)

  async function exportReport(): Promise<void> {
    try {
      const { name, text } = await backend.call('log.export', null)
      const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
      const link = document.createElement('a')
      link.href = url
      link.download = name
      link.click()
      setTimeout(() => URL.revokeObjectURL(url), 10_000)
    } catch (error) {
      toasts.fail(error)
    }
  }

  return { entries, open, problems, exportReport }
})
