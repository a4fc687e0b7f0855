/** The networks as the host sees them: a catalog, and requests to a process that is watched, restarted and asked in turn. */
import { randomUUID } from 'node:crypto'
import type { InferenceState, ModelSummary } from '#shared/api.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, abortError, errorFromData, isError } from '#shared/errors.ts'
import { bytesOf, type Pixels, pixelsFrom, pixelTypeOf } from '#shared/image/frame.ts'
import { entryPath } from '../processes.ts'
import { type CatalogEntry, readCatalog } from './catalog.ts'
import { forkInference, type SpawnInference } from './child.ts'
import type { Normalisation, Prediction, PredictRequest, Series, SeriesInference } from './inference.ts'
import type { ImageMessage, ProviderChoice, WorkerMessage } from './messages.ts'
import type { RunnableModel } from './package.ts'
import { type Answer, type Outgoing, Requests } from './requests.ts'
import { Supervisor } from './supervisor.ts'

export interface InferenceOptions {
  /** Folders whose subfolders are packages; the application's own first. */
  readonly modelsFolders: readonly string[]
  readonly provider: ProviderChoice
  /** How the process is started; by default under Node. */
  readonly spawn?: SpawnInference
  /** The built worker, if it is not in its usual place. */
  readonly entry?: string
  /** For developers: what the runtime says, and every death. */
  readonly log?: (message: string) => void
  /** Silence after which a working process is taken for hung, ms. Default: twenty times the slowest tile of the network so far, 10…60 s. */
  readonly watchdogMs?: number
}

export interface RunningInference extends SeriesInference {
  /** Of the present process; for tests and problem reports. */
  readonly pid: number | undefined
  /** Restarts the process on another provider. Requests under way fail once. */
  chooseProvider(choice: ProviderChoice): void
  /** Reads the folders again. */
  refreshModels(): Promise<void>
}

/** An alarm that comes later than this says something about the host, not about the process. */
const lateMs = 1000
const watchdog = { shortestMs: 10_000, longestMs: 60_000, times: 20 } as const

/** Starts the inference process. Returns at once; requests wait until it is ready. */
export function startInference(options: InferenceOptions): RunningInference {
  return new InferenceHost(options)
}

class InferenceHost implements RunningInference {
  readonly models = new Cell<readonly ModelSummary[]>([])
  readonly #requests = new Requests((message, parts) => this.#supervisor.send(message, parts))
  readonly #supervisor: Supervisor
  /** Slowest tile of each network so far, ms, by hash. */
  readonly #slowest = new Map<string, number>()
  #catalog: readonly CatalogEntry[] = []
  #catalogRead: Promise<void>
  #lastId = 0
  #lastSign = 0
  #generation = 0
  #timer: NodeJS.Timeout | undefined
  #disposed = false

  constructor(private readonly options: InferenceOptions) {
    this.#catalogRead = this.refreshModels()
    this.#supervisor = new Supervisor({
      entry: options.entry ?? entryPath('inference-worker'),
      spawn: options.spawn ?? forkInference,
      provider: options.provider,
      log: options.log ?? (() => undefined),
      onReady: () => this.#pump(),
      onMessage: (message, payload) => this.#take(message, payload),
      onDown: (reason) => this.#down(reason),
    })
  }

  get state(): ReadonlyCell<InferenceState> {
    return this.#supervisor.state
  }

  get pid(): number | undefined {
    return this.#supervisor.pid
  }

  chooseProvider(choice: ProviderChoice): void {
    this.#supervisor.choose(choice)
  }

  refreshModels(): Promise<void> {
    this.#catalogRead = readCatalog(this.options.modelsFolders).then((entries) => this.#publish(entries))
    return this.#catalogRead
  }

  async predict(request: PredictRequest, signal?: AbortSignal): Promise<Prediction> {
    const model = await this.#model(request.model)
    const { width, height, data, pixelSizeUm, priority } = request
    const { message, payload } = await this.#ask(
      {
        type: 'predict',
        ...this.#image(model, { width, height, data, pixelSizeUm, priority }),
        normalisation: request.normalisation ?? null,
        scale: request.scale ?? true,
      },
      data,
      signal,
      request.onProgress,
    )
    if (message.type !== 'result') throw new AppError('Internal', 'The inference process answered another question.')
    const values = pixelsFrom(payload, 'float32') as Float32Array
    const pixels = message.width * message.height
    const { id, name, version, sha256 } = model
    return {
      width: message.width,
      height: message.height,
      image: values.subarray(0, pixels),
      scale: message.hasScale ? values.subarray(pixels, 2 * pixels) : null,
      pixelSizeUm: message.pixelSizeUm,
      normalisation: message.normalisation,
      provenance: { model: id, modelName: name, version, sha256, provider: message.provider, warnings: [...message.warnings] },
      elapsedMs: message.elapsedMs,
    }
  }

  async normalisationOf(series: Series, signal?: AbortSignal): Promise<Normalisation> {
    const model = await this.#model(series.model)
    const name = randomUUID()
    let generation: number | null = null
    for (const pass of ['add', 'refine'] as const) {
      for (let plane = 0; plane < series.planes; plane++) {
        const data = await series.read(plane)
        const image = this.#image(model, { ...series, data, priority: 'batch' })
        const { message } = await this.#ask(
          { type: 'measure', ...image, series: name, pass, last: plane === series.planes - 1 },
          data,
          signal,
        )
        // Half of the statistics died with the process that had gathered them.
        generation ??= this.#generation
        if (generation !== this.#generation) throw crashed(model.name, 'it was restarted')
        series.onProgress?.((plane + 1) / series.planes)
        if (message.type === 'measured' && message.normalisation) return message.normalisation
      }
    }
    throw new AppError('Internal', 'The inference process measured no normalisation.')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    clearTimeout(this.#timer)
    this.#requests.rejectAll(abortError('Inference was shut down.'))
    this.#supervisor[Symbol.dispose]()
    await this.#catalogRead
  }

  async #model(id: string): Promise<RunnableModel> {
    await this.#catalogRead
    const entry = this.#catalog.find(({ summary }) => summary.id === id)
    if (!entry) {
      const known = this.#catalog.map(({ summary }) => summary.id).join(', ')
      throw new AppError('ModelInvalid', `There is no model "${id}". ${known ? `Known models: ${known}.` : 'No model is installed.'}`, {
        model: id,
      })
    }
    if (!entry.model) throw new AppError('ModelInvalid', `The model "${id}" cannot be used: ${entry.summary.problem}`, { model: id })
    return entry.model
  }

  #image(
    model: RunnableModel,
    image: { width: number; height: number; data: Pixels; pixelSizeUm: number | null; priority: 'live' | 'batch' },
  ): ImageMessage {
    const { width, height, data, pixelSizeUm, priority } = image
    return { id: ++this.#lastId, model, priority, width, height, pixelType: pixelTypeOf(data), pixelSizeUm }
  }

  #ask(
    message: Outgoing,
    data: Pixels,
    signal?: AbortSignal,
    onProgress: (fraction: number) => void = () => undefined,
  ): Promise<{ readonly message: Answer; readonly payload: Uint8Array }> {
    if (signal?.aborted) return Promise.reject(abortError())
    if (this.#disposed) return Promise.reject(abortError('Inference was shut down.'))
    const { status, problem } = this.state.value
    if (status === 'failed') return Promise.reject(new AppError('ModelFailed', problem ?? 'The inference process does not run.'))
    const cancel = () => this.#requests.cancel(message.id)
    signal?.addEventListener('abort', cancel, { once: true })
    const answer = new Promise<{ readonly message: Answer; readonly payload: Uint8Array }>((resolve, reject) => {
      this.#requests.add({ message, pixels: bytesOf(data), onProgress, resolve, reject })
    })
    this.#pump()
    return answer.finally(() => signal?.removeEventListener('abort', cancel))
  }

  #pump(): void {
    if (this.state.value.status !== 'ready') return
    if (this.#requests.active.length === 0) this.#lastSign = performance.now()
    this.#requests.pump()
    this.#watch()
  }

  #take(message: WorkerMessage, payload: Uint8Array): void {
    if (message.type === 'probing' || message.type === 'ready') return
    const now = performance.now()
    const active = this.#requests.active.find(({ id }) => id === message.id)
    if (active && message.type !== 'begin') {
      const { sha256 } = active.model
      this.#slowest.set(sha256, Math.max(this.#slowest.get(sha256) ?? 0, now - this.#lastSign))
    }
    this.#lastSign = now
    if (message.type === 'begin') this.#requests.begin(message.id)
    else if (message.type === 'progress') this.#requests.progress(message.id, message.fraction)
    else this.#settle(message, payload)
    this.#pump()
  }

  #settle(message: Extract<WorkerMessage, { type: 'result' | 'measured' | 'failure' }>, payload: Uint8Array): void {
    this.#supervisor.succeeded()
    const request = this.#requests.settle(message.id)
    if (message.type !== 'failure') {
      request?.resolve({ message, payload })
      return
    }
    const error = errorFromData(message.error)
    if (request && isError(error, 'ModelInvalid')) this.#condemn(request.message.model.id, error.message)
    request?.reject(error)
  }

  /** A package that turned out to be unusable when it was loaded is listed so from then on. */
  #condemn(id: string, problem: string): void {
    this.#publish(
      this.#catalog.map((entry) =>
        entry.summary.id === id ? { summary: { ...entry.summary, usable: false, problem }, model: null } : entry,
      ),
    )
  }

  #publish(entries: readonly CatalogEntry[]): void {
    this.#catalog = entries
    this.models.set(entries.map(({ summary }) => summary))
  }

  /** Sets the alarm for a process that says nothing while it has work. */
  #watch(): void {
    clearTimeout(this.#timer)
    const { active } = this.#requests
    if (active.length === 0 || this.state.value.status !== 'ready') return
    const limit = this.options.watchdogMs ?? Math.max(...active.map(({ model }) => this.#limitFor(model.sha256)))
    const due = performance.now() + limit
    this.#timer = setTimeout(() => {
      // A host that was itself asleep (a closed lid, a stopped process) has not yet read what the process said meanwhile.
      if (performance.now() - due > lateMs) this.#watch()
      else
        this.#supervisor.kill(`it gave no sign of life for ${limit < 1000 ? `${Math.round(limit)} ms` : `${Math.round(limit / 1000)} s`}`)
    }, limit)
  }

  #limitFor(sha256: string): number {
    const slowest = this.#slowest.get(sha256)
    if (slowest === undefined) return watchdog.longestMs
    return Math.min(watchdog.longestMs, Math.max(watchdog.shortestMs, watchdog.times * slowest))
  }

  #down(reason: string): void {
    clearTimeout(this.#timer)
    this.#generation++
    this.#requests.crashed((message) => crashed(message.model.name, reason))
    const { status, problem } = this.state.value
    if (status === 'failed') this.#requests.rejectAll(new AppError('ModelFailed', problem ?? reason))
  }
}

function crashed(model: string, reason: string): AppError {
  return new AppError('ModelFailed', `The inference process ended while it ran "${model}" (${reason}). It is restarted by itself.`)
}
