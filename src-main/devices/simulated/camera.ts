/** The simulated scientific camera. It runs freely; its pictures are computed by worker threads and arrive by transfer. */
import { Worker } from 'node:worker_threads'
import { entryPath } from '#main/processes.ts'
import type { DeviceStatus, Objective } from '#shared/device.ts'
import { Cell, Emitter } from '#shared/emitter.ts'
import { AppError } from '#shared/errors.ts'
import type { Frame, FrameMetadata } from '#shared/image/frame.ts'
import type { Camera } from '../kinds.ts'
import { CameraThreads } from './camera-threads.ts'
import { detector } from './noise.ts'
import { defaultSeed, litChannels } from './render-field.ts'
import type { Pose, Scene } from './scene.ts'
import { channels } from './specimen-emitters.ts'
import type { TruthImage, TruthSource } from './truth.ts'
import type { ExposeReply, TruthSetup } from './worker.ts'

export type { TruthImage, TruthSource } from './truth.ts'

export interface SimulatedCameraOptions {
  readonly scene: Scene
  readonly objectives: readonly Objective[]
  /** Of specimen and noise. */
  readonly seed?: number
  /** The worker's program; the built one unless a test brings its own. */
  readonly program?: string
  /** A frame that takes longer is a stall, ms. */
  readonly stallMs?: number
}

const size = 512
/** ms between two frames at least: the read-out. */
const readout = 28
const exposureRange = { min: 1, max: 2000 }
/** Threads that end this often without a frame between are not started again. */
const restarts = 3

/** Resolves when the camera is ready to start. */
export async function openSimulatedCamera(options: SimulatedCameraOptions): Promise<Camera & TruthSource> {
  const camera = new SimulatedCamera(options)
  camera.launch()
  return camera
}

interface Exposure {
  readonly metadata: Omit<FrameMetadata, 'frame'>
  /** Frames of an earlier start are not announced. */
  readonly run: number
}

class SimulatedCamera implements Camera, TruthSource {
  readonly width = size
  readonly height = size
  readonly bitDepth = detector.bitDepth
  readonly pixelUm = 6.5
  readonly exposureRange = exposureRange
  readonly exposureMs = new Cell(20)
  readonly status = new Cell<DeviceStatus>({
    id: 'camera',
    label: 'Demo camera',
    kind: 'camera',
    state: 'ready',
    connection: 'Simulated',
    problem: null,
    simulated: true,
  })
  readonly #frames = new Emitter<Frame>()
  readonly #problems = new Emitter<Error>()
  readonly #exposing = new Map<number, Exposure>()
  readonly #truths = new Set<Worker>()
  #threads: CameraThreads | undefined
  #running = false
  #closed = false
  #run = 0
  #id = 0
  #frame = 0
  #failures = 0
  /** Start of the next exposure, on the `performance.now()` clock; advanced by whole periods so that nothing drifts. */
  #next = 0
  #timer: NodeJS.Timeout | undefined
  #watchdog: NodeJS.Timeout | undefined
  /** How long a frame has been awaited. */
  #silentMs = 0

  constructor(readonly options: SimulatedCameraOptions) {}

  launch(): void {
    const { objectives, seed = defaultSeed } = this.options
    const threads: CameraThreads = new CameraThreads(
      this.#program,
      { seed, objectives, width: size, height: size },
      { onFrame: (reply) => this.#receive(reply), onFailure: (reason, cause) => this.#fail(threads, reason, cause) },
    )
    this.#threads = threads
  }

  async setExposure(exposureMs: number): Promise<void> {
    const { min, max } = exposureRange
    if (!(exposureMs >= min && exposureMs <= max))
      throw new AppError('OutOfRange', `The demo camera exposes for ${min} to ${max} ms, not ${exposureMs} ms.`, { min, max })
    this.exposureMs.set(exposureMs)
    // The exposure under way is given up, as cameras do; the next one begins now.
    if (this.#running) this.#begin()
  }

  async start(): Promise<void> {
    if (this.#closed) throw new AppError('DeviceDisconnected', 'The demo camera has been closed.')
    if (!this.#threads) {
      this.#failures = 0
      this.status.patch({ state: 'ready', problem: null })
      this.launch()
    }
    if (this.#running) return
    this.#running = true
    this.#run++
    this.#frame = 0
    this.#silentMs = 0
    this.#watchdog = setInterval(() => this.#watch(), this.#watchInterval)
    this.#begin()
  }

  async stop(): Promise<void> {
    this.#running = false
    clearTimeout(this.#timer)
    clearInterval(this.#watchdog)
  }

  onFrame(listener: (frame: Frame) => void) {
    return this.#frames.on(listener)
  }

  onProblem(listener: (problem: Error) => void) {
    return this.#problems.on(listener)
  }

  async truth(): Promise<TruthImage> {
    if (this.#closed) throw new AppError('DeviceDisconnected', 'The demo camera has been closed.')
    const { scene, seed = defaultSeed } = this.options
    const pose = plain(scene.poseAt(performance.now()))
    const pixel = this.#objective(pose)?.pixelSizeUm ?? 0.65
    const request = { pose, exposureMs: this.exposureMs.value, seed, fieldWidth: size * pixel, fieldHeight: size * pixel }
    const worker = new Worker(this.#program, { workerData: { role: 'truth', request } satisfies TruthSetup })
    this.#truths.add(worker)
    try {
      return await new Promise<TruthImage>((resolve, reject) => {
        worker.once('message', resolve)
        worker.once('error', reject)
        worker.once('exit', () =>
          reject(new AppError('DeviceDisconnected', 'The demo camera was closed while it computed the ground truth.')),
        )
      })
    } finally {
      this.#truths.delete(worker)
      await worker.terminate()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.stop()
    const threads = this.#threads
    this.#threads = undefined
    await Promise.all([threads?.[Symbol.asyncDispose](), ...[...this.#truths].map((worker) => worker.terminate())])
    this.status.patch({ state: 'disconnected' })
  }

  get #program(): string {
    return this.options.program ?? entryPath('simulation-worker')
  }

  #objective(pose: Pose): Objective | undefined {
    return this.options.objectives.find((objective) => objective.id === pose.objective)
  }

  #begin(): void {
    this.#next = performance.now()
    this.#plan()
  }

  #plan(): void {
    clearTimeout(this.#timer)
    const end = this.#next + this.exposureMs.value
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, end - performance.now()))
  }

  /**
   * Takes every exposure that has ended. The demo camera is as fast as the computer: an exposure for which no thread is free did not take
   * place, and its number goes to the next.
   */
  #tick(): void {
    const exposureMs = this.exposureMs.value
    const period = Math.max(exposureMs, readout)
    for (; this.#next + exposureMs <= performance.now(); this.#next += period) {
      this.#expose(this.#next, exposureMs)
    }
    this.#plan()
  }

  #expose(begin: number, exposureMs: number): void {
    const time = begin + exposureMs / 2
    const pose = plain(this.options.scene.poseAt(time))
    const lit = litChannels(pose)
    const only = lit.length === 1 ? lit[0] : undefined
    const metadata = {
      // By the wall clock of now: `performance.timeOrigin` does not follow when that is set, or when the computer sleeps.
      time: Date.now() - (performance.now() - begin - exposureMs),
      exposureMs,
      x: pose.x,
      y: pose.y,
      z: pose.z,
      objective: pose.objective,
      pixelSizeUm: this.#objective(pose)?.pixelSizeUm ?? null,
      channel: lit.map(({ channel }) => channels[channel].name).join('+') || 'Dark',
      emissionNm: only ? channels[only.channel].emissionNm : null,
      lightLevel: Math.min(100, 100 * Math.max(0, ...lit.map(({ level }) => level))),
    }
    const id = this.#id++
    if (this.#threads?.expose({ id, pose, time, exposureMs })) this.#exposing.set(id, { metadata, run: this.#run })
  }

  #receive({ id, data }: ExposeReply): void {
    const exposure = this.#exposing.get(id)
    this.#exposing.delete(id)
    this.#failures = 0
    this.#silentMs = 0
    if (this.status.value.state !== 'ready') this.status.patch({ state: 'ready', problem: null })
    if (!data || !exposure || !this.#running || exposure.run !== this.#run) return
    this.#frames.emit({ width: size, height: size, data, metadata: { frame: this.#frame++, ...exposure.metadata } })
  }

  /** Counts its own ticks, not the clock, which also goes on while the computer sleeps. */
  #watch(): void {
    const threads = this.#threads
    this.#silentMs = threads?.busy ? this.#silentMs + this.#watchInterval : 0
    if (threads && this.#silentMs >= this.#stallMs) this.#fail(threads, `no frame came for ${Math.round(this.#stallMs / 100) / 10} s`)
  }

  get #stallMs(): number {
    return this.options.stallMs ?? 20_000
  }

  get #watchInterval(): number {
    return Math.min(500, this.#stallMs / 4)
  }

  /** Reports, and starts fresh threads: capture goes on by itself. */
  #fail(threads: CameraThreads, reason: string, cause?: unknown): void {
    if (this.#closed || threads !== this.#threads) return
    this.#threads = undefined
    void threads[Symbol.asyncDispose]()
    // What the threads held is lost: their numbers stay missing.
    this.#frame += this.#exposing.size
    this.#exposing.clear()
    this.#silentMs = 0
    const again = ++this.#failures <= restarts
    const next = again ? 'It is being restarted.' : 'It was restarted several times without success; stop and start live view to try again.'
    const message = `The demo camera stalled: ${reason}. ${next}`
    this.status.patch({ state: 'error', problem: message })
    if (again) this.launch()
    else void this.stop()
    this.#problems.emit(new AppError('DeviceTimeout', message, { device: 'camera' }, cause))
  }
}

/** A pose as a plain object, whatever the scene hands out: it travels to a thread. */
function plain({ x, y, z, objective, light }: Pose): Pose {
  return { x, y, z, objective, light: { ...light } }
}
