/** Worker thread that judges pictures one after the other: transforms and fits have no place on the host's event loop. */
import { parentPort } from 'node:worker_threads'
import { errorToData } from '#shared/errors.ts'
import { type JudgeRequest, judge } from './judge.ts'
import type { ThreadReply } from './thread.ts'

const port = parentPort
if (!port) throw new Error('This program runs as a worker thread of Deepscope only.')

port.on('message', ({ id, request }: { id: number; request: JudgeRequest }) => {
  const reply = (message: ThreadReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  try {
    const judgement = judge(request)
    // Two maps may share a buffer, which can be transferred once.
    const buffers = new Set(judgement.maps.map(({ bytes }) => bytes.buffer as ArrayBuffer))
    reply({ id, judgement }, [...buffers])
  } catch (error) {
    reply({ id, error: errorToData(error) })
  }
})
