/** Brings what was written to the disk itself, at most a second later, so that the death of the machine loses no more than that. */
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { flushFolder } from './disk.ts'

/** Half the promise, because flushing takes time too. ms */
const flushAfter = 500
const promise = 1000
/** Files flushed at once: their journal commits join. While frames are written, half of Node's file threads stay free for that. */
const parallelFlushes = { recording: 2, closing: 4 }

interface Batch {
  readonly since: number
  readonly files: string[]
  folder: string
}

export class Flusher {
  readonly #root: string
  readonly #after: readonly string[]
  #batch: Batch | undefined
  #running: { readonly since: number; readonly done: Promise<void> } | undefined
  #timer: NodeJS.Timeout | undefined
  #closing = false
  #failure: { readonly error: unknown } | undefined

  /**
   * `root` holds the folders of all files. `after`: files that refer to the batch's own and are flushed after them, with every batch.
   */
  constructor(root: string, after: readonly string[]) {
    this.#root = root
    this.#after = after
  }

  /** To be called in the order in which the files got their names. */
  add(file: string): void {
    this.#batch ??= { since: performance.now(), files: [], folder: '' }
    this.#batch.files.push(file)
    this.#batch.folder = dirname(file)
    this.#schedule()
  }

  /** Resolves at once while the disk keeps the promise, else when it has caught up. Rejects where flushing has failed. */
  async keepUp(): Promise<void> {
    const running = this.#running
    if (running && performance.now() - running.since > promise) await running.done
    this.#check()
  }

  /** Flushes the rest. Rejects where any flushing has failed. */
  async close(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#timer)
    await this.#running?.done
    await this.#flush()
    this.#check()
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error
  }

  #schedule(): void {
    if (this.#timer || this.#running) return
    this.#timer = setTimeout(() => void this.#flush(), flushAfter)
    this.#timer.unref()
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#batch
    if (!batch) return
    this.#batch = undefined
    const done = this.#write(batch).catch((error) => {
      this.#failure ??= { error }
    })
    this.#running = { since: batch.since, done }
    await done
    this.#running = undefined
    if (this.#batch) this.#schedule()
  }

  async #write(batch: Batch): Promise<void> {
    const files = batch.files.values()
    const worker = async () => {
      for (const file of files) await flushFile(file)
    }
    await Promise.all(Array.from({ length: this.#closing ? parallelFlushes.closing : parallelFlushes.recording }, worker))
    // Journals keep the order of names, so the youngest brings all the others with it; flushing three folders a frame halves the rate.
    await flushFolder(batch.folder)
    await flushFolder(this.#root)
    for (const file of this.#after) await flushFile(file)
  }
}

async function flushFile(path: string): Promise<void> {
  // Windows flushes only what may be written.
  const file = await open(path, 'r+')
  try {
    await file.datasync()
  } finally {
    await file.close()
  }
}
