/**
 * Live view: the newest frame wins. Raw frames are passed on as they come; the network gets the newest frame when it is free, and
 * what it could not take is counted, never queued.
 *
 *   stopped ──start()──▶ running ──stop() / camera problem──▶ stopped
 *                          │ setEnhance(true): one frame in the network, one waiting
 */
import { type LiveState, type Provenance, stoppedLive } from '#shared/api.ts'
import { Disposer } from '#shared/dispose.ts'
import { Cell, Emitter, type ReadonlyCell, type Unsubscribe } from '#shared/emitter.ts'
import { isAbort, messageOf } from '#shared/errors.ts'
import type { Frame } from '#shared/image/frame.ts'
import type { Camera } from '../devices/kinds.ts'
import type { Inference, Normalisation } from '../inference/inference.ts'
import { Rate } from './rate.ts'

/** A picture a network made of a camera frame. */
export interface EnhancedFrame extends Frame {
  readonly provenance: Provenance
  /** The camera frame it was made of. */
  readonly source: Frame
}

/** The running normalisation is estimated afresh every so many enhanced frames, and eased towards the estimate. */
const estimateEvery = 8
const easing = 0.25
/** A failed model is tried again after this pause, so a restarting inference process is not flooded. */
const retryMs = 250

export class LiveView implements AsyncDisposable {
  readonly #state = new Cell<LiveState>(stoppedLive)
  readonly #frames = new Emitter<Frame>()
  readonly #enhancedFrames = new Emitter<EnhancedFrame>()
  readonly #cameraRate = new Rate()
  readonly #inferenceRate = new Rate()
  #camera: Camera | null = null
  #running = new Disposer()
  #newest: Frame | null = null
  #newestEnhanced: EnhancedFrame | null = null
  #waiting: Frame | null = null
  #inFlight: AbortController | null = null
  #normalisation: { readonly value: Normalisation; readonly key: string; readonly age: number } | null = null
  #held = false
  /** The network that somebody chose; null: the one that suits the picture. */
  #named: string | null = null
  /** Which network suits pixels of this size. */
  #suiting: { readonly pixelSizeUm: number | null; readonly model: string } | null = null
  #lastFrame = -1

  constructor(private readonly inference: Inference) {}

  get state(): ReadonlyCell<LiveState> {
    return this.#state
  }

  /** The newest camera frame, if live view has shown one. */
  get newest(): Frame | null {
    return this.#newest
  }

  get newestEnhanced(): EnhancedFrame | null {
    return this.#newestEnhanced
  }

  /** The network that was asked for; null: the one that suits the picture. */
  get named(): string | null {
    return this.#named
  }

  onFrame(listener: (frame: Frame) => void): Unsubscribe {
    return this.#frames.on(listener)
  }

  onEnhanced(listener: (frame: EnhancedFrame) => void): Unsubscribe {
    return this.#enhancedFrames.on(listener)
  }

  /** Starts the camera. Rejects with what the camera says; a camera that fails later is reported in the state. */
  async start(camera: Camera): Promise<void> {
    if (this.#camera === camera) return
    await this.stop()
    this.#camera = camera
    const running = new Disposer()
    this.#running = running
    this.#lastFrame = -1
    this.#cameraRate.reset()
    this.#inferenceRate.reset()
    running.add(camera.onFrame((frame) => this.#take(frame)))
    running.add(camera.onProblem((problem) => this.#state.patch({ problem: messageOf(problem) })))
    const timer = setInterval(() => this.#refreshRates(), 500)
    running.add(() => clearInterval(timer))
    running.add(() => camera.stop())
    try {
      await camera.start()
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#state.patch({ running: true, cameraDropped: 0, inferenceDropped: 0, problem: null })
  }

  async stop(): Promise<void> {
    this.#camera = null
    this.#waiting = null
    this.#inFlight?.abort()
    await this.#running.dispose()
    this.#state.patch({ running: false, cameraFps: 0, inferenceFps: 0, inferenceMegapixels: 0, latencyMs: null })
  }

  /** Switches the network on or off. `model` is remembered; null takes the one that suits the picture, also after a change of objective. */
  setEnhance(on: boolean, model: string | null): void {
    this.#suiting = null
    if (!on || model === null || model !== this.#state.value.model) {
      this.#inFlight?.abort()
      this.#waiting = null
      this.#newestEnhanced = null
      this.#normalisation = null
      this.#inferenceRate.reset()
    }
    this.#named = model
    this.#state.patch({ enhance: on, inferenceFps: 0, inferenceMegapixels: 0, latencyMs: null, problem: null, ...(model ? { model } : {}) })
    if (on && this.#newest && this.#camera) this.#offer(this.#newest)
  }

  /** While held, as during a recording, the running normalisation stays as it is: one series, one offset and scale. */
  holdNormalisation(held: boolean): void {
    this.#held = held
  }

  /** Forgets what was seen: the next pictures are of something else. */
  forget(): void {
    this.#newest = null
    this.#newestEnhanced = null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #take(frame: Frame): void {
    this.#cameraRate.tick(performance.now())
    const lost = frame.metadata.frame - this.#lastFrame - 1
    this.#lastFrame = frame.metadata.frame
    if (lost > 0) this.#state.patch({ cameraDropped: this.#state.value.cameraDropped + lost })
    this.#newest = frame
    this.#frames.emit(frame)
    if (this.#state.value.enhance) this.#offer(frame)
  }

  /** Hands a frame to the network, or lets it wait in the place of an older one. */
  #offer(frame: Frame): void {
    if (this.#inFlight) {
      if (this.#waiting) this.#state.patch({ inferenceDropped: this.#state.value.inferenceDropped + 1 })
      this.#waiting = frame
      return
    }
    void this.#enhance(frame)
  }

  async #enhance(frame: Frame): Promise<void> {
    const abort = new AbortController()
    this.#inFlight = abort
    try {
      const model = this.#named ?? (await this.#suitable(frame.metadata.pixelSizeUm))
      if (abort.signal.aborted) return
      if (model !== this.#state.value.model) this.#state.patch({ model })
      const normalisation = this.#runningNormalisation(frame, model)
      const prediction = await this.inference.predict(
        {
          model,
          width: frame.width,
          height: frame.height,
          data: frame.data,
          pixelSizeUm: frame.metadata.pixelSizeUm,
          priority: 'live',
          scale: false,
          ...(normalisation ? { normalisation } : {}),
        },
        abort.signal,
      )
      if (abort.signal.aborted) return
      if (!normalisation) this.#estimated(prediction.normalisation, frame, model)
      this.#inferenceRate.tick(performance.now())
      this.#newestEnhanced = {
        width: prediction.width,
        height: prediction.height,
        data: prediction.image,
        metadata: { ...frame.metadata, pixelSizeUm: prediction.pixelSizeUm },
        provenance: prediction.provenance,
        source: frame,
      }
      this.#state.patch({ latencyMs: Date.now() - frame.metadata.time, problem: null })
      this.#enhancedFrames.emit(this.#newestEnhanced)
    } catch (error) {
      if (isAbort(error) || abort.signal.aborted) return
      this.#state.patch({ problem: messageOf(error) })
      await new Promise((resolve) => setTimeout(resolve, retryMs))
    } finally {
      if (this.#inFlight === abort) this.#inFlight = null
      const next = this.#waiting
      this.#waiting = null
      if (next && this.#state.value.enhance && this.#camera) this.#offer(next)
    }
  }

  async #suitable(pixelSizeUm: number | null): Promise<string> {
    if (this.#suiting?.pixelSizeUm === pixelSizeUm) return this.#suiting.model
    const model = await this.inference.chosenFor(pixelSizeUm)
    this.#suiting = { pixelSizeUm, model }
    return model
  }

  /** Frames of one series share a normalisation, or the picture would flicker; another light, exposure or objective begins a new one. */
  #runningNormalisation(frame: Frame, model: string): Normalisation | null {
    const known = this.#normalisation
    if (!known || known.key !== seriesKey(frame, model) || (known.age >= estimateEvery && !this.#held)) return null
    this.#normalisation = { ...known, age: known.age + 1 }
    return known.value
  }

  #estimated(fresh: Normalisation, frame: Frame, model: string): void {
    const key = seriesKey(frame, model)
    const old = this.#normalisation?.key === key ? this.#normalisation.value : fresh
    const ease = (from: number, to: number) => from + easing * (to - from)
    this.#normalisation = { key, age: 0, value: { offset: ease(old.offset, fresh.offset), scale: ease(old.scale, fresh.scale) } }
  }

  #refreshRates(): void {
    const now = performance.now()
    const inferenceFps = this.#inferenceRate.at(now)
    const { width, height } = this.#newestEnhanced?.source ?? { width: 0, height: 0 }
    this.#state.patch({ cameraFps: this.#cameraRate.at(now), inferenceFps, inferenceMegapixels: (inferenceFps * width * height) / 1e6 })
  }
}

function seriesKey(frame: Frame, model: string): string {
  const { exposureMs, objective, channel, lightLevel } = frame.metadata
  return [model, objective, channel, lightLevel, exposureMs].join('|')
}
