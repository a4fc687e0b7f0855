/** The present data folder: its sessions, its free space, and the change to another one while the application runs. */
import type { SessionSummary } from '#shared/api.ts'
import { Disposer } from '#shared/dispose.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import type { SessionStore } from './storage/dataset.ts'
import { type StorageState, watchStorage } from './storage/disk.ts'
import { openSessionStore, type UnreadableSession } from './storage/session.ts'

export class DataFolder implements AsyncDisposable {
  readonly #sessions = new Cell<readonly SessionSummary[]>([])
  readonly #unreadable = new Cell<readonly UnreadableSession[]>([])
  readonly #state: Cell<StorageState>
  #change: Promise<void> = Promise.resolve()
  #open: { readonly store: SessionStore; readonly disposer: Disposer } | null = null

  private constructor(
    folder: string,
    private readonly software: Readonly<Record<string, string>>,
  ) {
    this.#state = new Cell<StorageState>({ folder, freeBytes: null, writable: false, problem: null })
  }

  /** Opens the folder. One that cannot be used does not keep the application from starting: the state says what is wrong. */
  static async open(folder: string, software: Readonly<Record<string, string>>): Promise<DataFolder> {
    const dataFolder = new DataFolder(folder, software)
    await dataFolder.change(folder).catch((error: unknown) => {
      dataFolder.#state.set({ folder, freeBytes: null, writable: false, problem: messageOf(error) })
    })
    return dataFolder
  }

  get state(): ReadonlyCell<StorageState> {
    return this.#state
  }

  get sessions(): ReadonlyCell<readonly SessionSummary[]> {
    return this.#sessions
  }

  /** Folders that look like sessions and cannot be read, and why. */
  get unreadable(): ReadonlyCell<readonly UnreadableSession[]> {
    return this.#unreadable
  }

  /** Throws StorageRefused where the folder cannot be used. */
  get store(): SessionStore {
    if (this.#open) return this.#open.store
    const { folder, problem } = this.#state.value
    throw new AppError('StorageRefused', problem ?? `The data folder “${folder}” cannot be used.`, { folder })
  }

  /** Goes over to another folder. If that cannot be used, the present one stays. */
  change(folder: string): Promise<void> {
    const turn = this.#change.then(() => this.#goOver(folder))
    this.#change = turn.catch(() => undefined)
    return turn
  }

  async #goOver(folder: string): Promise<void> {
    const store = await openSessionStore(folder, { software: this.software })
    const disposer = new Disposer()
    disposer.use(store)
    const watch = disposer.use(watchStorage(folder))
    await this.#open?.disposer.dispose()
    this.#open = { store, disposer }
    disposer.add(store.sessions.watch((sessions) => this.#sessions.set(sessions)))
    disposer.add(store.unreadable.watch((unreadable) => this.#unreadable.set(unreadable)))
    disposer.add(watch.state.watch((state) => this.#state.set(state)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.disposer.dispose()
    this.#open = null
  }
}
