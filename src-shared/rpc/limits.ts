/** How much one client may ask of the host. An honest window stays far below; a flood is cut off with a reason. */
import type { Weight } from './wire.ts'

export interface ServerLimits {
  /** Calls, subscriptions and streams open at once; more are refused with Busy. */
  readonly calls: number
  readonly subscriptions: number
  readonly streams: number
  /** Requests a second, over some seconds. Frames and credits that were granted are not counted. */
  readonly messagesPerSecond: number
  /** Messages nobody honest sends, before the connection is cut. */
  readonly malformed: number
  /** Bytes a client has sent that no service has handled yet. */
  readonly pendingBytes: number
  /** Bytes sent to the client that it does not take. */
  readonly unreadBytes: number
  /** Bytes on their way to the client from which on streams wait for the earlier ones to arrive, so that answers still get through. */
  readonly holdBytes: number
}

export const defaultLimits: ServerLimits = {
  calls: 64,
  subscriptions: 256,
  streams: 32,
  messagesPerSecond: 2000,
  malformed: 100,
  pendingBytes: 128 * 2 ** 20,
  unreadBytes: 256 * 2 ** 20,
  holdBytes: 16 * 2 ** 20,
}

/** Seconds' worth of requests that may come at once, e.g. when a window opens everything it shows. */
const burstSeconds = 2
const nodesPerMessage = 500
const charactersPerMessage = 10_000

/** A leaky bucket: fills with each request by its weight, runs dry with time. */
export class FloodGate {
  readonly #perSecond: number
  #level = 0
  #time = performance.now()

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** Lets a message in, or says that it is one too many. */
  admit(weight: Weight): boolean {
    const now = performance.now()
    this.#level = Math.max(0, this.#level - ((now - this.#time) / 1000) * this.#perSecond)
    this.#time = now
    this.#level += 1 + weight.nodes / nodesPerMessage + weight.characters / charactersPerMessage
    return this.#level <= this.#perSecond * burstSeconds
  }
}
