/**
 * The inference process: the only importer of onnxruntime-node. Running a network blocks this process, so requests are read, and
 * cancelled, between tiles; live images go before batch ones at the same place. The host watches from outside.
 */
import { availableParallelism, constants, freemem, setPriority } from 'node:os'
import type { InferenceSession } from 'onnxruntime-node'
import { AppError, abortError, errorToData, messageOf } from '#shared/errors.ts'
import { bytesOf, pixelsFrom } from '#shared/image/frame.ts'
import { classifyPlane } from './classify.ts'
import { connectToHost, type Link } from './link.ts'
import { loadTests } from './load-tests.ts'
import { loadWeights } from './load-weights.ts'
import { runFailure, tellsOfMemory } from './memory.ts'
import type { HostMessage, WorkerMessage } from './messages.ts'
import { normalisationFor, statisticsFor } from './operations.ts'
import type { ModelIdentity, NetworkModel, RunnableModel } from './package.ts'
import { gridPixels, gridStep, type ImageInput, imageGrid, type RunTile, requireFinite, runPipeline } from './pipeline.ts'
import { proveProvider } from './prove-provider.ts'
import { chooseProvider } from './providers.ts'
import { sessionOptions, threads } from './session-options.ts'
import type { Statistics } from './statistics.ts'
import type { NdArray } from './tensors/nd-array.ts'
import { resampledImage } from './tensors/resampled-image.ts'
import { runImage } from './tensors/run-image.ts'
import { compareWithTest } from './tensors/self-test.ts'
import { tensorRunner } from './tensors/session.ts'
import { largestTile, mapsAtOnce, tilesAtOnce } from './tiling.ts'
import { type GridShape, type TileShape, Workbench } from './workbench.ts'

type Runtime = typeof import('onnxruntime-node')

/** Networks kept loaded. */
const sessionLimit = 2
const seriesLimit = 16
/** Workbenches kept: one for live images, one for the batch that they overtake. */
const benchLimit = 2

interface Job {
  readonly id: number
  readonly priority: 'live' | 'batch'
  readonly model: ModelIdentity
  readonly steps: AsyncGenerator<void, void>
  cancelled: boolean
}

interface LoadedModel {
  readonly session: InferenceSession
  readonly provider: string
  /** Made when first needed, and kept: it knows from its first tile that the network fits its description. */
  tile: TileRunner | null
  /** What the user must know about how it was loaded. */
  readonly warnings: readonly string[]
}

class Worker {
  readonly #jobs: Job[] = []
  readonly #sessions = new Map<string, Promise<LoadedModel>>()
  readonly #series = new Map<string, Statistics>()
  readonly #benches = new Map<string, Workbench>()
  #provider = 'cpu'
  #wake: (() => void) | null = null

  constructor(
    private readonly runtime: Runtime,
    private readonly link: Link,
  ) {}

  async start(message: Extract<HostMessage, { type: 'start' }>): Promise<void> {
    const { provider, providers } = await chooseProvider({
      choice: message.choice,
      skip: message.skip,
      supported: this.runtime.listSupportedBackends().map(({ name }) => name),
      probe: (id) => proveProvider(this.runtime, id),
      onProbe: (id) => this.#send({ type: 'probing', provider: id }),
      cpu: `${threads()} of ${availableParallelism()} cores, at low priority.`,
    })
    this.#provider = provider
    await this.#send({ type: 'ready', provider, providers })
    void this.#run()
  }

  take(message: HostMessage, payload: Uint8Array): void {
    if (message.type === 'cancel') {
      for (const job of this.#jobs) if (job.id === message.id) job.cancelled = true
    } else if (message.type === 'predict' || message.type === 'measure') {
      const input: ImageInput = { ...message, data: pixelsFrom(payload, message.pixelType) }
      this.#add(message, message.type === 'predict' ? this.#predict(message, input) : this.#measure(message, input))
    } else if (message.type === 'image') this.#add(message, this.#image(message, payload))
    else if (message.type === 'classify') this.#add(message, this.#classify(message, payload))
    else if (message.type === 'test') this.#add(message, this.#test(message))
  }

  #add({ id, priority, model }: Pick<Job, 'id' | 'priority' | 'model'>, steps: AsyncGenerator<void, void>): void {
    this.#jobs.push({ id, priority, model, steps, cancelled: false })
    this.#wake?.()
  }

  /** One tile of the most urgent job, again and again. */
  async #run(): Promise<never> {
    for (;;) {
      const job = this.#jobs.find(({ priority }) => priority === 'live') ?? this.#jobs[0]
      if (!job) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        continue
      }
      await this.#step(job)
      // Lets messages in: running a network has kept the event loop from reading.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async #step(job: Job): Promise<void> {
    try {
      if (job.cancelled) throw abortError()
      const { done } = await job.steps.next()
      if (!done) return
    } catch (error) {
      await this.#send({ type: 'failure', id: job.id, error: errorToData(tellsOfMemory(error) ? runFailure(error, job.model) : error) })
    }
    this.#jobs.splice(this.#jobs.indexOf(job), 1)
  }

  async *#predict(message: Extract<HostMessage, { type: 'predict' }>, input: ImageInput): AsyncGenerator<void, void> {
    const { id, model } = message
    await this.#send({ type: 'begin', id })
    const loaded = await this.#load(model)
    yield
    const started = performance.now()
    loaded.tile ??= tileRunner(this.runtime, model, loaded.session)
    const { tile } = loaded
    const largest = largestTile(freemem())
    const steps = runPipeline(model, input, tile.run, {
      normalisations: message.normalisations,
      scale: message.scale,
      largestTile: largest,
      batch: (pixels) => (tile.batches ? tilesAtOnce(pixels, largest) : 1),
      workbench: (tile, grid) => this.#workbench(tile, grid),
    })
    const { planes, ...rest } = yield* this.#through(id, steps)
    const warnings = [...gridStep(model, input.pixelSizeUm).warnings, ...loaded.warnings]
    const elapsedMs = performance.now() - started
    const normalisations = planes.map(({ normalisation }) => normalisation)
    const hasScale = planes.every(({ scale }) => scale !== null)
    await this.#send(
      { type: 'result', id, ...rest, normalisations, hasScale, provider: loaded.provider, warnings, elapsedMs },
      planes.flatMap(({ image, scale }) => (scale ? [bytesOf(image), bytesOf(scale)] : [bytesOf(image)])),
    )
  }

  async *#image(message: Extract<HostMessage, { type: 'image' }>, payload: Uint8Array): AsyncGenerator<void, void> {
    const { id, model, dims, pixelType } = message
    await this.#send({ type: 'begin', id })
    const loaded = await this.#load(model)
    const run = tensorRunner(this.runtime, model, loaded.session)
    yield
    const started = performance.now()
    const { ratio } = gridStep(imageGrid(model), message.pixelSizeUm)
    const given: NdArray = { dtype: pixelType, dims, data: new Float32Array(pixelsFrom(payload, pixelType)) }
    const image = resampledImage(given, ratio)
    const free = freemem()
    const side = (dims[2] ?? 1) > 1 ? Math.min(256, largestTile(free)) : largestTile(free)
    const steps = runImage(model, image, run, { t: 16, z: 32, y: side, x: side }, (pixels) => mapsAtOnce(pixels, free))
    const made = yield* this.#through(id, steps)
    const images = made.map(({ id: output, image: { dims: size }, ratio }) => ({ id: output, dims: size, ratio }))
    const { provider, warnings } = loaded
    const parts = made.map(({ image: { data } }) => bytesOf(data instanceof Float32Array ? data : Float32Array.from(data)))
    await this.#send({ type: 'images', id, images, provider, warnings, elapsedMs: performance.now() - started }, parts)
  }

  async *#classify(message: Extract<HostMessage, { type: 'classify' }>, payload: Uint8Array): AsyncGenerator<void, void> {
    const { id, model, width, height, pixelType, pixelSizeUm } = message
    await this.#send({ type: 'begin', id })
    if (!model.classifier) throw invalid(model, 'config.deepscope', 'does not say what it tells apart')
    const { session, provider, warnings } = await this.#load(model)
    const run = tensorRunner(this.runtime, model, session)
    yield
    const started = performance.now()
    const { ratio } = gridStep(imageGrid(model), pixelSizeUm)
    const steps = classifyPlane(model, model.classifier, { width, height, data: pixelsFrom(payload, pixelType) }, ratio, run)
    const { grid: picture, windows, activation } = yield* this.#through(id, steps)
    const { data, ...grid } = picture
    const map = activation && { width: activation.width, height: activation.height }
    const elapsedMs = performance.now() - started
    const parts = [bytesOf(data), ...(activation ? [bytesOf(activation.data)] : [])]
    await this.#send({ type: 'classified', id, grid, windows, activation: map, provider, warnings, elapsedMs }, parts)
  }

  /** Goes on to the end of a computation that says between its steps how far it is, tells the host, and lets another job go first. */
  async *#through<Made>(id: number, steps: AsyncGenerator<number, Made>): AsyncGenerator<void, Made> {
    for (;;) {
      const step = await steps.next()
      if (step.done) return step.value
      if (step.value === 1) continue
      await this.#send({ type: 'progress', id, fraction: step.value })
      yield
    }
  }

  async *#test({ id, model }: Extract<HostMessage, { type: 'test' }>): AsyncGenerator<void, void> {
    await this.#send({ type: 'begin', id })
    const loaded = await this.#load(model)
    const run = tensorRunner(this.runtime, model, loaded.session)
    const tests = await loadTests(model)
    yield
    const started = performance.now()
    const outputs = await compareWithTest(model, tests, run)
    await this.#send({ type: 'tested', id, outputs, provider: loaded.provider, elapsedMs: performance.now() - started })
  }

  /** Adds one image of a series to its statistics. */
  // biome-ignore lint/correctness/useYield: a job is a generator, and this one has a single step.
  async *#measure(message: Extract<HostMessage, { type: 'measure' }>, input: ImageInput): AsyncGenerator<void, void> {
    const { id, model, series, pass, last } = message
    await this.#send({ type: 'begin', id })
    const statistics = this.#series.get(series) ?? statisticsFor(model.preprocessing)
    if (statistics) {
      this.#remember(series, statistics)
      for (const pixels of gridPixels(input, gridStep(model, input.pixelSizeUm).ratio)) statistics[pass](pixels)
      requireFinite(statistics)
    }
    const complete = !statistics || (last && (pass === 'refine' || !statistics.needsSecondPass))
    if (complete) this.#series.delete(series)
    await this.#send({ type: 'measured', id, normalisation: complete ? normalisationFor(model.preprocessing, statistics) : null })
  }

  /** Tiles of one shape share a place, which keeps its memory and what was worked out about the grid. */
  #workbench(tile: TileShape, grid: GridShape): Workbench {
    const key = JSON.stringify([tile.width, tile.height, tile.channels, tile.planes, grid.width, grid.height, grid.ratio])
    const bench = this.#benches.get(key) ?? new Workbench(tile, grid)
    this.#benches.delete(key)
    this.#benches.set(key, bench)
    const oldest = this.#benches.keys().next()
    if (this.#benches.size > benchLimit && !oldest.done) this.#benches.delete(oldest.value)
    return bench
  }

  #remember(series: string, statistics: Statistics): void {
    const oldest = this.#series.keys().next()
    if (!this.#series.has(series) && this.#series.size >= seriesLimit && !oldest.done) this.#series.delete(oldest.value)
    this.#series.set(series, statistics)
  }

  async #load(model: RunnableModel | NetworkModel): Promise<LoadedModel> {
    const name = JSON.stringify([model.id, model.weights])
    const known = this.#sessions.get(name)
    if (known) return known
    for (const [key, old] of this.#sessions) {
      if (this.#sessions.size < sessionLimit) break
      this.#sessions.delete(key)
      await old.then(({ session }) => session.release()).catch(() => undefined)
    }
    const loading = loadModel(this.runtime, model, this.#provider)
    this.#sessions.set(name, loading)
    loading.catch(() => this.#sessions.delete(name))
    return loading
  }

  #send(message: WorkerMessage, parts: readonly Uint8Array[] = []): Promise<void> {
    return this.link.send(message, parts)
  }
}

/** Loads a network from bytes whose hash is that of the description; a provider that cannot run it is replaced by the CPU. */
async function loadModel(runtime: Runtime, model: ModelIdentity, provider: string): Promise<LoadedModel> {
  const { bytes, external } = await loadWeights(model)
  const warnings: string[] = []
  let used = provider
  const create = (id: string) =>
    runtime.InferenceSession.create(bytes, { ...sessionOptions(id), ...(external.length > 0 ? { externalData: external } : {}) })
  const session = await create(provider)
    .catch((error: unknown) => {
      if (provider === 'cpu') throw error
      used = 'cpu'
      warnings.push(`The network could not be loaded on ${provider}, so the CPU ran it: ${firstLine(error)}`)
      return create('cpu')
    })
    .catch((error: unknown) => {
      if (tellsOfMemory(error)) throw runFailure(error, model)
      throw invalid(model, 'weights.onnx.source', `is not a network that ONNX Runtime can load (${firstLine(error)})`)
    })
  return { session, provider: used, warnings, tile: null }
}

function checkTensors(model: RunnableModel, session: InferenceSession): void {
  const [input, ...moreInputs] = session.inputMetadata
  const [output] = session.outputMetadata
  if (!input?.isTensor || moreInputs.length > 0 || input.type !== 'float32' || input.shape.length !== 4) {
    throw invalid(model, 'inputs', 'does not agree with the network, which must take one float32 tensor of four axes')
  }
  // A network may leave the shape of its output open; then it is checked tile by tile.
  if (!output?.isTensor || output.type !== 'float32' || ![0, 4].includes(output.shape.length)) {
    throw invalid(model, 'outputs', 'does not agree with the network, whose first output must be a float32 tensor of four axes')
  }
  const channels = output.shape[1]
  if (typeof channels === 'number' && channels !== model.channels) {
    throw invalid(model, 'outputs[0].axes[1].channel_names', `names ${model.channels} channels, but the network gives ${channels}`)
  }
  for (const [axis, rule] of [[2, model.sizeY] as const, [3, model.sizeX] as const]) {
    const fixed = input.shape[axis]
    if (typeof fixed === 'number' && !(rule.step === 0 && rule.min === fixed)) {
      throw invalid(model, `inputs[0].axes[${axis}].size`, `does not agree with the network, which takes exactly ${fixed}`)
    }
  }
}

interface TileRunner {
  readonly run: RunTile
  /** false: the network takes one plane at a time. */
  readonly batches: boolean
}

/** Runs tiles one after the other; a result is good until the next run. */
function tileRunner(runtime: Runtime, model: RunnableModel, session: InferenceSession): TileRunner {
  checkTensors(model, session)
  const [inputName] = session.inputNames
  const [outputName] = session.outputNames
  if (inputName === undefined || outputName === undefined) throw invalid(model, 'inputs', 'names no tensor of the network')
  const [input] = session.inputMetadata
  let batches = model.batches && input?.isTensor === true && typeof input.shape[0] !== 'number'
  // What the network gives is only known to fit its description after it was seen once; from then on it is written where it is wanted.
  const seen = new Set<string>()
  const run: RunTile = async ({ width, height, planes, data }, memory) => {
    const dims = [planes, model.channels, height, width]
    const feeds = { [inputName]: new runtime.Tensor('float32', data, [planes, 1, height, width]) }
    if (seen.has(dims.join())) {
      await session.run(feeds, { [outputName]: new runtime.Tensor('float32', memory, dims) })
      return { dims, data: memory }
    }
    const output = (await session.run(feeds))[outputName]
    seen.add(output?.dims.join() ?? '')
    return { dims: output?.dims ?? [], data: output?.data as Float32Array }
  }
  /** One plane after the other, for a network whose description promises more than it can. */
  const singly: RunTile = async ({ planes, data, ...size }, memory) => {
    const [input, output] = [data.length / planes, memory.length / planes]
    for (let plane = 0; plane < planes; plane++) {
      const part = memory.subarray(plane * output, (plane + 1) * output)
      const result = await run({ ...size, planes: 1, data: data.subarray(plane * input, (plane + 1) * input) }, part)
      if (planes === 1 || result.dims.join() !== [1, model.channels, size.height, size.width].join()) return result
      if (result.data !== part) part.set(result.data)
    }
    return { dims: [planes, model.channels, size.height, size.width], data: memory }
  }
  return {
    get batches() {
      return batches
    },
    async run(tile, memory) {
      try {
        if (tile.planes === 1) return await run(tile, memory)
        const result = batches ? await run(tile, memory).catch(() => null) : null
        if (result?.dims[0] === tile.planes) return result
        batches = false
        return await singly(tile, memory)
      } catch (error) {
        throw runFailure(error, model)
      }
    },
  }
}

function invalid(model: ModelIdentity, field: string, reason: string): AppError {
  return new AppError('ModelInvalid', `The model "${model.name}" cannot be used: ${field} ${reason}.`, { model: model.id, field })
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0]?.slice(0, 300) ?? ''
}

async function main(): Promise<void> {
  const link = connectToHost()
  link.onClose(() => process.exit(0))
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // Some systems allow no change of priority; then it stays as it is.
  }
  const early: { message: HostMessage; payload: Uint8Array }[] = []
  let worker: Worker | null = null
  const handle = (message: HostMessage, payload: Uint8Array) => {
    if (!worker) early.push({ message, payload })
    else if (message.type === 'start') worker.start(message).catch(die)
    else worker.take(message, payload)
  }
  link.onPacket(({ header, payload }) => handle(header as HostMessage, payload))
  worker = new Worker(await import('onnxruntime-node'), link)
  for (const { message, payload } of early) handle(message, payload)
}

function die(error: unknown): void {
  process.stderr.write(`${messageOf(error)}\n`, () => process.exit(1))
}

main().catch(die)
