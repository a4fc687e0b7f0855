/** Opens a TIFF in a worker thread of its own, so that decoding does not hold up the host and a hostile file harms only its own thread. */
import { basename } from 'node:path'
import { Worker } from 'node:worker_threads'
import { entryPath } from '#main/processes.ts'
import { AppError, abortError, type ErrorData, errorFromData } from '#shared/errors.ts'
import { type Pixels, type PixelType, pixelsFrom } from '#shared/image/frame.ts'
import type { RowRange } from './decode.ts'
import type { TiffInfo, TiffSource } from './source.ts'

/** `range` null: all rows. */
export type TiffRequest = { readonly id: number; readonly plane: number; readonly range: RowRange | null }

export type TiffReply =
  | { readonly kind: 'opened'; readonly info: TiffInfo }
  | { readonly kind: 'plane'; readonly id: number; readonly pixelType: PixelType; readonly bytes: Uint8Array }
  | { readonly kind: 'failed'; readonly id: number | null; readonly error: ErrorData }

/** For numbers and text; pixels lie outside it. MB */
const heapLimit = 1024

interface Waiting {
  readonly resolve: (pixels: Pixels) => void
  readonly reject: (error: Error) => void
}

/** Rejects with DatasetInvalid or AbortError. Disposing the source ends its thread. */
export async function openTiff(path: string, options: { readonly signal?: AbortSignal } = {}): Promise<TiffSource> {
  options.signal?.throwIfAborted()
  const worker = new Worker(entryPath('image-worker'), { workerData: { path }, resourceLimits: { maxOldGenerationSizeMb: heapLimit } })
  const session = new WorkerSession(worker, path)
  const onAbort = () => session.end(abortError())
  options.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const info = await session.opened
    return { ...info, ...session.source() }
  } catch (error) {
    await worker.terminate()
    throw error
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
  }
}

class WorkerSession {
  readonly opened: Promise<TiffInfo>
  readonly #worker: Worker
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #ended: Error | undefined
  #onOpened: { resolve: (info: TiffInfo) => void; reject: (error: Error) => void } | undefined

  constructor(worker: Worker, path: string) {
    this.#worker = worker
    this.opened = new Promise((resolve, reject) => {
      this.#onOpened = { resolve, reject }
    })
    const invalid = (why: string, cause?: unknown) => new AppError('DatasetInvalid', `${basename(path)} ${why}.`, { path }, cause)
    worker.on('message', (reply: TiffReply) => this.#receive(reply))
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const tooMuch = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      this.end(tooMuch ? invalid('needs more memory than it may have', error) : new AppError('Internal', error.message, { path }, error))
    })
    worker.on('exit', () => this.end(invalid('was closed')))
  }

  /** Every waiting and later request fails with `error`. */
  end(error: Error): void {
    this.#ended ??= error
    this.#onOpened?.reject(this.#ended)
    for (const waiting of this.#waiting.values()) waiting.reject(this.#ended)
    this.#waiting.clear()
  }

  source(): Pick<TiffSource, 'readPlane' | 'readRows' | typeof Symbol.asyncDispose> {
    return {
      readPlane: (plane, signal) => this.#read(plane, null, signal),
      readRows: (plane, top, rows, signal) => this.#read(plane, { top, rows }, signal),
      [Symbol.asyncDispose]: async () => {
        await this.#worker.terminate()
      },
    }
  }

  #read(plane: number, range: RowRange | null, signal?: AbortSignal): Promise<Pixels> {
    if (signal?.aborted) return Promise.reject(abortError())
    if (this.#ended) return Promise.reject(this.#ended)
    const id = this.#next++
    return new Promise<Pixels>((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.delete(id)
        reject(abortError())
      }
      const settle = () => signal?.removeEventListener('abort', onAbort)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.set(id, {
        resolve: (pixels) => {
          settle()
          resolve(pixels)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      })
      this.#worker.postMessage({ id, plane, range } satisfies TiffRequest)
    })
  }

  #receive(reply: TiffReply): void {
    if (reply.kind === 'opened') this.#onOpened?.resolve(reply.info)
    else if (reply.kind === 'plane') {
      this.#waiting.get(reply.id)?.resolve(pixelsFrom(reply.bytes, reply.pixelType))
      this.#waiting.delete(reply.id)
    } else if (reply.id === null) this.#onOpened?.reject(errorFromData(reply.error))
    else {
      this.#waiting.get(reply.id)?.reject(errorFromData(reply.error))
      this.#waiting.delete(reply.id)
    }
  }
}
