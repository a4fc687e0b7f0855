/** Worker thread that judges pictures one after the other: transforms and fits have no place on the host's event loop. */
import { parentPort } from 'node:worker_threads'
import { errorToData } from '#shared/errors.ts'
import { judge } from './judge.ts'
import { judgeAnswer } from './judge-answer.ts'
import type { ThreadQuestion, ThreadReply } from './thread.ts'

const port = parentPort
if (!port) throw new Error('This program runs as a worker thread of Deepscope only.')

port.on('message', ({ id, ...question }: { id: number } & ThreadQuestion) => {
  const reply = (message: ThreadReply, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  try {
    if (question.of === 'answer') {
      reply({ id, judgement: judgeAnswer(question.request) })
      return
    }
    const judgement = judge(question.request)
    // Two maps may share a buffer, which can be transferred once.
    const buffers = new Set(judgement.maps.map(({ bytes }) => bytes.buffer as ArrayBuffer))
    reply({ id, judgement }, [...buffers])
  } catch (error) {
    reply({ id, error: errorToData(error) })
  }
})
