/** Who is in control: one window writes, the others watch; everyone may stop. */
import { defineStore } from 'pinia'
import { computed } from 'vue'
import { useBackend } from '../backend.ts'
import { mirror } from './mirror.ts'
import { useToasts } from './toasts.ts'

export const useControl = defineStore('control', () => {
  const backend = useBackend()
  const toasts = useToasts()
  const clients = mirror('clients.state', { count: 0, writer: null })

  const connected = computed(() => backend.connection.value.status === 'connected')
  const watching = computed(() => {
    const { client } = backend.connection.value
    return connected.value && client !== null && clients.value.writer !== null && clients.value.writer !== client
  })
  /** May this window change things now? */
  const allowed = computed(() => connected.value && !watching.value)

  async function take(): Promise<void> {
    try {
      await backend.call('control.take', null)
    } catch (error) {
      toasts.fail(error)
    }
  }

  return { clients, connected, watching, allowed, take }
})
