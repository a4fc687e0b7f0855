/** Packages that come, go and are tested, at this window's wish. What is installed stands in the library. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import type { ModelDetails } from '#shared/api.ts'
import { useBackend } from '../backend.ts'
import { useJobs } from './jobs.ts'
import { useToasts } from './toasts.ts'

export const useModels = defineStore('models', () => {
  const backend = useBackend()
  const jobs = useJobs()
  const toasts = useToasts()
  /** Names of what is being taken in. */
  const importing = shallowRef<readonly string[]>([])
  /** Ids of networks whose test runs. */
  const testing = shallowRef<readonly string[]>([])

  /** Takes in zips, and where the host can read them, folders. Resolves to the id of the last one, or null where none came in. */
  async function take(files: readonly File[]): Promise<string | null> {
    let last: string | null = null
    for (const file of files) {
      importing.value = [...importing.value, file.name]
      try {
        const path = window.deepscope?.pathForFile(file)
        const source = path ? { path } : { upload: await jobs.upload(file) }
        const { model } = await backend.call('models.import', source)
        last = model
        toasts.succeed(`“${model}” is installed.`, 'Run its self-test to see whether it gives here what its makers say.', {
          label: 'Show',
          to: `/models/${encodeURIComponent(model)}`,
        })
      } catch (error) {
        toasts.fail(error)
      } finally {
        importing.value = importing.value.filter((name) => name !== file.name)
      }
    }
    return last
  }

  async function test(model: string): Promise<void> {
    if (testing.value.includes(model)) return
    testing.value = [...testing.value, model]
    try {
      await backend.call('models.test', { model })
    } catch (error) {
      toasts.fail(error)
    } finally {
      testing.value = testing.value.filter((id) => id !== model)
    }
  }

  /** Resolves to whether it is gone. */
  async function remove(model: string): Promise<boolean> {
    try {
      await backend.call('models.remove', { model })
      toasts.succeed(`“${model}” is removed.`)
      return true
    } catch (error) {
      toasts.fail(error)
      return false
    }
  }

  /** null where it cannot be had. */
  async function details(model: string): Promise<ModelDetails | null> {
    try {
      return await backend.call('models.info', { model })
    } catch (error) {
      toasts.fail(error)
      return null
    }
  }

  return { importing, testing, take, test, remove, details }
})
