/** Files on their way through a network: what was chosen, what is uploaded, what the host is at. */
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { AppError, abortError } from '#shared/errors.ts'
import type { Surfaces } from '#shared/surfaces.ts'
import { useBackend } from '../backend.ts'
import { mirror } from './mirror.ts'
import { useToasts } from './toasts.ts'

export interface Upload {
  readonly id: string
  readonly file: string
  /** 0…1 */
  readonly progress: number
  /** Seconds left, if known. */
  readonly remaining: number | null
  readonly cancel: () => void
}

/** What waits for the dialog's answers: a file, or a session of the camera. */
export interface Picked {
  readonly name: string
  /** Bytes; null where it is not known. */
  readonly size: number | null
  readonly from: File | { readonly session: string }
}

const chunkBytes = 4 * 2 ** 20

/** Not `randomUUID`: a page from another computer over plain HTTP has none. */
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

export const useJobs = defineStore('jobs', () => {
  const backend = useBackend()
  const toasts = useToasts()
  const list = mirror('jobs.state', [])
  const uploads = shallowRef<readonly Upload[]>([])
  /** Files and sessions that wait for their pixel size. */
  const chosen = shallowRef<readonly Picked[]>([])
  const active = computed(
    () => list.value.filter(({ status }) => status === 'waiting' || status === 'running').length + uploads.value.length,
  )

  function choose(files: readonly File[]): void {
    const pictures = files.filter(({ name }) => /\.tiff?$/i.test(name))
    for (const { name } of files.filter((file) => !pictures.includes(file))) {
      toasts.add({ tone: 'error', title: `“${name}” is not a TIFF file.`, advice: 'Choose a .tif or .tiff image.', link: null })
    }
    chosen.value = pictures.map((file) => ({ name: file.name, size: file.size, from: file }))
  }

  function chooseSession(session: string, name: string): void {
    chosen.value = [{ name, size: null, from: { session } }]
  }

  /**
   * Starts one of them; an empty `model` is the one that suits its pixels, `refocus` the surfaces of one that refocuses. Resolves to the job's id, or
   * null when it failed or was cancelled.
   */
  async function start(
    { from }: Picked,
    pixelSizeUm: number | null,
    model: string,
    refocus: Surfaces | null = null,
  ): Promise<string | null> {
    try {
      const source = 'session' in from ? from : await sourceOf(from)
      const { job } = await backend.call('enhance.start', {
        ...source,
        ...(pixelSizeUm === null ? {} : { pixelSizeUm }),
        ...(refocus === null ? {} : { refocus }),
        model,
      })
      return job
    } catch (error) {
      toasts.fail(error)
      return null
    }
  }

  async function sourceOf(file: File): Promise<{ path: string } | { upload: string }> {
    const path = window.deepscope?.pathForFile(file)
    return path ? { path } : { upload: await upload(file) }
  }

  async function cancel(job: string): Promise<void> {
    try {
      await backend.call('enhance.cancel', { job })
    } catch (error) {
      toasts.fail(error)
    }
  }

  /** Sends a file to the host; resolves to the upload's id. */
  async function upload(file: File): Promise<string> {
    const { uploadLimit } = await backend.call('app.info', null)
    if (file.size > uploadLimit) {
      const mebibytes = Math.floor(uploadLimit / 2 ** 20)
      throw new AppError('OutOfRange', `“${file.name}” is larger than the ${mebibytes} MiB that can be sent through the browser.`)
    }
    const id = newId()
    const sink = backend.send('file.upload', { upload: id, name: file.name, size: file.size })
    let cancelled = false
    const began = performance.now()
    const report = (sent: number) => {
      const progress = file.size > 0 ? sent / file.size : 1
      const elapsed = (performance.now() - began) / 1000
      const remaining = sent > 0 && elapsed > 0.5 ? (elapsed / progress) * (1 - progress) : null
      const entry: Upload = {
        id,
        file: file.name,
        progress,
        remaining,
        cancel: () => {
          cancelled = true
        },
      }
      uploads.value = [...uploads.value.filter((each) => each.id !== id), entry]
    }
    // The server's refusal must not go unheard while chunks are still being sent.
    const refused = sink.finished.then(
      () => null,
      (error: unknown) => ({ error }),
    )
    try {
      report(0)
      let offset = 0
      do {
        if (cancelled) throw abortError('The upload was cancelled.')
        const bytes = new Uint8Array(await file.slice(offset, offset + chunkBytes).arrayBuffer())
        const last = offset + bytes.byteLength >= file.size
        await sink.send({ header: { offset, last }, bytes })
        offset += bytes.byteLength
        report(offset)
      } while (offset < file.size)
      sink.end()
      const refusal = await refused
      if (refusal) throw refusal.error
      return id
    } catch (error) {
      sink.end()
      throw (await Promise.race([refused, null]))?.error ?? error
    } finally {
      uploads.value = uploads.value.filter((each) => each.id !== id)
    }
  }

  return { list, uploads, chosen, active, choose, chooseSession, start, cancel, upload }
})
