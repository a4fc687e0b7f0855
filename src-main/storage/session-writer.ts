/**
 * Records one session. Chunks are written a few at a time; what follows a chunk (its index line, the shape) happens strictly in the
 * frames' order, for all frames that are ready at once.
 *
 *     recording ──finish──▶ closing ──▶ complete
 *         └────write failed──▶ failed (closed; finished frames intact)
 */
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SessionSummary } from '#shared/api.ts'
import { AppError, isError } from '#shared/errors.ts'
import { bytesOf, type Frame, type FrameMetadata, pixelTypeOf } from '#shared/image/frame.ts'
import type { SessionWriter } from './dataset.ts'
import { replaceFile, storageError } from './disk.ts'
import { displayLimits } from './display-limits.ts'
import { Flusher } from './flusher.ts'
import { arrayDocument, chunkPlace, chunkRoot, framesText, groupDocuments, type ZarrImage } from './ome-zarr.ts'
import {
  frameBytes,
  imageFolder,
  indexFile,
  meanInterval,
  type SessionDocument,
  sessionFile,
  summaryOf,
  zarrImageOf,
} from './session-files.ts'

/** Chunks being written at once: as many as Node has file threads. */
const parallelChunks = 4

interface Pending {
  readonly frame: Frame
  readonly index: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  state: 'waiting' | 'writing' | 'written'
}

/** Open while the session is: the index, appended to, and the array's document, overwritten. */
interface Files {
  readonly index: FileHandle
  readonly array: FileHandle
}

export class FolderSessionWriter implements SessionWriter {
  readonly id: string
  readonly #folder: string
  readonly #index: FileHandle
  readonly #array: FileHandle
  readonly #framesOffset: number
  readonly #onClose: () => void
  readonly #flusher: Flusher
  readonly #queue: Pending[] = []
  readonly #writing = new Set<Promise<void>>()
  #document: SessionDocument
  #image: ZarrImage
  #first: FrameMetadata | null = null
  #last: FrameMetadata | null = null
  #accepted = 0
  #finished = 0
  #indexBytes = 0
  #committing: Promise<void> | undefined
  #failing: Promise<AppError> | undefined
  #finishing: Promise<SessionSummary> | undefined
  #onIdle: (() => void) | undefined

  private constructor(id: string, folder: string, document: SessionDocument, files: Files, onClose: () => void) {
    this.id = id
    this.#folder = folder
    this.#document = document
    this.#index = files.index
    this.#array = files.array
    this.#onClose = onClose
    this.#image = zarrImageOf(document, null)
    const { path, framesOffset } = arrayDocument(this.#image, 0)
    this.#framesOffset = framesOffset
    this.#flusher = new Flusher(join(folder, imageFolder, chunkRoot), [join(folder, indexFile), join(folder, imageFolder, path)])
  }

  /** Makes an empty but valid session in `folder`, which exists. `onClose` is called once, complete or not. Rejects with StorageFull or StorageRefused. */
  static async create(id: string, folder: string, document: SessionDocument, onClose: () => void): Promise<FolderSessionWriter> {
    try {
      const image = zarrImageOf(document, null)
      const root = join(folder, imageFolder)
      const array = arrayDocument(image, 0)
      await mkdir(join(root, chunkRoot), { recursive: true })
      const documents = [array, ...groupDocuments(image)].map(({ path, text }) => ({ path: join(root, path), text }))
      documents.push({ path: join(folder, sessionFile), text: documentText(document) })
      for (const { path, text } of documents) await replaceFile(path, text)
      const files = { index: await open(join(folder, indexFile), 'a'), array: await open(join(root, array.path), 'r+') }
      const writer = new FolderSessionWriter(id, folder, document, files, onClose)
      for (const { path } of documents) writer.#flusher.add(path)
      return writer
    } catch (error) {
      throw await storageError(error, folder, folder)
    }
  }

  get frames(): number {
    return this.#finished
  }

  get bytes(): number {
    return this.#finished * frameBytes(this.#document)
  }

  /** The summary as it stands. */
  get summary(): SessionSummary {
    return summaryOf(this.id, this.#document, this.#finished)
  }

  /** The frame's pixels must not change before this resolves. */
  append(frame: Frame): Promise<void> {
    if (this.#failing) return this.#failing.then((error) => Promise.reject(error))
    const refusal = this.#refuse(frame)
    if (refusal) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      this.#queue.push({ frame, index: this.#accepted++, resolve, reject, state: 'waiting' })
      this.#pump()
    })
  }

  finish(): Promise<SessionSummary> {
    this.#finishing ??= this.#finish()
    return this.#finishing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Whoever appended has been told of a failure already.
    await this.finish().catch(() => undefined)
  }

  #refuse(frame: Frame): AppError | undefined {
    const info = { session: this.id }
    if (this.#finishing) return new AppError('BadRequest', `Session ${this.id} is closed; start a new one.`, info)
    const { width, height, pixelType } = this.#document
    const type = pixelTypeOf(frame.data)
    const fits = frame.width === width && frame.height === height && type === pixelType && frame.data.length === width * height
    if (fits) return undefined
    const is = `${frame.width} × ${frame.height} ${type}`
    return new AppError('BadRequest', `Session ${this.id} holds ${width} × ${height} ${pixelType} frames; this one is ${is}.`, info)
  }

  /** Starts writing chunks while there are frames and hands free. */
  #pump(): void {
    for (const pending of this.#queue) {
      if (this.#failing || this.#writing.size >= parallelChunks) return
      if (pending.state !== 'waiting') continue
      pending.state = 'writing'
      const written = this.#writeChunk(pending).then(
        () => {
          pending.state = 'written'
        },
        (error) => this.#fail(error, this.#chunkPath(pending.index)),
      )
      this.#writing.add(written)
      void written.then(() => {
        this.#writing.delete(written)
        this.#pump()
        this.#commit()
      })
    }
  }

  #chunkPath(index: number): string {
    return join(this.#folder, imageFolder, chunkPlace(this.#document.omeZarrVersion, index).path)
  }

  #temporaryPath(index: number): string {
    return join(this.#folder, `frame-${index}.partial`)
  }

  async #writeChunk({ frame, index }: Pending): Promise<void> {
    await this.#flusher.keepUp()
    const root = join(this.#folder, imageFolder)
    const version = this.#document.omeZarrVersion
    const file = await open(this.#temporaryPath(index), 'w')
    try {
      await file.writeFile(bytesOf(frame.data))
    } finally {
      await file.close()
    }
    const { path, folders } = chunkPlace(version, index)
    for (const folder of folders) await mkdir(join(root, folder))
    await rename(this.#temporaryPath(index), join(root, path))
    this.#flusher.add(join(root, path))
  }

  /** Index lines and shape for every frame at the head of the queue whose chunk is in place. */
  #commit(): void {
    if (this.#committing || this.#failing) return
    const unready = this.#queue.findIndex((pending) => pending.state !== 'written')
    const ready = this.#queue.slice(0, unready < 0 ? this.#queue.length : unready)
    if (ready.length === 0) {
      if (this.#queue.length === 0) this.#onIdle?.()
      return
    }
    this.#committing = this.#commitFrames(ready)
      .then(
        () => {
          this.#queue.splice(0, ready.length)
          for (const pending of ready) pending.resolve()
        },
        (error) => this.#fail(error, join(this.#folder, indexFile)),
      )
      .finally(() => {
        this.#committing = undefined
        this.#commit()
      })
  }

  async #commitFrames(ready: readonly Pending[]): Promise<void> {
    const first = ready[0]?.frame
    if (this.#first === null && first) {
      // Channel, colour and display limits become known with the first frame.
      this.#first = first.metadata
      this.#image = zarrImageOf(this.#document, first.metadata, { intervalS: null, limits: displayLimits(first.data) })
      await this.#writeGroup()
    }
    const lines = Buffer.from(ready.map(({ frame, index }) => `${JSON.stringify({ index, ...frame.metadata })}\n`).join(''))
    await this.#index.appendFile(lines)
    await this.#writeShape(this.#finished + ready.length)
    this.#indexBytes += lines.length
    this.#finished += ready.length
    this.#last = ready.at(-1)?.frame.metadata ?? null
  }

  /**
   * Overwrites the number in place. A rename for every frame would be safer by nothing, because the write is a dozen bytes, and costs
   * milliseconds: ext4 writes out a file that replaces another at once. It also needs no free space, so it works on a full disk.
   */
  async #writeShape(frames: number): Promise<void> {
    await this.#array.write(framesText(frames), this.#framesOffset)
  }

  async #closeFiles(): Promise<void> {
    await this.#index.close()
    await this.#array.close()
  }

  async #writeGroup(): Promise<void> {
    for (const { path, text } of groupDocuments(this.#image)) await replaceFile(join(this.#folder, imageFolder, path), text)
  }

  #fail(error: unknown, path: string): void {
    this.#failing ??= this.#abandon(error, path)
  }

  /** Closes with what is finished, takes away what is not, and refuses every waiting frame with the same reason. */
  async #abandon(error: unknown, path: string): Promise<AppError> {
    const failure = await storageError(error, path, this.#folder)
    await Promise.all([...this.#writing, this.#committing])
    const said = `${failure.message} Session ${this.id} was closed; its ${this.#finished} finished frames are kept.`
    const kind = isError(failure) ? failure.kind : 'StorageRefused'
    const reason = new AppError(kind, said, isError(failure) ? failure.info : { path }, error)
    const unfinished = this.#queue.splice(0)
    // What cannot be tidied up on a broken disk is not worth a second failure: the reader trusts only finished frames.
    const quietly = (work: Promise<unknown>) => work.catch(() => undefined)
    for (const { index } of unfinished) {
      await quietly(rm(this.#temporaryPath(index), { force: true }))
      await quietly(rm(this.#chunkPath(index), { force: true }))
    }
    await quietly(this.#index.truncate(this.#indexBytes))
    await quietly(this.#writeShape(this.#finished))
    await quietly(this.#flusher.close())
    await quietly(this.#closeFiles())
    this.#document = { ...this.#document, frames: this.#finished, problem: said }
    await quietly(writeDocument(this.#folder, this.#document))
    for (const pending of unfinished) pending.reject(reason)
    this.#onClose()
    this.#onIdle?.()
    return reason
  }

  async #finish(): Promise<SessionSummary> {
    if (this.#queue.length > 0 && !this.#failing) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    if (this.#failing) throw await this.#failing
    try {
      await this.#flusher.close()
      await this.#closeFiles()
      if (this.#first && this.#last) {
        const intervalS = meanInterval(this.#first, this.#last, this.#finished)
        this.#image = { ...this.#image, intervalS }
        await this.#writeGroup()
      }
      this.#document = { ...this.#document, frames: this.#finished, complete: true }
      await writeDocument(this.#folder, this.#document)
    } catch (error) {
      this.#document = { ...this.#document, complete: false }
      await this.#closeFiles().catch(() => undefined)
      throw await storageError(error, this.#folder, this.#folder)
    } finally {
      this.#onClose()
    }
    return this.summary
  }
}

function writeDocument(folder: string, document: SessionDocument): Promise<void> {
  return replaceFile(join(folder, sessionFile), documentText(document), true)
}

function documentText(document: SessionDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`
}
