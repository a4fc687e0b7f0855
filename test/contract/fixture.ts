/** A small contract with one name of every sort, its services, and every wire it must run over. */
import { MessageChannel } from 'node:worker_threads'
import { WebSocket } from 'ws'
import { createAccess } from '#main/ipc/access.ts'
import { startHttpServer } from '#main/ipc/http-server.ts'
import { electronPortTransport, nodePortTransport } from '#main/ipc/message-port.ts'
import { messagePortTransport } from '#renderer/transports/message-port.ts'
import { type PageSocket, webSocketTransport } from '#renderer/transports/web-socket.ts'
import { Cell, Emitter } from '#shared/emitter.ts'
import { AppError, abortError } from '#shared/errors.ts'
import { createClient } from '#shared/rpc/client.ts'
import { call, stream, topic } from '#shared/rpc/contract.ts'
import { memoryPair } from '#shared/rpc/memory.ts'
import type { Remote, Services, StreamFrame, StreamSink } from '#shared/rpc/remote.ts'
import { createCaller, type ServeOptions, serve } from '#shared/rpc/server.ts'
import type { Transport } from '#shared/rpc/transport.ts'
import { z } from '#shared/zod.ts'
import { electronPorts } from '#test/helpers/electron-ports.ts'

/** How long a test waits for what comes of itself: long enough for a busy machine. */
export const soon = { timeout: 30_000, interval: 5 }

const header = z.object({ n: z.number().int() })

export const contract = {
  add: call(z.object({ a: z.number(), b: z.number() }), z.number(), 'anyone'),
  echo: call(z.custom<unknown>(), z.custom<unknown>(), 'anyone'),
  wait: call(z.null(), z.null(), 'anyone'),
  fail: call(z.object({ how: z.enum(['device', 'unknown', 'abort']) }), z.null(), 'anyone'),
  lie: call(z.null(), z.number(), 'anyone'),
  secret: call(z.null(), z.object({ open: z.string() }), 'anyone'),
  write: call(z.null(), z.null()),
  state: topic(z.object({ n: z.number().int(), text: z.string() })),
  preview: stream('down', 'latest', z.object({ kind: z.string() }), header),
  dataset: stream('down', 'every', z.object({ frames: z.number().int() }), header),
  upload: stream('up', 'every', z.object({ name: z.string() }), header, 'anyone'),
  control: stream('up', 'every', z.null(), header, 'writer'),
} as const
export type TestContract = typeof contract

/** The services, and what the tests need to see and steer of them. */
export function createBackend() {
  const state = new Cell({ n: 0, text: 'first' })
  const frames = new Emitter<StreamFrame<{ n: number }>>()
  const seen = {
    state,
    frames,
    writer: null as string | null,
    waiting: 0,
    aborted: 0,
    subscribers: 0,
    previews: 0,
    previewSinks: [] as StreamSink<{ n: number }>[],
    sent: 0,
    uploaded: [] as { n: number; bytes: Uint8Array }[],
    uploadEnds: [] as string[],
    /** Uploads wait here before they take the next frame. */
    uploadGate: null as Promise<void> | null,
  }
  const services: Services<TestContract> = {
    mayWrite: ({ client }) => client === seen.writer,
    calls: {
      add: ({ a, b }) => a + b,
      echo: (value) => value,
      wait: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          seen.waiting++
          signal.addEventListener('abort', () => {
            seen.waiting--
            seen.aborted++
            reject(abortError())
          })
        }),
      fail: ({ how }) => {
        if (how === 'unknown') throw new Error('a screw is loose')
        if (how === 'abort') throw abortError('Somebody pressed stop.')
        const cause = new AppError('DeviceTimeout', 'No answer from port A.', { port: 'A' }, new Error('the cable'))
        throw new AppError('OutOfRange', 'x = 9 is beyond 5.', { x: 9, limits: [0, 5] }, cause)
      },
      lie: () => 'not a number' as unknown as number,
      secret: () => ({ open: 'yes', hidden: 'must not leave the host' }),
      write: () => null,
    },
    topics: {
      state: (listener) => {
        seen.subscribers++
        const stop = state.watch(listener)
        return () => {
          seen.subscribers--
          stop()
        }
      },
    },
    streamsDown: {
      preview: (_, sink) => {
        seen.previews++
        seen.previewSinks.push(sink)
        const stop = frames.on((frame) => void sink.send(frame).catch(() => undefined))
        return () => {
          seen.previews--
          stop()
        }
      },
      dataset: ({ frames: total }, sink) => {
        const produce = async () => {
          for (let n = 0; n < total && !sink.closed.aborted; n++) {
            seen.sent++
            await sink.send({ header: { n }, bytes: new Uint8Array([n & 255]) })
          }
          sink.end()
        }
        produce().catch(() => undefined)
        return () => undefined
      },
    },
    streamsUp: {
      upload: async ({ name }, chunks) => {
        if (name === 'forbidden') throw new AppError('StorageFull', 'No room for “forbidden”.')
        try {
          for await (const {
            header: { n },
            bytes,
          } of chunks) {
            await seen.uploadGate
            seen.uploaded.push({ n, bytes })
            if (name === 'first only') break
          }
          seen.uploadEnds.push('whole')
        } catch (error) {
          seen.uploadEnds.push(error instanceof Error ? error.name : String(error))
          throw error
        }
      },
      control: async () => undefined,
    },
  }
  return { services, seen }
}
export type Backend = ReturnType<typeof createBackend>

/** Two connected ends of one kind of wire. */
export interface Link {
  readonly client: Transport
  readonly server: Transport
}

export interface Wire {
  readonly name: string
  open(): Promise<{ connect(): Promise<Link>; close(): Promise<void> }>
}

export const wires: readonly Wire[] = [
  {
    name: 'memory',
    open: async () => ({
      connect: async () => {
        const [client, server] = memoryPair()
        return { client, server }
      },
      close: async () => undefined,
    }),
  },
  {
    name: 'Node MessagePort',
    open: async () => ({
      connect: async () => {
        const { port1, port2 } = new MessageChannel()
        return { client: nodePortTransport(port1), server: nodePortTransport(port2) }
      },
      close: async () => undefined,
    }),
  },
  {
    name: 'Electron MessagePort',
    open: async () => ({
      connect: async () => {
        const { main, page } = electronPorts()
        return { client: messagePortTransport(page), server: electronPortTransport(main) }
      },
      close: async () => undefined,
    }),
  },
  { name: 'WebSocket', open: openWebSockets },
]

async function openWebSockets(): ReturnType<Wire['open']> {
  const arrived: Transport[] = []
  const access = createAccess()
  const server = await startHttpServer({ rendererFolder: '/nowhere', access, onClient: (transport) => arrived.push(transport) })
  const cookie = await cookieOf(server.url)
  return {
    connect: async () => {
      const client = await webSocketTransport(`ws://127.0.0.1:${server.port}/rpc`, undefined, (url) => browserSocket(url, cookie))
      const accepted = arrived.shift()
      if (!accepted) throw new Error('the server saw no client')
      return { client, server: accepted }
    },
    close: () => server.close(),
  }
}

/** What a browser would use: `ws` has the same interface, and is told the cookie and the origin that a browser adds itself. */
export function browserSocket(url: string, cookie: string, origin = new URL(url).origin.replace('ws', 'http')): PageSocket {
  return new WebSocket(url, { headers: { cookie, origin }, perMessageDeflate: false }) as unknown as PageSocket
}

/** Visits a link and returns the cookie it was exchanged for. */
export async function cookieOf(link: string): Promise<string> {
  const response = await fetch(link, { redirect: 'manual', headers: { connection: 'close' } })
  return response.headers.get('set-cookie')?.split(';')[0] ?? ''
}

/** A client and its server over a fresh link. */
export function talk(link: Link, backend: Backend, options: ServeOptions & { client?: string; window?: number } = {}) {
  const problems: unknown[] = []
  const serverProblems: Error[] = []
  const server = serve(contract, backend.services, link.server, createCaller(link.server, options.client ?? 'tester'), {
    onProblem: (problem) => serverProblems.push(problem),
    ...options,
  })
  const { window } = options
  const remote: Remote<TestContract> = createClient(contract, link.client, {
    onProblem: (problem) => problems.push(problem),
    ...(window === undefined ? {} : { window }),
  })
  return { remote, server, problems, serverProblems }
}

/** Speaks the wire's messages without a client: for what an honest client would never send. */
export function speakRaw(transport: Transport) {
  const received: Record<string, unknown>[] = []
  let reason: string | null = null
  transport.onMessage((message) => received.push(message as Record<string, unknown>))
  transport.onClose((said) => {
    reason = said
  })
  return {
    received,
    get reason() {
      return reason
    },
    send: (message: unknown) => transport.send(message),
    of: (type: string) => received.filter((message) => message.type === type),
  }
}
