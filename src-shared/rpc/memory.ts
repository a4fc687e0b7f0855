/** Two ends in one process, with the manners of a real wire: later, in order, and never the same object. */
import { binaryBytes, ownBuffers } from './arrays.ts'
import { Deliveries } from './deliveries.ts'
import type { Message, Transport } from './transport.ts'

/** Two connected transports. Messages are structured clones; closing either closes both, after what was sent before. */
export function memoryPair(): [Transport, Transport] {
  const left = new MemoryEnd()
  const right = new MemoryEnd()
  left.connect(right)
  right.connect(left)
  return [left, right]
}

class MemoryEnd implements Transport {
  readonly #deliveries = new Deliveries()
  /** On their way to the other end. */
  #queue: (() => void)[] = []
  #bufferedBytes = 0
  #other: MemoryEnd | undefined

  readonly onMessage = this.#deliveries.onMessage.bind(this.#deliveries)
  readonly onClose = this.#deliveries.onClose.bind(this.#deliveries)

  connect(other: MemoryEnd): void {
    this.#other = other
  }

  take(message: Message): void {
    this.#deliveries.deliver(message)
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  send(message: Message, transfer: readonly ArrayBuffer[] = []): void {
    if (this.#deliveries.closed) return
    const bytes = binaryBytes(message)
    const copy: Message = structuredClone(ownBuffers(message).message, { transfer: [...transfer] })
    this.#bufferedBytes += bytes
    this.#later(() => {
      this.#bufferedBytes -= bytes
      this.#other?.take(copy)
    })
  }

  close(reason = 'The connection was closed.'): void {
    if (!this.#deliveries.close(reason)) return
    this.#later(() => this.#other?.close(reason))
  }

  // A timer and not a microtask: two ends that answer each other at once would keep every timer and every input waiting.
  #later(task: () => void): void {
    this.#queue.push(task)
    if (this.#queue.length > 1) return
    setTimeout(() => {
      const due = this.#queue
      this.#queue = []
      for (const each of due) each()
    }, 0)
  }
}
