/**
 * Previews through the contract over WebSocket, against the same pictures through a bare WebSocket. There, too, a picture needs its
 * header, or nobody could show it: a message of JSON before the pixels (without the histogram's counts, which the contract carries as
 * well), and nothing is checked.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { histogramOf } from '#main/analysis/histogram.ts'
import { webSocketTransport } from '#main/ipc/web-socket.ts'
import { type Api, api, type PreviewHeader } from '#shared/api.ts'
import { bytesOf } from '#shared/image/frame.ts'
import { createClient } from '#shared/rpc/client.ts'
import type { Services, StreamSink } from '#shared/rpc/remote.ts'
import { serve } from '#shared/rpc/server.ts'
import { interleaved, type Measured, median } from './measure.ts'

const side = 512
const frames = 100
const rounds = 60

export async function benchPreview(): Promise<Measured> {
  const data = Uint16Array.from({ length: side * side }, (_, i) => (i * 2654435761) & 0xfff)
  const bytes = bytesOf(data)
  const histogram = histogramOf(data)
  const { counts: _, ...limits } = histogram
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(server, 'listening')
  const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
  const connect = async (): Promise<[WebSocket, WebSocket, Duplex]> => {
    const client = new WebSocket(address, { perMessageDeflate: false })
    const [[accepted, request]] = await Promise.all([once(server, 'connection'), once(client, 'open')])
    return [accepted as WebSocket, client, (request as IncomingMessage).socket]
  }
  try {
    // The contract keeps a window of two frames; so does the bare socket, with a byte for a credit.
    const bare = async () => {
      const [host, client, stream] = await connect()
      client.binaryType = 'arraybuffer'
      const began = performance.now()
      let sent = 0
      let received = 0
      let header: unknown = null
      await new Promise<void>((resolve) => {
        const give = () => {
          if (sent === frames) return
          stream.cork()
          host.send(JSON.stringify({ ...previewHeader, histogram: limits, metadata: { ...previewHeader.metadata, frame: sent++ } }))
          host.send(bytes)
          stream.uncork()
        }
        host.on('message', give)
        client.on('message', (message: ArrayBuffer, isBinary) => {
          if (!isBinary) {
            header = JSON.parse(Buffer.from(message).toString())
            return
          }
          client.send('c')
          if (header && ++received === frames) resolve()
        })
        give()
        give()
      })
      const rate = (frames * 1000) / (performance.now() - began)
      client.terminate()
      return rate
    }
    const contract = async () => {
      const [host, client, stream] = await connect()
      let began = 0
      const produce = (sink: StreamSink<PreviewHeader>) => {
        began = performance.now()
        // The next frame is offered when the last one was taken, as fast as credits come.
        const offer = (frame: number): Promise<void> =>
          sink.send(() => {
            queueMicrotask(() => offer(frame + 1).catch(() => undefined))
            return { header: { ...previewHeader, histogram, metadata: { ...previewHeader.metadata, frame } }, bytes }
          })
        void offer(0)
        return () => undefined
      }
      const off = new AbortController()
      serve(api, previewServices(produce), webSocketTransport(host, { stream }), { client: 'bench', gone: off.signal })
      const remote = createClient(api, webSocketTransport(client))
      let received = 0
      await new Promise<void>((resolve) => {
        remote.receive('live.preview', { kind: 'raw' }, () => {
          if (++received === frames) resolve()
        })
      })
      const rate = (frames * 1000) / (performance.now() - began)
      remote.close()
      client.terminate()
      off.abort()
      return rate
    }
    // Both once for nothing: the first frames pay for compiling either way.
    await contract()
    await bare()
    const { a, b } = await interleaved(rounds, contract, bare)
    return {
      name: 'preview-efficiency',
      value: median(a) / median(b),
      unit: 'ratio',
      detail: `${side}² 16-bit previews, ${frames} a run: contract ${median(a).toFixed(0)} frames/s, bare WebSocket ${median(b).toFixed(0)} frames/s`,
      bar: { atLeast: 0.8 },
    }
  } finally {
    server.close()
    for (const client of server.clients) client.terminate()
  }
}

const previewHeader: Omit<PreviewHeader, 'histogram'> = {
  kind: 'raw',
  width: side,
  height: side,
  pixelType: 'uint16',
  metadata: {
    frame: 0,
    time: 0,
    exposureMs: 20,
    x: 0,
    y: 0,
    z: 0,
    objective: '10x',
    pixelSizeUm: 0.65,
    channel: 'FITC',
    emissionNm: 525,
    lightLevel: 50,
  },
  ageMs: 0,
  provenance: null,
  dropped: 0,
}

/** Services of which only the preview is ever asked. */
function previewServices(produce: (sink: StreamSink<PreviewHeader>) => () => void): Services<Api> {
  const only = { streamsDown: { 'live.preview': (_: unknown, sink: StreamSink<PreviewHeader>) => produce(sink) }, mayWrite: () => false }
  return only as unknown as Services<Api>
}
