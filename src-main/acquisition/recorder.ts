/**
 * Recording keeps every frame or stops with an explicit error; it belongs to the host, not to a window.
 *
 *   idle ──start()──▶ recording ──stop()──▶ idle
 *                        └─ frame lost, disk too slow or full, camera gone ─▶ idle, with a problem; finished frames stay
 */
import { idleRecording, type RecordingState, type SessionSummary } from '#shared/api.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import type { Frame } from '#shared/image/frame.ts'
import type { Camera } from '../devices/kinds.ts'
import type { SessionWriter } from '../storage/dataset.ts'

/** Bytes that may wait for the disk; beyond that the disk is too slow and recording ends with an error. */
const waitingLimit = 512 * 2 ** 20

interface Running {
  readonly writer: SessionWriter
  readonly began: number
  readonly detach: () => void
}

export class Recorder implements AsyncDisposable {
  readonly #state = new Cell<RecordingState>(idleRecording)
  #running: Running | null = null
  #ending: Promise<SessionSummary | null> = Promise.resolve(null)
  #waitingBytes = 0

  get state(): ReadonlyCell<RecordingState> {
    return this.#state
  }

  get recording(): boolean {
    return this.#running !== null
  }

  /** Records every frame the running camera gives, until `stop`. Takes charge of the writer, and of `quiet`, which it disposes at the end. */
  start(camera: Camera, writer: SessionWriter, quiet?: Disposable): void {
    if (this.#running) throw new AppError('Busy', 'A recording is already running. Stop it first.')
    let expected = -1
    const offFrame = camera.onFrame((frame) => {
      const lost = expected < 0 ? 0 : frame.metadata.frame - expected
      expected = frame.metadata.frame + 1
      if (lost > 0) this.#fail(new AppError('DeviceTimeout', `The camera lost ${lost} frame${lost > 1 ? 's' : ''}. Recording stopped.`))
      else this.#append(writer, frame)
    })
    const offProblem = camera.onProblem((problem) => this.#fail(problem))
    this.#running = {
      writer,
      began: performance.now(),
      detach: () => {
        offFrame()
        offProblem()
        quiet?.[Symbol.dispose]()
      },
    }
    this.#waitingBytes = 0
    this.#state.set({ ...idleRecording, session: writer.id, recording: true })
  }

  /** Ends the recording and waits until its last frame is safe. */
  async stop(): Promise<SessionSummary> {
    this.#end(null)
    const summary = await this.#ending
    if (!summary) throw new AppError('BadRequest', 'No recording is running.')
    return summary
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(null)
    await this.#ending.catch(() => undefined)
  }

  #append(writer: SessionWriter, frame: Frame): void {
    const size = frame.data.byteLength
    if (this.#waitingBytes + size > waitingLimit) {
      this.#fail(new AppError('StorageFull', 'The disk is too slow for this frame rate. Recording stopped; what was recorded is safe.'))
      return
    }
    this.#waitingBytes += size
    writer.append(frame).then(
      () => {
        this.#waitingBytes -= size
        const seconds = this.#running ? (performance.now() - this.#running.began) / 1000 : this.#state.value.seconds
        if (this.#state.value.session === writer.id) this.#state.patch({ frames: writer.frames, bytes: writer.bytes, seconds })
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #fail(error: unknown): void {
    if (this.#running) this.#end(messageOf(error))
  }

  #end(problem: string | null): void {
    const running = this.#running
    if (!running) return
    this.#running = null
    running.detach()
    this.#state.patch({ recording: false, problem })
    this.#ending = running.writer.finish().then(
      (summary) => {
        this.#state.patch({ frames: summary.frames, bytes: summary.bytes })
        return summary
      },
      (error: unknown) => {
        this.#state.patch({ problem: problem ?? messageOf(error) })
        throw error
      },
    )
    // A failure is kept in the state and given to whoever asks `stop`; it must not end the host.
    this.#ending.catch(() => undefined)
  }
}
