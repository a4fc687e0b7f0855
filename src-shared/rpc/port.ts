/** The part of a transport that all kinds of message ports share. */
import type { Deliveries } from './deliveries.ts'
import type { Message, Transport } from './transport.ts'

/** A transport over a port whose events already go to `deliveries`. */
export function portTransport(
  deliveries: Deliveries,
  port: { close(): void },
  post: (message: Message, transfer: readonly ArrayBuffer[]) => void,
): Transport {
  return {
    send(message, transfer = []) {
      if (!deliveries.closed) post(message, transfer)
    },
    onMessage: (listener) => deliveries.onMessage(listener),
    onClose: (listener) => deliveries.onClose(listener),
    close(reason = 'The connection was closed.') {
      if (deliveries.close(reason)) port.close()
    },
    // Ports do not tell; the contract's credits bound what is under way.
    bufferedBytes: 0,
  }
}
