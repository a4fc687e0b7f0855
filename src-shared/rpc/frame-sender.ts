/** The producer's end of a stream: frames go out as credits come in. The same on the host and in the window. */
import { abortError } from '../errors.ts'
import type { StreamFrame, StreamSink } from './remote.ts'

export interface FrameSenderOptions<H> {
  readonly policy: 'latest' | 'every'
  /** Frames that may go before the first credit comes. */
  readonly credit: number
  readonly transmit: (frame: StreamFrame<H>) => void
  /** Called once, after the last frame of a stream that its producer ended. */
  readonly finish: () => void
  /** A lazily made frame could not be made. */
  readonly fail: (error: unknown) => void
  /** True while the wire is too full for another frame. Asked again at each credit, so frames must be under way. */
  readonly full?: (credit: number) => boolean
}

export class FrameSender<H> implements StreamSink<H> {
  readonly #options: FrameSenderOptions<H>
  readonly #controller = new AbortController()
  #waiting: (StreamFrame<H> | (() => StreamFrame<H>))[] = []
  #resolvers: { resolve: () => void; reject: (reason: unknown) => void }[] = []
  #credit: number
  #dropped = 0
  #ended = false

  constructor(options: FrameSenderOptions<H>) {
    this.#options = options
    this.#credit = options.credit
  }

  get credit(): number {
    return this.#credit
  }

  get dropped(): number {
    return this.#dropped
  }

  get closed(): AbortSignal {
    return this.#controller.signal
  }

  async send(frame: StreamFrame<H> | (() => StreamFrame<H>)): Promise<void> {
    this.closed.throwIfAborted()
    if (this.#ended) throw abortError('The stream has ended.')
    if (this.#options.policy === 'latest') {
      this.#dropped += this.#waiting.length
      this.#waiting = [frame]
      this.#pump()
      return
    }
    this.#waiting.push(frame)
    this.#pump()
    if (this.#waiting.length > 0 || this.#credit === 0)
      await new Promise<void>((resolve, reject) => this.#resolvers.push({ resolve, reject }))
  }

  /** The other side can take `count` more. */
  grant(count: number): void {
    this.#credit += count
    this.#pump()
  }

  /** No more frames; those waiting still go. */
  end(): void {
    if (this.#ended || this.closed.aborted) return
    this.#ended = true
    this.#pump()
  }

  /**
   * The other side closed the stream, or is gone. Waiting frames are forgotten and waiting producers hear why; where the other side
   * was `satisfied` with what it got, producers whose frames have all gone are not told of a fault.
   */
  close(reason: unknown, satisfied = false): void {
    if (this.closed.aborted) return
    const allGone = this.#waiting.length === 0
    this.#waiting = []
    this.#controller.abort(reason)
    for (const { resolve, reject } of this.#resolvers.splice(0)) {
      if (satisfied && allGone) resolve()
      else reject(reason)
    }
  }

  #pump(): void {
    const { transmit, full, finish } = this.#options
    while (this.#waiting.length > 0 && this.#credit > 0 && !full?.(this.#credit) && !this.closed.aborted) {
      const next = this.#waiting.shift()
      if (!next) break
      this.#credit--
      try {
        transmit(typeof next === 'function' ? next() : next)
      } catch (error) {
        this.#options.fail(error)
        return
      }
    }
    if (this.closed.aborted || this.#waiting.length > 0) return
    if (this.#credit > 0 || this.#ended) for (const { resolve } of this.#resolvers.splice(0)) resolve()
    if (this.#ended) {
      this.#controller.abort(abortError('The stream has ended.'))
      finish()
    }
  }
}
