/** The contract over the browser's WebSocket. Reconnecting is the caller's: open a new one and make a new client. */
import { AppError, abortError } from '#shared/errors.ts'
import { decode, encode, join } from '#shared/rpc/codec.ts'
import { Deliveries } from '#shared/rpc/deliveries.ts'
import type { Transport } from '#shared/rpc/transport.ts'

/** What is used of the browser's `WebSocket`. */
export interface PageSocket {
  binaryType: string
  readonly bufferedAmount: number
  addEventListener(type: 'open' | 'error', listener: () => void): void
  addEventListener(type: 'close', listener: (event: { readonly reason: string }) => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
}

/** The host's lists of sessions and frames may be long. */
const headBytes = 64 * 2 ** 20

/**
 * Connects to the host, e.g. `ws://127.0.0.1:8123/rpc`. Rejects with ConnectionLost, also where the host refuses (the browser does
 * not say why), or with AbortError.
 */
export function webSocketTransport(
  url: string,
  signal?: AbortSignal,
  create: (url: string) => PageSocket = (address) => new WebSocket(address),
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw abortError()
    const socket = create(url)
    socket.binaryType = 'arraybuffer'
    const deliveries = new Deliveries()
    const onAbort = () => {
      socket.close()
      reject(abortError())
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.addEventListener('error', () => undefined)
    socket.addEventListener('close', ({ reason }) => {
      signal?.removeEventListener('abort', onAbort)
      reject(new AppError('ConnectionLost', 'The microscope host cannot be reached.'))
      deliveries.close(reason || 'The connection to the microscope host was lost.')
    })
    socket.addEventListener('message', ({ data }) => deliveries.deliver(read(data)))
    socket.addEventListener('open', () => {
      signal?.removeEventListener('abort', onAbort)
      if (!signal?.aborted) resolve(transportOver(socket, deliveries))
    })
  })
}

function transportOver(socket: PageSocket, deliveries: Deliveries): Transport {
  return {
    send(message) {
      if (!deliveries.closed) socket.send(join(encode(message)))
    },
    onMessage: (listener) => deliveries.onMessage(listener),
    onClose: (listener) => deliveries.onClose(listener),
    close(reason = 'The window closed the connection.') {
      // 4000: the first code that is the application's own. The sentence stays here: a close frame holds 123 bytes.
      if (deliveries.close(reason)) socket.close(4000)
    },
    get bufferedBytes() {
      return socket.bufferedAmount
    },
  }
}

/** Undefined for what is not a message. */
function read(data: unknown): unknown {
  if (!(data instanceof ArrayBuffer)) return undefined
  try {
    return decode(new Uint8Array(data), { headBytes })
  } catch {
    return undefined
  }
}
