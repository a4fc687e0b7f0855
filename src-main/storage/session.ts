/** The data folder: one session a folder. Knows every session by its id and gives nothing a path that is not in its index. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { SessionSummary } from '#shared/api.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import { bytesPerPixel } from '#shared/image/frame.ts'
import type { NewSession, SessionStore, SessionWriter } from './dataset.ts'
import { freeBytes, makeFolder, sizeText, storageError } from './disk.ts'
import { exportSession } from './export-tiff.ts'
import { safeName, timeStamp } from './names.ts'
import { readIndex, readSessionDocument, type SessionDocument, sessionFile, summaryOf } from './session-files.ts'
import { type FolderSessionReader, openSession } from './session-reader.ts'
import { FolderSessionWriter } from './session-writer.ts'

export interface SessionStoreOptions {
  /** Names and versions that made the data, written into every session: { Deepscope: "0.1.0", … }. */
  readonly software?: Readonly<Record<string, string>>
  /** The clock. */
  readonly now?: () => Date
}

/** A folder that looks like a session and cannot be read, and why. */
export interface UnreadableSession {
  readonly id: string
  readonly problem: string
}

export interface FolderSessionStore extends SessionStore {
  readonly folder: string
  readonly unreadable: ReadonlyCell<readonly UnreadableSession[]>
}

/**
 * Opens the data folder, making it where it is absent, and lists its sessions. Rejects with StorageRefused where the folder cannot be made
 * or read. Disposing closes every session that is being recorded.
 */
export async function openSessionStore(folder: string, options: SessionStoreOptions = {}): Promise<FolderSessionStore> {
  try {
    await makeFolder(folder)
  } catch (error) {
    throw await storageError(error, folder, folder)
  }
  const store = new Store(folder, options)
  await store.refresh()
  return store
}

class Store implements FolderSessionStore {
  readonly folder: string
  readonly #options: SessionStoreOptions
  readonly #sessions = new Cell<readonly SessionSummary[]>([])
  readonly #unreadable = new Cell<readonly UnreadableSession[]>([])
  readonly #writers = new Map<string, FolderSessionWriter>()

  constructor(folder: string, options: SessionStoreOptions) {
    this.folder = folder
    this.#options = options
  }

  get sessions(): ReadonlyCell<readonly SessionSummary[]> {
    return this.#sessions
  }

  get unreadable(): ReadonlyCell<readonly UnreadableSession[]> {
    return this.#unreadable
  }

  async create(session: NewSession): Promise<SessionWriter> {
    const created = this.#options.now?.() ?? new Date()
    const document: SessionDocument = {
      format: 'deepscope-session',
      formatVersion: 1,
      name: session.name.trim().slice(0, 200) || session.kind,
      kind: session.kind,
      created: created.toISOString(),
      width: session.width,
      height: session.height,
      pixelType: session.pixelType,
      pixelSizeUm: session.pixelSizeUm,
      omeZarrVersion: session.omeZarrVersion,
      software: this.#options.software ?? {},
      microscope: session.microscope ?? null,
      provenance: session.provenance ?? null,
      trust: session.trust ?? null,
      complete: false,
      frames: 0,
      problem: null,
    }
    await this.#demandSpace(session)
    const id = await this.#makeFolder(`${safeName(session.name, session.kind)}_${timeStamp(created)}`)
    const folder = join(this.folder, id)
    const writer = await FolderSessionWriter.create(id, folder, document, () => {
      this.#writers.delete(id)
      this.#put(writer.summary)
    }).catch(async (error) => {
      await rm(folder, { recursive: true, force: true }).catch(() => undefined)
      throw error
    })
    this.#writers.set(id, writer)
    this.#put(writer.summary)
    return writer
  }

  async open(id: string): Promise<FolderSessionReader> {
    const folder = await this.#folderOf(id)
    return openSession(id, folder, this.#writers.has(id))
  }

  async exportTiff(id: string, signal?: AbortSignal, path = join(this.folder, `${id}.ome.tif`)): Promise<string> {
    const session = await this.open(id)
    await exportSession(session, path, signal)
    return path
  }

  async refresh(): Promise<void> {
    const sessions: SessionSummary[] = []
    const unreadable: UnreadableSession[] = []
    let names: string[]
    try {
      names = (await readdir(this.folder, { withFileTypes: true })).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    } catch (error) {
      throw await storageError(error, this.folder, this.folder)
    }
    for (const id of names) {
      const found = this.#writers.get(id)?.summary ?? (await this.#read(id))
      if (!found) continue
      if ('problem' in found) unreadable.push(found)
      else sessions.push(found)
    }
    this.#sessions.set(sessions.sort(newestFirst))
    this.#unreadable.set(unreadable)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer[Symbol.asyncDispose]()))
  }

  /** Anything else in the data folder is none of our business. */
  async #read(id: string): Promise<SessionSummary | UnreadableSession | undefined> {
    const folder = join(this.folder, id)
    const isSession = await stat(join(folder, sessionFile)).catch(() => null)
    if (!isSession) return undefined
    try {
      const document = await readSessionDocument(folder)
      const frames = document.complete ? document.frames : (await readIndex(folder)).lines.length
      return summaryOf(id, document, frames)
    } catch (error) {
      return { id, problem: messageOf(error) }
    }
  }

  #put(summary: SessionSummary): void {
    const others = this.#sessions.value.filter((session) => session.id !== summary.id)
    this.#sessions.set([...others, summary].sort(newestFirst))
  }

  async #folderOf(id: string): Promise<string> {
    const known = () => this.#sessions.value.some((session) => session.id === id)
    if (!known()) await this.refresh()
    if (known()) return join(this.folder, id)
    const unreadable = this.#unreadable.value.find((session) => session.id === id)
    if (unreadable) throw new AppError('DatasetInvalid', unreadable.problem, { session: id })
    throw new AppError('DatasetInvalid', `There is no session ${JSON.stringify(id.slice(0, 80))} in ${this.folder}.`, {
      folder: this.folder,
    })
  }

  /** A session that has no room for a few frames is refused before it begins. */
  async #demandSpace({ width, height, pixelType }: NewSession): Promise<void> {
    const free = await freeBytes(this.folder)
    const wanted = 4 * width * height * bytesPerPixel[pixelType]
    if (free === null || free >= wanted) return
    const message = `Cannot record in ${this.folder}: ${sizeText(free)} are free, and four frames take ${sizeText(wanted)}.`
    throw new AppError('StorageFull', message, { path: this.folder, freeBytes: free })
  }

  /** The same name in the same second gets a number. */
  async #makeFolder(name: string): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const id = attempt === 1 ? name : `${name}-${attempt}`
      try {
        await mkdir(join(this.folder, id))
        return id
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw await storageError(error, join(this.folder, id), this.folder)
      }
    }
  }
}

function newestFirst(a: SessionSummary, b: SessionSummary): number {
  return b.created.localeCompare(a.created) || b.id.localeCompare(a.id)
}
