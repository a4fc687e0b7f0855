/** The packages that are installed: the catalog as it is now, and the ways it changes. One change at a time. */
import type { ModelDetails, ModelSummary, SelfTest } from '#shared/api.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError } from '#shared/errors.ts'
import { type CatalogEntry, idOf, readCatalog, readPackage, refuse } from './catalog.ts'
import { detailsOf } from './describe-model.ts'
import { importPackage, removePackage } from './import-package.ts'
import type { NetworkModel } from './package.ts'

export interface ImportOptions {
  /** Name of the source for a person, where it is not that of the path: an upload. */
  readonly name?: string
  /** The id it is to have; by default that of the source's name. */
  readonly as?: string
  readonly signal?: AbortSignal
}

export class ModelLibrary {
  readonly #index = new Cell<readonly ModelSummary[]>([])
  /** Results of self-tests by package and hash. */
  readonly #tests = new Map<string, SelfTest>()
  #entries: readonly CatalogEntry[] = []
  #ready: Promise<void>

  /** @param folders folders of packages: the application's own, then the user's. */
  constructor(private readonly folders: readonly string[]) {
    this.#ready = this.refresh()
  }

  get index(): ReadonlyCell<readonly ModelSummary[]> {
    return this.#index
  }

  /** Resolves when no change is under way. */
  get ready(): Promise<void> {
    return this.#ready
  }

  /** Reads the folders again. */
  refresh(): Promise<void> {
    return this.#change(() => this.#read())
  }

  /** Rejects with ModelInvalid where there is none of this id. */
  async entry(id: string): Promise<CatalogEntry> {
    await this.#ready
    const entry = this.#entries.find(({ summary }) => summary.id === id)
    if (entry) return entry
    const known = this.#entries.map(({ summary }) => summary.id).join(', ')
    throw new AppError('ModelInvalid', `There is no model "${id}". ${known ? `Known models: ${known}.` : 'No model is installed.'}`, {
      model: id,
    })
  }

  /** Rejects with ModelInvalid where it cannot be used. */
  async network(id: string): Promise<NetworkModel> {
    const entry = await this.entry(id)
    if (entry.network) return entry.network
    throw new AppError('ModelInvalid', `The model "${id}" cannot be used: ${(entry.summary.problem ?? '').replace(/\.?$/, '.')}`, {
      model: id,
      field: entry.summary.field,
    })
  }

  async details(id: string): Promise<ModelDetails> {
    return detailsOf(await this.entry(id))
  }

  /** A package that turned out to be unusable when it was loaded is listed so from then on. */
  condemn(id: string, problem: Error): void {
    this.#publish(this.#entries.map((entry) => (entry.summary.id === id ? refuse(entry, problem) : entry)))
  }

  noteTest(id: string, result: SelfTest): void {
    const summary = this.#entries.find((entry) => entry.summary.id === id)?.summary
    if (!summary) return
    this.#tests.set(testKey(summary), result)
    this.#publish(this.#entries)
  }

  /**
   * Takes in a folder or a zip and resolves to its id. Nothing of it is there before the whole is.
   * Rejects with ModelInvalid (with the field) for a package that cannot be run here, and where its id is taken; StorageFull, StorageRefused.
   */
  async import(source: string, options: ImportOptions = {}): Promise<string> {
    let id = ''
    await this.#change(async () => {
      await this.#read()
      const taken = this.#entries.map(({ summary }) => summary.id)
      id = await importPackage(source, this.#own(), { ...options, taken })
      await this.#read()
    })
    return id
  }

  /** Deletes a package of the user's own. Rejects with ModelInvalid for any other. The caller makes sure that nobody uses it. */
  async remove(id: string): Promise<void> {
    const { summary, path } = await this.entry(id)
    if (summary.origin !== 'user') {
      throw new AppError('ModelInvalid', `The model "${id}" belongs to the application and cannot be removed.`, { model: id })
    }
    await this.#change(async () => {
      await removePackage(path)
      await this.#read()
    })
  }

  /** A package that is not installed, as it stands at a path. Rejects with ModelInvalid where there is none. */
  async inspect(path: string): Promise<CatalogEntry> {
    const entry = await readPackage(path)
    if (entry) return entry
    throw new AppError('ModelInvalid', `There is no model package at "${path}": a folder or a zip with an rdf.yaml.`, { model: idOf(path) })
  }

  #own(): string {
    const own = this.folders.length > 1 ? this.folders.at(-1) : undefined
    if (own === undefined) throw new AppError('ModelInvalid', 'There is no folder for models of your own.')
    return own
  }

  #change(work: () => Promise<void>): Promise<void> {
    const turn = (this.#ready ?? Promise.resolve()).then(work)
    this.#ready = turn.catch(() => undefined)
    return turn
  }

  async #read(): Promise<void> {
    this.#publish(await readCatalog(this.folders))
  }

  #publish(entries: readonly CatalogEntry[]): void {
    this.#entries = entries.map((entry) => ({
      ...entry,
      summary: { ...entry.summary, test: this.#tests.get(testKey(entry.summary)) ?? null },
    }))
    this.#index.set(this.#entries.map(({ summary }) => summary))
  }
}

function testKey({ id, sha256 }: ModelSummary): string {
  return `${sha256} ${id}`
}
