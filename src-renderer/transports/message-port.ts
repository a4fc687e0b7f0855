/** The contract over the page's end of a port to Electron's main process. */
import { ownBuffers } from '#shared/rpc/arrays.ts'
import { Deliveries } from '#shared/rpc/deliveries.ts'
import { portTransport } from '#shared/rpc/port.ts'
import type { Transport } from '#shared/rpc/transport.ts'

/** What is used of the browser's `MessagePort`. */
export interface PagePort {
  postMessage(message: unknown): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'messageerror' | 'close', listener: () => void): void
  start(): void
  close(): void
}

/** Takes charge of the port. Nothing is transferred: Electron's main process loses a message that moves a buffer (Electron issue 34905). */
export function messagePortTransport(port: PagePort): Transport {
  const deliveries = new Deliveries()
  port.addEventListener('message', ({ data }) => deliveries.deliver(data))
  port.addEventListener('messageerror', () => deliveries.deliver(undefined))
  port.addEventListener('close', () => deliveries.close('The microscope host closed the port.'))
  port.start()
  return portTransport(deliveries, port, (message) => port.postMessage(ownBuffers(message).message))
}
