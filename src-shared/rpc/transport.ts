/** The one thing the contract needs of a wire: whole messages, in order, both ways. */
import type { Unsubscribe } from '../emitter.ts'

/** JSON values, plus typed arrays anywhere inside. Every transport delivers them as they were. */
export type Message = unknown

export interface Transport {
  /**
   * Sends one message. Buffers in `transfer` may be detached afterwards where the transport can move them; where it cannot, they
   * are copied. Never throws for a closed transport: what cannot be delivered is reported by `onClose`.
   */
  send(message: Message, transfer?: readonly ArrayBuffer[]): void
  onMessage(listener: (message: Message) => void): Unsubscribe
  /** Called once, with the reason in words. At once if already closed. */
  onClose(listener: (reason: string) => void): Unsubscribe
  close(reason?: string): void
  /** Bytes handed over but not yet taken by the other side, as far as the transport can tell. */
  readonly bufferedBytes: number
}
