/** The networks as the host sees them: a catalog, and requests to a process that is watched, restarted and asked in turn. */
import { randomUUID } from 'node:crypto'
import { freemem } from 'node:os'
import type { InferenceState, ModelSummary, SelfTest } from '#shared/api.ts'
import type { ReadonlyCell } from '#shared/emitter.ts'
import { AppError, abortError, errorFromData, isError } from '#shared/errors.ts'
import { bytesOf, type Pixels, pixelTypeOf } from '#shared/image/frame.ts'
import type { Training } from '../analysis/trust/training.ts'
import { entryPath } from '../processes.ts'
import { planBands } from './bands.ts'
import type { CatalogEntry } from './catalog.ts'
import { forkInference, type SpawnInference } from './child.ts'
import { chooseClassifier, chooseModel } from './choose-model.ts'
import type { Classifier } from './classifier.ts'
import { classificationOf, firstPlane, imagePrediction, planePredictions, selfTest, useOf } from './image-answers.ts'
import type {
  Band,
  Classification,
  ClassifyRequest,
  ImagePrediction,
  ImageRequest,
  ImageUse,
  Normalisation,
  PlaneSize,
  PlanesRequest,
  Prediction,
  PredictRequest,
  Series,
  TestingInference,
} from './inference.ts'
import { ModelLibrary } from './library.ts'
import type { ImageMessage, ProviderChoice, WorkerMessage } from './messages.ts'
import type { NetworkModel, RunnableModel } from './package.ts'
import { gridStep, planTiles } from './pipeline.ts'
import { type Answer, type Outgoing, Requests } from './requests.ts'
import { resampledLength } from './resample.ts'
import { Supervisor } from './supervisor.ts'
import { largestTile, tilesAtOnce } from './tiling.ts'
import { readTraining } from './training.ts'

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

export interface RunningInference extends TestingInference {
  readonly library: ModelLibrary
  /** As `testModel`, for a package that need not be installed. */
  testEntry(entry: CatalogEntry, signal?: AbortSignal): Promise<SelfTest>
  /** Of the present process; for tests and problem reports. */
  readonly pid: number | undefined
  /** Restarts the process on another provider. Requests under way fail once. */
  chooseProvider(choice: ProviderChoice): void
}

/** An alarm that comes later than this says something about the host, not about the process. */
const lateMs = 1000
const watchdog = { shortestMs: 10_000, longestMs: 60_000, times: 20 } as const

/** Starts the inference process. Returns at once; requests wait until it is ready. */
export function startInference(options: InferenceOptions): RunningInference {
  return new InferenceHost(options)
}

class InferenceHost implements RunningInference {
  readonly library: ModelLibrary
  readonly #requests = new Requests((message, parts) => this.#supervisor.send(message, parts))
  readonly #supervisor: Supervisor
  /** Slowest tile of each network so far, ms, by hash. */
  readonly #slowest = new Map<string, number>()
  /** By hash of the weights. */
  readonly #trainings = new Map<string, Promise<Training>>()
  #lastId = 0
  #lastSign = 0
  #generation = 0
  #timer: NodeJS.Timeout | undefined
  #disposed = false

  constructor(private readonly options: InferenceOptions) {
    this.library = new ModelLibrary(options.modelsFolders)
    this.#supervisor = new Supervisor({
      entry: options.entry ?? entryPath('inference-worker'),
      spawn: options.spawn ?? forkInference,
      provider: options.provider,
      log: options.log ?? (() => undefined),
      onReady: () => this.#pump(),
      onMessage: (message, payload) => this.#take(message, payload),
      onDown: (reason, memory) => this.#down(reason, memory),
    })
  }

  get state(): ReadonlyCell<InferenceState> {
    return this.#supervisor.state
  }

  get models(): ReadonlyCell<readonly ModelSummary[]> {
    return this.library.index
  }

  get pid(): number | undefined {
    return this.#supervisor.pid
  }

  chooseProvider(choice: ProviderChoice): void {
    this.#supervisor.choose(choice)
  }

  async predict(request: PredictRequest, signal?: AbortSignal): Promise<Prediction> {
    const network = await this.library.network(request.model)
    const { width, height, data, pixelSizeUm, priority, onProgress } = request
    const model = network.plane
    if (!model) {
      const dims = [1, 1, 1, height, width] as const
      const image = { model: request.model, dims, data, pixelSizeUm, priority, ...(onProgress ? { onProgress } : {}) }
      return firstPlane(await this.#predictImage(network, image, signal))
    }
    const { message, payload } = await this.#ask(
      {
        type: 'predict',
        ...this.#image(model, { width, height, data, pixelSizeUm, priority, band: request.band ?? null }),
        planes: 1,
        normalisations: request.normalisation ? [request.normalisation] : null,
        scale: request.scale ?? true,
      },
      [data],
      signal,
      onProgress,
    )
    const [prediction] = planePredictions(model, message, payload)
    if (!prediction) throw new AppError('Internal', 'The inference process answered another question.')
    return prediction
  }

  async predictPlanes(request: PlanesRequest, signal?: AbortSignal): Promise<readonly Prediction[]> {
    const model = await this.#planeModel(request.model)
    const { planes, normalisations, pixelSizeUm, priority, width, height } = request
    const [data] = planes
    if (!data) return []
    const image = this.#image(model, { width, height, data, pixelSizeUm, priority, band: null })
    const scale = request.scale ?? true
    const ask = { type: 'predict', ...image, planes: planes.length, normalisations, scale } as const
    const { message, payload } = await this.#ask(ask, planes, signal, request.onProgress)
    return planePredictions(model, message, payload)
  }

  async planesAtOnce(id: string, { width, height, pixelSizeUm }: PlaneSize): Promise<number> {
    const model = await this.#planeModel(id)
    const { ratio } = gridStep(model, pixelSizeUm)
    const largest = largestTile(freemem())
    const { y, x } = planTiles(model, { width: resampledLength(width, ratio), height: resampledLength(height, ratio) }, largest)
    return tilesAtOnce(y.size * x.size * y.spans.length * x.spans.length, largest)
  }

  async bandsOf(id: string, plane: PlaneSize): Promise<readonly Band[]> {
    return planBands(await this.#planeModel(id), plane, largestTile(freemem()))
  }

  async chosenFor(pixelSizeUm: number | null): Promise<string> {
    await this.library.ready
    return chooseModel(this.models.value, pixelSizeUm)
  }

  async useOf(model: string): Promise<ImageUse> {
    return useOf(await this.library.network(model))
  }

  async predictImage(request: ImageRequest, signal?: AbortSignal): Promise<ImagePrediction> {
    return this.#predictImage(await this.library.network(request.model), request, signal)
  }

  async classifierOf(model: string): Promise<Classifier | null> {
    return (await this.library.network(model)).classifier
  }

  async chosenClassifier(): Promise<string> {
    await this.library.ready
    return chooseClassifier(this.models.value)
  }

  async classify(request: ClassifyRequest, signal?: AbortSignal): Promise<Classification> {
    const { data, priority, width, height, pixelSizeUm, onProgress } = request
    const model = await this.library.network(request.model)
    const image = { priority, width, height, pixelType: pixelTypeOf(data), pixelSizeUm }
    const answer = await this.#ask({ type: 'classify', id: ++this.#lastId, model, ...image }, [data], signal, onProgress)
    return classificationOf(model, pixelSizeUm, answer.message, answer.payload)
  }

  async testModel(id: string, signal?: AbortSignal): Promise<SelfTest> {
    const result = await this.testEntry(await this.library.entry(id), signal)
    this.library.noteTest(id, result)
    return result
  }

  async testEntry({ network, summary }: CatalogEntry, signal?: AbortSignal): Promise<SelfTest> {
    const problem = network ? null : (summary.problem ?? 'It cannot be used.')
    return selfTest(problem, async () => {
      if (!network) throw new AppError('ModelInvalid', problem ?? '')
      return (await this.#ask({ type: 'test', id: ++this.#lastId, model: network, priority: 'batch' }, [], signal)).message
    })
  }

  async #predictImage(model: NetworkModel, request: ImageRequest, signal?: AbortSignal): Promise<ImagePrediction> {
    const { dims, data, priority, pixelSizeUm, onProgress } = request
    const message = { type: 'image', id: ++this.#lastId, model, priority, dims, pixelType: pixelTypeOf(data), pixelSizeUm } as const
    const answer = await this.#ask(message, [data], signal, onProgress)
    if (answer.message.type !== 'images') throw new AppError('Internal', 'The inference process answered another question.')
    return imagePrediction(model, request, answer.message, answer.payload)
  }

  async training(id: string): Promise<Training> {
    const { path, summary, network } = await this.library.entry(id)
    const known = this.#trainings.get(summary.sha256)
    if (known) return known
    const training = readTraining(path, network?.plane?.gridUm ?? null)
    this.#trainings.set(summary.sha256, training)
    return training
  }

  async normalisationOf(series: Series, signal?: AbortSignal): Promise<Normalisation> {
    const model = await this.#planeModel(series.model)
    const name = randomUUID()
    let generation: number | null = null
    for (const pass of ['add', 'refine'] as const) {
      for (let plane = 0; plane < series.planes; plane++) {
        const data = await series.read(plane)
        const band = series.band?.(plane) ?? null
        const image = this.#image(model, { ...series, height: band?.rows ?? series.height, data, priority: 'batch', band })
        const { message } = await this.#ask(
          { type: 'measure', ...image, series: name, pass, last: plane === series.planes - 1 },
          [data],
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
    await this.library.ready
  }

  /** Rejects with ModelInvalid for a network that takes more than planes. */
  async #planeModel(id: string): Promise<RunnableModel> {
    const { plane } = await this.library.network(id)
    if (plane) return plane
    throw new AppError('ModelInvalid', `The model "${id}" takes a whole image at once.`, { model: id })
  }

  #image(
    model: RunnableModel,
    image: Pick<ImageMessage, 'width' | 'height' | 'pixelSizeUm' | 'priority' | 'band'> & { readonly data: Pixels },
  ): ImageMessage {
    const { width, height, data, pixelSizeUm, priority, band } = image
    return { id: ++this.#lastId, model, priority, width, height, pixelType: pixelTypeOf(data), pixelSizeUm, band }
  }

  #ask(
    message: Outgoing,
    data: readonly Pixels[],
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
      this.#requests.add({ message, parts: data.map(bytesOf), onProgress, resolve, reject })
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

  #settle(
    message: Extract<WorkerMessage, { type: 'result' | 'measured' | 'images' | 'classified' | 'tested' | 'failure' }>,
    payload: Uint8Array,
  ): void {
    this.#supervisor.succeeded()
    const request = this.#requests.settle(message.id)
    if (message.type !== 'failure') {
      request?.onProgress(1)
      request?.resolve({ message, payload })
      return
    }
    const error = errorFromData(message.error)
    // What a test finds out is its result; what a run finds out concerns everyone.
    if (request && request.message.type !== 'test' && isError(error, 'ModelInvalid')) this.library.condemn(request.message.model.id, error)
    request?.reject(error)
    // The runtime keeps what it has taken: only a new process gives the memory back.
    if (isError(error, 'OutOfMemory')) this.#supervisor.kill('there was no more memory for it')
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

  #down(reason: string, memory: boolean): void {
    clearTimeout(this.#timer)
    this.#generation++
    this.#requests.crashed(({ model }) => (memory ? starved(model.name) : crashed(model.name, reason)))
    const { status, problem } = this.state.value
    if (status === 'failed') this.#requests.rejectAll(new AppError('ModelFailed', problem ?? reason))
  }
}

function starved(model: string): AppError {
  const words = `There was not enough memory to run the network "${model}" on this image, and the inference process ended. It is restarted by itself.`
  return new AppError('OutOfMemory', words)
}

function crashed(model: string, reason: string): AppError {
  return new AppError('ModelFailed', `The inference process ended while it ran "${model}" (${reason}). It is restarted by itself.`)
}
