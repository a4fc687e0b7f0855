/** The window's side of the contract. It lives as long as its transport; reconnecting means a new transport and a new client. */
import { Emitter } from '../emitter.ts'
import { AppError, abortError, errorFromData } from '../errors.ts'
import type { Contract, Stream } from './contract.ts'
import { FrameReceiver } from './frame-receiver.ts'
import { FrameSender } from './frame-sender.ts'
import type { Remote, StreamFrame } from './remote.ts'
import type { Message, Transport } from './transport.ts'
import { asFrame, type ClientMessage, issuesOf, protocolVersion, type ServerMessage, serverMessageSchema } from './wire.ts'

export interface ClientOptions {
  /** Frames of a `down` stream that may be under way or waiting at once, 1…64. */
  readonly window?: number
  /** ms between signs of life asked of the host; two without an answer end the connection. 0: never ask. */
  readonly heartbeatMs?: number
  /** Listeners that threw, and answers that could not be read. Default: thrown as uncaught errors. */
  readonly onProblem?: (problem: unknown) => void
}

/** What waits for messages under an id. */
interface Waiting {
  message(message: Extract<ServerMessage, { id: number }>): void
  lost(error: AppError): void
}

/** Speaks `contract` over `transport`. Calls made after the connection was lost reject with ConnectionLost. */
export function createClient<C extends Contract>(contract: C, transport: Transport, options: ClientOptions = {}): Remote<C> {
  const { window = 2, heartbeatMs = 5000 } = options
  const waiting = new Map<number, Waiting>()
  const closes = new Emitter<string>()
  let nextId = 1
  let lost: AppError | null = null
  let reason: string | null = null
  let unanswered = 0

  const send = (message: ClientMessage) => transport.send(message)
  const problem =
    options.onProblem ??
    ((error: unknown) =>
      queueMicrotask(() => {
        throw error
      }))

  const open = (entry: Waiting): number => {
    const id = nextId++
    waiting.set(id, entry)
    return id
  }

  const receive = (raw: Message) => {
    unanswered = 0
    const frame = asFrame(raw)
    if (frame) {
      waiting.get(frame.id)?.message(frame)
      return
    }
    const parsed = serverMessageSchema.safeParse(raw)
    if (!parsed.success) {
      problem(new AppError('BadRequest', `The host sent a message that could not be read: ${issuesOf(parsed.error)}.`))
      return
    }
    const message = parsed.data
    if ('id' in message) waiting.get(message.id)?.message(message)
    else if (message.type === 'bye') reason = message.reason
    else if (message.type === 'hello' && message.version !== protocolVersion) {
      reason = `The host speaks version ${message.version} of the protocol, this window version ${protocolVersion}. Reload the window.`
      transport.close(reason)
    }
  }

  const heartbeat =
    heartbeatMs > 0
      ? setInterval(() => {
          if (unanswered >= 2) transport.close('The host does not answer any more.')
          else {
            unanswered++
            send({ type: 'ping' })
          }
        }, heartbeatMs)
      : undefined

  send({ type: 'hello', version: protocolVersion })
  transport.onMessage(receive)
  transport.onClose((said) => {
    clearInterval(heartbeat)
    reason ??= said
    lost = new AppError('ConnectionLost', reason)
    const left = [...waiting.values()]
    waiting.clear()
    for (const each of left) {
      try {
        each.lost(lost)
      } catch (error) {
        problem(error)
      }
    }
    closes.emit(reason)
  })

  const call = (name: string, input: unknown, signal?: AbortSignal) =>
    new Promise<unknown>((resolve, reject) => {
      if (signal?.aborted) throw abortError()
      if (lost) throw lost
      const settle = () => {
        waiting.delete(id)
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = () => {
        settle()
        send({ type: 'abort', id })
        reject(abortError())
      }
      const id = open({
        message(message) {
          if (message.type !== 'result' && message.type !== 'error') return
          settle()
          if (message.type === 'result') resolve(message.value)
          else reject(errorFromData(message.error))
        },
        lost(error) {
          settle()
          reject(error)
        },
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        send({ type: 'call', id, name, input })
      } catch (error) {
        settle()
        throw error
      }
    })

  const watch = (name: string, listener: (value: unknown) => void) => {
    if (lost) return () => undefined
    const id = open({
      message(message) {
        if (message.type === 'error') {
          waiting.delete(id)
          problem(errorFromData(message.error))
        }
        if (message.type !== 'value') return
        try {
          listener(message.value)
        } catch (error) {
          problem(error)
        }
        if (waiting.has(id)) send({ type: 'credit', id, count: 1 })
      },
      lost: () => undefined,
    })
    send({ type: 'subscribe', id, name })
    return () => {
      if (waiting.delete(id)) send({ type: 'unsubscribe', id })
    }
  }

  const receiveStream = (
    name: string,
    params: unknown,
    onFrame: (frame: StreamFrame<unknown>) => void | Promise<void>,
    onEnd: (error?: Error) => void = () => undefined,
  ) => {
    if (lost) {
      onEnd(lost)
      return () => undefined
    }
    const receiver: FrameReceiver<unknown> = new FrameReceiver<unknown>(onFrame, {
      credit: () => send({ type: 'credit', id, count: 1 }),
      close: () => send({ type: 'close', id }),
      onEnd: (error) => {
        waiting.delete(id)
        onEnd(error)
      },
    })
    const id = open({
      message(message) {
        if (message.type === 'frame') receiver.take({ header: message.header, bytes: message.bytes })
        else if (message.type === 'end') receiver.end()
        else if (message.type === 'error') receiver.end(errorFromData(message.error))
      },
      lost: (error) => receiver.lose(error),
    })
    send({ type: 'open', id, name, params, window })
    return () => {
      if (!waiting.delete(id)) return
      if (receiver.open) send({ type: 'close', id })
      receiver.stop()
    }
  }

  const sendStream = (name: string, params: unknown) => {
    let resolve: () => void = () => undefined
    let reject: (error: Error) => void = () => undefined
    const finished = new Promise<void>((yes, no) => {
      resolve = yes
      reject = no
    })
    // Whoever only sends hears of failures from `send`; an unobserved promise is not a fault of its own.
    finished.catch(() => undefined)
    const fail = (error: Error) => {
      waiting.delete(id)
      sender.close(error)
      reject(error)
    }
    const sender = new FrameSender<unknown>({
      policy: (contract[name] as Stream).policy,
      credit: 0,
      transmit: ({ header, bytes }) => send({ type: 'frame', id, header, bytes }),
      finish: () => send({ type: 'end', id }),
      fail: (error) => {
        send({ type: 'close', id })
        fail(error instanceof Error ? error : new Error(String(error)))
      },
    })
    const id = open({
      message(message) {
        if (message.type === 'credit') sender.grant(message.count)
        else if (message.type === 'error') fail(errorFromData(message.error))
        else if (message.type === 'result') {
          waiting.delete(id)
          sender.close(abortError('The host has taken the whole stream.'), true)
          resolve()
        }
      },
      lost: fail,
    })
    if (lost) fail(lost)
    else send({ type: 'open', id, name, params, window })
    return Object.assign(sender, { finished })
  }

  return {
    call: call as Remote<C>['call'],
    watch: watch as Remote<C>['watch'],
    receive: receiveStream as Remote<C>['receive'],
    send: sendStream as Remote<C>['send'],
    onClose(listener) {
      if (reason === null || !lost) return closes.on(listener)
      listener(reason)
      return () => undefined
    },
    close: () => transport.close('The window closed the connection.'),
  }
}
