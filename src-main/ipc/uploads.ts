/** Files a browser sends: kept in a temporary folder under names of our own until a job or an import takes them. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AppError } from '#shared/errors.ts'
import type { Caller, StreamFrame } from '#shared/rpc/remote.ts'
import { storageError } from '../storage/disk.ts'

export interface Upload {
  readonly path: string
  /** As the browser named it: for showing, never for a path. */
  readonly name: string
}

/** Uploads one client may have waiting for a job. */
const waitingLimit = 32

export class Uploads implements AsyncDisposable {
  readonly #finished = new Map<string, Upload & { readonly client: string }>()
  readonly #running = new Set<string>()
  #folder: Promise<string> | null = null
  #count = 0

  /** `limit`: largest file accepted, bytes. */
  constructor(readonly limit: number) {}

  /** Writes the chunks of one file. Rejects with OutOfRange for too large a file, BadRequest for chunks out of place; nothing is left behind. */
  async receive(
    { upload, name, size }: { readonly upload: string; readonly name: string; readonly size: number },
    frames: AsyncIterable<StreamFrame<{ readonly offset: number; readonly last: boolean }>>,
    caller: Caller,
  ): Promise<void> {
    const key = `${caller.client}/${upload}`
    if (this.#running.has(key) || this.#finished.has(key)) throw new AppError('BadRequest', 'This upload id is in use.')
    if (size > this.limit)
      throw new AppError('OutOfRange', `“${name}” is larger than the ${Math.floor(this.limit / 2 ** 20)} MiB an upload may have.`, { size })
    const waiting = [...this.#finished.values()].filter((each) => each.client === caller.client).length
    if (waiting >= waitingLimit) throw new AppError('Busy', `${waitingLimit} uploads are waiting already.`)
    const folder = await this.#place()
    const path = join(folder, `${this.#count++}.upload`)
    this.#running.add(key)
    let received = 0
    let complete = false
    try {
      const file = await open(path, 'wx')
      try {
        for await (const { header, bytes } of frames) {
          if (header.offset !== received) throw new AppError('BadRequest', `A part of “${name}” is missing.`)
          received += bytes.byteLength
          if (received > size) throw new AppError('BadRequest', `“${name}” is longer than was said.`)
          // All of it: a plain write may stop short where the disk is full.
          await file.writeFile(bytes)
          if (header.last) break
        }
      } finally {
        await file.close()
      }
      if (received !== size) throw new AppError('BadRequest', `“${name}” arrived incomplete: ${received} of ${size} bytes.`)
      complete = true
      this.#finished.set(key, { path, name, client: caller.client })
      caller.gone.addEventListener('abort', () => void this.#forget(key), { once: true })
    } catch (error) {
      throw await storageError(error, `“${name}”`, folder)
    } finally {
      this.#running.delete(key)
      if (!complete) await rm(path, { force: true })
    }
  }

  /** Hands a finished upload to its job, which removes the file when it is done. */
  take(upload: string, client: string): Upload {
    const key = `${client}/${upload}`
    const found = this.#finished.get(key)
    if (!found) throw new AppError('BadRequest', 'There is no such upload. Send the file again.')
    this.#finished.delete(key)
    return found
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#folder) await rm(await this.#folder, { recursive: true, force: true })
  }

  /** The temporary folder; tried again where it could not be made. */
  async #place(): Promise<string> {
    this.#folder ??= mkdtemp(join(tmpdir(), 'deepscope-upload-'))
    return this.#folder.catch(async (error: unknown) => {
      this.#folder = null
      throw await storageError(error, 'the upload', tmpdir())
    })
  }

  async #forget(key: string): Promise<void> {
    const found = this.#finished.get(key)
    this.#finished.delete(key)
    if (found) await rm(found.path, { force: true })
  }
}
