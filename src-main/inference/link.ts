/** The inference process's end of the line to the host: a socket from plain Node, a message port from Electron. */
import { Socket } from 'node:net'
import { encodePacket, type Packet, PacketReader } from './wire.ts'

export interface Link {
  /** Resolves when the bytes have left this process: the next network would otherwise hold them back while it runs. */
  send(header: unknown, parts: readonly Uint8Array[]): Promise<void>
  onPacket(listener: (packet: Packet) => void): void
  /** The host has gone. */
  onClose(listener: () => void): void
}

/** The part of Electron's `process.parentPort` that is used. */
export interface ParentPortLike {
  postMessage(message: unknown): void
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown
}

export function connectToHost(): Link {
  const port = (process as { parentPort?: ParentPortLike }).parentPort
  return port ? portLink(port) : socketLink(new Socket({ fd: 3, readable: true, writable: true }))
}

export function socketLink(socket: Socket): Link {
  return {
    send(header, parts) {
      return new Promise((resolve) => {
        const packet = encodePacket(header, parts)
        socket.cork()
        packet.forEach((bytes, index) => {
          // A failed write means that the host has gone, which `onClose` tells.
          socket.write(bytes, index === packet.length - 1 ? () => resolve() : undefined)
        })
        socket.uncork()
      })
    },
    onPacket(listener) {
      const reader = new PacketReader(listener)
      socket.on('data', (chunk: Buffer) => reader.push(chunk))
    },
    onClose(listener) {
      socket.on('error', () => undefined)
      socket.once('close', listener)
      socket.once('end', listener)
    },
  }
}

/** Electron ends a utility process together with its parent, so nothing needs to be watched. */
export function portLink(port: ParentPortLike): Link {
  return {
    send(header, parts) {
      const [only] = parts
      port.postMessage({ header, payload: parts.length === 1 ? only : Buffer.concat(parts) })
      return Promise.resolve()
    },
    onPacket: (listener) => void port.on('message', ({ data }) => listener(data as Packet)),
    onClose: () => undefined,
  }
}
