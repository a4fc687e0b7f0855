/** The consumer's end of a stream to the host: frames one at a time, the next only after the last was handled. */
import type { StreamFrame } from './remote.ts'

export interface FrameQueueOptions {
  /** A frame was handled: a credit may go back. */
  readonly onHandled: () => void
  /** Bytes of frames that were handled or forgotten. */
  readonly onReleased: (bytes: number) => void
}

export class FrameQueue<H> implements AsyncIterable<StreamFrame<H>> {
  readonly #options: FrameQueueOptions
  #frames: StreamFrame<H>[] = []
  #handling: StreamFrame<H> | null = null
  #state: 'open' | 'ended' | { readonly error: unknown } = 'open'
  #wake: (() => void) | null = null
  /** Of the frames not yet handled. */
  #pendingBytes = 0

  constructor(options: FrameQueueOptions) {
    this.#options = options
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  push(frame: StreamFrame<H>): void {
    if (!this.open) return
    this.#frames.push(frame)
    this.#pendingBytes += frame.bytes.byteLength
    this.#wake?.()
  }

  /** No more frames will come. */
  end(): void {
    if (this.open) this.#state = 'ended'
    this.#wake?.()
  }

  /** Frames that were not handled are forgotten; whoever waits for one gets the error. */
  fail(error: unknown): void {
    if (typeof this.#state === 'string') this.#state = { error }
    this.#forget()
    this.#wake?.()
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamFrame<H>> {
    return {
      next: () => this.#next(),
      return: () => {
        this.end()
        this.#forget()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  async #next(): Promise<IteratorResult<StreamFrame<H>>> {
    this.#handled()
    while (this.#frames.length === 0) {
      if (typeof this.#state === 'object') throw this.#state.error
      if (this.#state === 'ended') return { done: true, value: undefined }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = null
    }
    this.#handling = this.#frames.shift() ?? null
    return this.#handling ? { done: false, value: this.#handling } : this.#next()
  }

  #handled(): void {
    if (!this.#handling) return
    const bytes = this.#handling.bytes.byteLength
    this.#handling = null
    this.#pendingBytes -= bytes
    this.#options.onReleased(bytes)
    this.#options.onHandled()
  }

  #forget(): void {
    this.#frames = []
    this.#handling = null
    this.#options.onReleased(this.#pendingBytes)
    this.#pendingBytes = 0
  }
}
