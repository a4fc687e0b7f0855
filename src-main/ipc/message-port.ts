/** The contract over message ports: Node's, which move buffers, and Electron's, which copy everything but ports. */
import { ownBuffers } from '#shared/rpc/arrays.ts'
import { Deliveries } from '#shared/rpc/deliveries.ts'
import { portTransport } from '#shared/rpc/port.ts'
import type { Transport } from '#shared/rpc/transport.ts'

/** What is used of Node's `MessagePort`. */
export interface NodePort {
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'messageerror' | 'close', listener: () => void): unknown
  close(): void
}

/** What is used of Electron's `MessagePortMain`. */
export interface ElectronPort {
  postMessage(message: unknown): void
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown
  on(event: 'close', listener: () => void): unknown
  start(): void
  close(): void
}

const closedByOther = 'The other side closed the port.'

/** From this size on, copying once and moving the copy beats the two copies of a structured clone. */
const moveBytes = 64 * 1024

/** Takes charge of a Node port, e.g. to a worker thread. */
export function nodePortTransport(port: NodePort): Transport {
  const deliveries = new Deliveries()
  port.on('messageerror', () => deliveries.deliver(undefined))
  port.on('close', () => deliveries.close(closedByOther))
  port.on('message', (message) => deliveries.deliver(message))
  return portTransport(deliveries, port, (message, given) => {
    const own = ownBuffers(message, (array) => array.byteLength >= moveBytes && !given.includes(array.buffer as ArrayBuffer))
    port.postMessage(own.message, [...given, ...own.buffers])
  })
}

/** Takes charge of a port of Electron's main process. Buffers are copied: Electron cannot move them (Electron issue 34905). */
export function electronPortTransport(port: ElectronPort): Transport {
  const deliveries = new Deliveries()
  port.on('close', () => deliveries.close(closedByOther))
  port.on('message', ({ data }) => deliveries.deliver(data))
  port.start()
  return portTransport(deliveries, port, (message) => port.postMessage(ownBuffers(message).message))
}
