/** The consumer's end of a stream in the window: frames one at a time, a credit back for each, the end after the last. */
import type { StreamFrame } from './remote.ts'

export interface FrameReceiverOptions {
  /** A frame was handled; the host may send another. */
  readonly credit: () => void
  /** No more frames are wanted. */
  readonly close: () => void
  /** Called once, unless the consumer itself stopped listening. */
  readonly onEnd: (error?: Error) => void
}

export class FrameReceiver<H> {
  readonly #onFrame: (frame: StreamFrame<H>) => void | Promise<void>
  readonly #options: FrameReceiverOptions
  readonly #frames: StreamFrame<H>[] = []
  #handling = false
  /** What ended the stream; told after the frames that came before it. */
  #ending: { readonly error: Error | undefined } | null = null
  #done = false

  constructor(onFrame: (frame: StreamFrame<H>) => void | Promise<void>, options: FrameReceiverOptions) {
    this.#onFrame = onFrame
    this.#options = options
  }

  /** Whether the host still has the stream open, as far as is known. */
  get open(): boolean {
    return this.#ending === null
  }

  take(frame: StreamFrame<H>): void {
    if (this.#ending || this.#done) return
    this.#frames.push(frame)
    if (!this.#handling) void this.#handle()
  }

  /** The host ended the stream. */
  end(error?: Error): void {
    this.#ending ??= { error }
    this.#finish()
  }

  /** The connection is gone: frames that wait are of no use any more. */
  lose(error: Error): void {
    this.#ending ??= { error }
    this.#frames.length = 0
    this.#handling = false
    this.#finish()
  }

  /** The consumer has had enough; it hears nothing more. */
  stop(): void {
    this.#done = true
    this.#frames.length = 0
  }

  async #handle(): Promise<void> {
    this.#handling = true
    for (let frame = this.#frames.shift(); frame; frame = this.#frames.shift()) {
      try {
        await this.#onFrame(frame)
      } catch (error) {
        this.#fail(error)
      }
      if (this.open && !this.#done) this.#options.credit()
    }
    this.#handling = false
    this.#finish()
  }

  #fail(error: unknown): void {
    if (this.#done) return
    this.#frames.length = 0
    if (this.open) this.#options.close()
    this.#ending = { error: error instanceof Error ? error : new Error(String(error)) }
  }

  #finish(): void {
    if (this.#done || !this.#ending || this.#handling || this.#frames.length > 0) return
    this.#done = true
    this.#options.onEnd(this.#ending.error)
  }
}
