/** What is on the disk: sessions, models, free space. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { useBackend } from '../backend.ts'
import { mirror } from './mirror.ts'
import { useToasts } from './toasts.ts'

export const useLibrary = defineStore('library', () => {
  const backend = useBackend()
  const toasts = useToasts()
  const sessions = mirror('sessions.index', [])
  const models = mirror('models.index', [])
  const storage = mirror('storage.state', { folder: '', freeBytes: null, writable: true, problem: null })
  const exporting = shallowRef<string | null>(null)

  async function exportTiff(session: string): Promise<void> {
    exporting.value = session
    try {
      const { path } = await backend.call('sessions.export', { session })
      toasts.succeed('Exported as OME-TIFF.', path)
    } catch (error) {
      toasts.fail(error)
    } finally {
      exporting.value = null
    }
  }

  return { sessions, models, storage, exporting, exportTiff }
})
