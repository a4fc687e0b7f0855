/** The contract over a `ws` socket: the host's end of a window in a browser, or a program's end of a connection to a host. */
import type { Duplex } from 'node:stream'
import type { RawData, WebSocket } from 'ws'
import { decode, encode, join } from '#shared/rpc/codec.ts'
import { Deliveries } from '#shared/rpc/deliveries.ts'
import type { Transport } from '#shared/rpc/transport.ts'

export interface WebSocketTransportOptions {
  /** Largest JSON part of a message taken, bytes. */
  readonly headBytes?: number
  /** The stream below the socket, if known: the pieces of a message then leave in one write. */
  readonly stream?: Duplex
  /** ms between pings; a peer that leaves two unanswered is taken for dead. 0: never ask. */
  readonly pingMs?: number
}

/** Below this, one write is cheaper than several. */
const joinBytes = 16 * 1024
/** How long a peer may take to say goodbye before it is hung up on. */
const goodbyeMs = 1000
/** Pings of the peer between two of ours: each makes us answer, so a flood of them is a flood. */
const maxPings = 100
/** What fits a close frame beside its code. */
const maxReasonBytes = 123

/** Takes charge of an open socket. Pixel bytes are written from where they lie: they must not change after `send`. */
export function webSocketTransport(
  socket: WebSocket,
  { headBytes = 2 ** 20, pingMs = 0, stream }: WebSocketTransportOptions = {},
): Transport {
  // As they came: joining them would copy every pixel once more.
  socket.binaryType = 'fragments'
  const deliveries = new Deliveries()
  let unanswered = 0
  let pings = 0
  let hangUp: NodeJS.Timeout | undefined

  const close = (reason: string) => {
    if (!deliveries.close(reason)) return
    clearInterval(heartbeat)
    socket.close(4000, shortened(reason))
    hangUp = setTimeout(() => socket.terminate(), goodbyeMs)
  }
  const heartbeat =
    pingMs > 0
      ? setInterval(() => {
          pings = 0
          if (unanswered >= 2) {
            close('The window does not answer any more.')
            socket.terminate()
          } else {
            unanswered++
            socket.ping()
          }
        }, pingMs)
      : undefined

  socket.on('message', (data, isBinary) => {
    if (!deliveries.closed) deliveries.deliver(isBinary ? read(data, headBytes) : undefined)
  })
  socket.on('pong', () => {
    unanswered = 0
  })
  socket.on('ping', () => {
    if (++pings > maxPings) close('The window sent too many pings.')
  })
  // Followed by `close`; the error itself (a reset, a frame too large) is the reason that counts.
  socket.on('error', ({ message }) => deliveries.close(`The connection failed: ${message}.`))
  socket.on('close', (_code, reason) => {
    clearInterval(heartbeat)
    clearTimeout(hangUp)
    deliveries.close(reason.toString() || 'The window closed the connection.')
  })

  return {
    send(message) {
      if (deliveries.closed || socket.readyState !== socket.OPEN) return
      const encoded = encode(message)
      if (encoded.byteLength < joinBytes || encoded.parts.length === 0) {
        socket.send(join(encoded))
        return
      }
      const last = encoded.parts.length - 1
      stream?.cork()
      socket.send(encoded.head, { binary: true, fin: false })
      encoded.parts.forEach((part, index) => {
        socket.send(part, { binary: true, fin: index === last })
      })
      stream?.uncork()
    },
    onMessage: (listener) => deliveries.onMessage(listener),
    onClose: (listener) => deliveries.onClose(listener),
    close: (reason = 'The connection was closed.') => close(reason),
    get bufferedBytes() {
      return socket.bufferedAmount
    },
  }
}

/** Undefined for what is not a message. */
function read(data: RawData, headBytes: number): unknown {
  try {
    return decode(data instanceof ArrayBuffer ? new Uint8Array(data) : data, { headBytes })
  } catch {
    return undefined
  }
}

function shortened(reason: string): Buffer {
  const bytes = Buffer.from(reason)
  let end = Math.min(bytes.byteLength, maxReasonBytes)
  // Not within a character: continuation bytes are 10xxxxxx.
  while (end < bytes.byteLength && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}
