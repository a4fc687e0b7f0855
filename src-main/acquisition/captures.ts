/** Snap, record, and the order in which live view, recording and the microscope must end. */

import type { Settings } from '#shared/api.ts'
import type { ReadonlyCell } from '#shared/emitter.ts'
import { AppError, abortError } from '#shared/errors.ts'
import { type Frame, pixelTypeOf } from '#shared/image/frame.ts'
import type { Judge } from '../analysis/trust/thread.ts'
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { Camera } from '../devices/kinds.ts'
import type { Inference } from '../inference/inference.ts'
import type { NewSession, SessionStore } from '../storage/dataset.ts'
import type { LiveView } from './live.ts'
import type { MicroscopeControl } from './microscope-control.ts'
import type { Recorder } from './recorder.ts'

/** A camera that gives no frame within its exposure and this time has stalled. */
const frameTimeoutMs = 15_000

interface Parts {
  readonly control: MicroscopeControl
  readonly live: LiveView
  readonly recorder: Recorder
  readonly inference: Inference
  readonly judge: Judge
  readonly factsOf: (frame: Frame) => PictureFacts
  readonly sessions: () => SessionStore
  readonly settings: ReadonlyCell<Settings>
}

export class Captures {
  #turn: Promise<unknown> = Promise.resolve()
  #ending = new AbortController()

  constructor(private readonly parts: Parts) {}

  /** Opens a microscope, ending what the previous one was doing. */
  connect(configuration: string): Promise<void> {
    this.#interrupt()
    return this.#inTurn(async () => {
      await this.#quiet()
      await this.parts.control.connect(configuration)
    })
  }

  disconnect(): Promise<void> {
    this.#interrupt()
    return this.#inTurn(async () => {
      await this.#quiet()
      await this.parts.control.disconnect()
    })
  }

  startLive(): Promise<void> {
    return this.#inTurn(() => this.parts.live.start(this.parts.control.camera))
  }

  /** Live view cannot end under a recording, which needs its frames. */
  async stopLive(): Promise<void> {
    this.#refuseWhileRecording('A recording needs the camera.')
    await this.#inTurn(() => this.parts.live.stop())
  }

  /** A session has one pixel size, so the objective stays while it is recorded. */
  async selectObjective(objective: string, signal?: AbortSignal): Promise<void> {
    this.#refuseWhileRecording('A recording has one objective.')
    await this.parts.control.selectObjective(objective, signal)
  }

  /**
   * Stores one frame whose exposure began after this call, and, if asked, what the network makes of it, as a session of its own.
   * Returns the id of the raw session.
   */
  async snap(enhanced: boolean, signal?: AbortSignal): Promise<string> {
    const { settings, inference, judge, factsOf, control, live } = this.parts
    const frame = await this.#inTurn(() => {
      const ends = signal ? AbortSignal.any([signal, this.#ending.signal]) : this.#ending.signal
      return nextFrame(control.camera, live.state.value.running, ends)
    })
    const raw = await this.#store(frame, this.#newSession('Snap', 'snap', frame), signal)
    if (!enhanced) return raw
    const model = live.named ?? (settings.value.model || (await inference.chosenFor(frame.metadata.pixelSizeUm)))
    const prediction = await inference.predict(
      {
        model,
        width: frame.width,
        height: frame.height,
        data: frame.data,
        pixelSizeUm: frame.metadata.pixelSizeUm,
        priority: 'live',
        scale: false,
      },
      signal,
    )
    const { report } = await judge.judge(
      {
        facts: factsOf(frame),
        training: await inference.training(model),
        input: frame,
        output: { width: prediction.width, height: prediction.height, data: prediction.image },
        outputPixelUm: prediction.pixelSizeUm,
        depth: 'plane',
      },
      signal,
    )
    const picture: Frame = {
      width: prediction.width,
      height: prediction.height,
      data: prediction.image,
      metadata: { ...frame.metadata, pixelSizeUm: prediction.pixelSizeUm },
    }
    const session = this.#newSession('Snap enhanced', 'enhanced', picture)
    const microscope = { ...this.parts.control.state.value, madeFrom: raw }
    await this.#store(picture, { ...session, provenance: prediction.provenance, trust: report, microscope }, signal)
    return raw
  }

  /** Starts recording every frame of the running camera; starts live view where it is not running. Returns the session's id. */
  startRecording(name: string): Promise<string> {
    return this.#inTurn(async () => {
      const { control, live, recorder } = this.parts
      if (recorder.recording) throw new AppError('Busy', 'A recording is already running. Stop it first.')
      const camera = control.camera
      await live.start(camera)
      // The session's pixel size is that of a frame taken now, not of one seen through another objective.
      const frame = await nextFrame(camera, true, this.#ending.signal)
      const writer = await this.parts.sessions().create(this.#newSession(name || 'Recording', 'recording', frame))
      recorder.start(camera, writer, control.microscope?.quiet())
      return writer.id
    })
  }

  #refuseWhileRecording(why: string): void {
    if (this.parts.recorder.recording) throw new AppError('Busy', `${why} Stop the recording first.`)
  }

  /** Gives up the frame that somebody waits for: the microscope is about to change. */
  #interrupt(): void {
    this.#ending.abort(abortError())
    this.#ending = new AbortController()
  }

  /** The camera is one: what starts, stops or awaits it happens one after the other. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(task)
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #quiet(): Promise<void> {
    if (this.parts.recorder.recording) await this.parts.recorder.stop()
    await this.parts.live.stop()
    this.parts.live.forget()
  }

  #newSession(name: string, kind: NewSession['kind'], frame: Frame): NewSession {
    const { width, height, metadata } = frame
    return {
      name,
      kind,
      width,
      height,
      pixelType: pixelTypeOf(frame.data),
      pixelSizeUm: metadata.pixelSizeUm,
      omeZarrVersion: this.parts.settings.value.omeZarrVersion,
      microscope: this.parts.control.state.value,
    }
  }

  async #store(frame: Frame, session: NewSession, signal?: AbortSignal): Promise<string> {
    const writer = await this.parts.sessions().create(session)
    try {
      signal?.throwIfAborted()
      await writer.append(frame)
    } finally {
      await writer.finish()
    }
    return writer.id
  }
}

/** The first frame that was wholly exposed after now. */
async function nextFrame(camera: Camera, running: boolean, signal?: AbortSignal): Promise<Frame> {
  const asked = Date.now()
  if (!running) await camera.start()
  let cleanup = () => {}
  try {
    return await new Promise<Frame>((resolve, reject) => {
      const stalled = setTimeout(
        () => reject(new AppError('DeviceTimeout', 'The camera gave no frame. Check its cable, then start it again.')),
        frameTimeoutMs + camera.exposureMs.value * 2,
      )
      const offFrame = camera.onFrame((frame) => {
        if (frame.metadata.time - frame.metadata.exposureMs >= asked) resolve(frame)
      })
      const offProblem = camera.onProblem(reject)
      const aborted = () => reject(abortError())
      signal?.addEventListener('abort', aborted)
      cleanup = () => {
        clearTimeout(stalled)
        offFrame()
        offProblem()
        signal?.removeEventListener('abort', aborted)
      }
    })
  } finally {
    cleanup()
    if (!running) await camera.stop()
  }
}
