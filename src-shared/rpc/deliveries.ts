/** The receiving half that every transport shares: who listens, what came before anybody did, and whether it is over. */
import { Emitter, type Unsubscribe } from '../emitter.ts'
import type { Message } from './transport.ts'

export class Deliveries {
  readonly #messages = new Emitter<Message>()
  readonly #closes = new Emitter<string>()
  /** Messages from before the first listener; null afterwards. */
  #early: Message[] | null = []
  #reason: string | null = null

  get closed(): boolean {
    return this.#reason !== null
  }

  /** Hands on one message; what came but could not be read is `undefined`. */
  deliver(message: Message): void {
    if (this.closed) return
    if (this.#early) this.#early.push(message)
    else this.#messages.emit(message)
  }

  /** Announces the end. Only the first reason counts; returns whether this was it. */
  close(reason: string): boolean {
    if (this.closed) return false
    this.#reason = reason
    this.#early = null
    this.#closes.emit(reason)
    return true
  }

  onMessage(listener: (message: Message) => void): Unsubscribe {
    const unsubscribe = this.#messages.on(listener)
    const early = this.#early
    this.#early = null
    for (const message of early ?? []) this.#messages.emit(message)
    return unsubscribe
  }

  onClose(listener: (reason: string) => void): Unsubscribe {
    if (this.#reason === null) return this.#closes.on(listener)
    listener(this.#reason)
    return () => undefined
  }
}
