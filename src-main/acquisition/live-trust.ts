/**
 * Judges the network's live pictures: light instruments on every n-th of them, in a thread of their own. n is chosen from what judging and
 * enhancing really take, so that judging adds at most a tenth.
 */
import { Cell, type ReadonlyCell, type Unsubscribe } from '#shared/emitter.ts'
import { isAbort, messageOf } from '#shared/errors.ts'
import type { Frame } from '#shared/image/frame.ts'
import type { LiveTrust } from '#shared/trust.ts'
import { lightPart } from '../analysis/trust/judge.ts'
import type { Judge } from '../analysis/trust/thread.ts'
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { Inference } from '../inference/inference.ts'
import type { EnhancedFrame, LiveView } from './live.ts'

const largestShare = 0.1
const easing = 0.3
/** Until it is known what judging takes. */
const firstEvery = 4

const unknown: LiveTrust = { report: null, frame: null, every: firstEvery, costShare: null, problem: null }

export interface LiveTrustOptions {
  readonly live: LiveView
  readonly inference: Inference
  readonly judge: Judge
  /** What is known of a frame's origin. */
  readonly factsOf: (frame: Frame) => PictureFacts
}

/** Two frames of the same thing. */
export interface FramePair {
  readonly newest: Frame
  /** null: there was none since something moved. */
  readonly before: Frame | null
}

export class LiveTrustMonitor implements Disposable {
  readonly #state = new Cell<LiveTrust>(unknown)
  readonly #unsubscribe: readonly Unsubscribe[]
  #pair: FramePair | null = null
  #waited = 0
  #busy = false
  #last = Number.NaN
  /** ms between enhanced frames, and for judging one; eased. */
  #interval = Number.NaN
  #cost = Number.NaN

  constructor(private readonly options: LiveTrustOptions) {
    const { live } = options
    this.#unsubscribe = [
      live.onFrame((frame) => this.#remember(frame)),
      live.onEnhanced((frame) => this.#take(frame)),
      live.state.watch(({ enhance, running }) => {
        if (enhance && running) return
        this.#last = Number.NaN
        if (!enhance && this.#state.value.report) this.#state.set({ ...unknown, every: this.#state.value.every })
      }),
    ]
  }

  get state(): ReadonlyCell<LiveTrust> {
    return this.#state
  }

  /** The newest camera frame, with the one before it where both show the same thing. */
  get pair(): FramePair | null {
    return this.#pair
  }

  [Symbol.dispose](): void {
    for (const each of this.#unsubscribe) each()
  }

  #remember(frame: Frame): void {
    const before = this.#pair?.newest
    this.#pair = { newest: frame, before: before && sameView(before, frame) ? before : null }
  }

  #take(frame: EnhancedFrame): void {
    const now = performance.now()
    if (!Number.isNaN(this.#last)) this.#interval = eased(this.#interval, now - this.#last)
    this.#last = now
    this.#waited++
    if (this.#busy || (this.#state.value.report && this.#waited < this.#state.value.every)) return
    this.#waited = 0
    void this.#judge(frame)
  }

  async #judge(frame: EnhancedFrame): Promise<void> {
    this.#busy = true
    try {
      const { inference, judge, factsOf, live } = this.options
      const training = await inference.training(frame.provenance.model)
      const { source } = frame
      const request = lightPart({
        facts: factsOf(source),
        training,
        input: source,
        output: frame,
        outputPixelUm: frame.metadata.pixelSizeUm,
        depth: 'light',
      })
      const { report } = await judge.judge(request)
      if (!live.state.value.enhance || live.state.value.model !== frame.provenance.model) return
      this.#cost = eased(this.#cost, report.elapsedMs)
      const every = Number.isNaN(this.#interval) ? firstEvery : Math.max(1, Math.ceil(this.#cost / (largestShare * this.#interval)))
      const costShare = Number.isNaN(this.#interval) ? null : this.#cost / (every * this.#interval)
      this.#state.set({ report, frame: source.metadata.frame, every, costShare, problem: null })
    } catch (error) {
      if (!isAbort(error)) this.#state.patch({ problem: messageOf(error) })
    } finally {
      this.#busy = false
    }
  }
}

function eased(old: number, fresh: number): number {
  return Number.isNaN(old) ? fresh : old + easing * (fresh - old)
}

/** Nothing moved and nothing was changed between the two. */
function sameView(a: Frame, b: Frame): boolean {
  const view = ({ width, height, metadata: { x, y, z, objective, channel, exposureMs, lightLevel } }: Frame) =>
    [width, height, x, y, z, objective, channel, exposureMs, lightLevel].join('|')
  return view(a) === view(b)
}
