/** Judges the network's live pictures: light instruments on every n-th of them, all instruments when asked. */

import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import type { LiveTrust } from '#shared/trust.ts'

const unknown: LiveTrust = { report: null, frame: null, every: 1, costShare: null, problem: null }

export class LiveTrustMonitor {
  readonly #state = new Cell<LiveTrust>(unknown)

  get state(): ReadonlyCell<LiveTrust> {
    return this.#state
  }
}
