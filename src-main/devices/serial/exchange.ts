/**
 * Requests and replies on one port: one request at a time, by priority, with time limits and retries.
 *
 *   queued ──write──▶ pending ──matching line──▶ resolved
 *     │                  ├── refusal line ─────▶ DeviceRefused
 *     │                  └── time limit ───────▶ queued again (retries left), else DeviceTimeout
 *     └── stop, abort ─▶ AbortError; a pending one stays as a ghost that swallows its own reply
 *
 * Nothing is written before the last reply has come, so at most one line is ever in the kernel. Only a stop does not wait: it goes
 * out right after the line being written, and cancels queued commands. Replies carry no number, so they are matched by order and by
 * shape. After a time limit a late reply may still be under way and look like the next one: then the last matching line of a short
 * settling time counts.
 */
import { AppError, abortError } from '#shared/errors.ts'
import { LineFraming, visible } from './framing.ts'
import type { Port } from './port.ts'

/** A stop overtakes everything; a command goes before a poll. */
export type Priority = 'stop' | 'command' | 'poll'

export interface Request<T> {
  /** Without its line end. */
  readonly command: string
  /** Shape of the reply's first line. Everything else but a refusal is noise. */
  readonly reply: RegExp
  /** Called with the reply, its lines joined by LF. */
  readonly parse: (reply: string) => T
  /** Default `command`. */
  readonly priority?: Priority
  /** Lines of the reply; default 1. */
  readonly lines?: number
  /** Default: the exchange's. */
  readonly timeoutMs?: number
  /** How often to send again after a time limit. Only where sending twice does no harm. Default 0. */
  readonly retries?: number
}

export interface ExchangeOptions {
  /** For messages: "ASI MS-2000". */
  readonly device: string
  /** Ends every command; default CR. */
  readonly terminator?: string
  /** Default 500 ms. */
  readonly timeoutMs?: number
  /** How long to wait for a second answer after a time limit; default 60 ms. */
  readonly settleMs?: number
  /** The reason in words if the line is a refusal, else null. */
  readonly refusal?: (line: string) => string | null
}

interface Entry {
  readonly request: Request<unknown>
  readonly finish: (error: Error | null, reply: string) => void
  /** The caller has its answer already; the entry lives on to swallow the device's. */
  ghost: boolean
  attempts: number
  timer: NodeJS.Timeout | undefined
  lines: string[]
  /** What came instead of an answer, for messages. */
  noise: string[]
}

const NOISE_KEPT = 8

export class Exchange implements Disposable {
  readonly #port: Port
  readonly #options: ExchangeOptions
  readonly #framing = new LineFraming()
  readonly #queue: Record<'command' | 'poll', Entry[]> = { command: [], poll: [] }
  readonly #pending: Entry[] = []
  #late = false
  #closed: Error | undefined

  /** Called once when the port is lost. */
  onDisconnect: (error: AppError) => void = () => {}

  /** Takes over the port's listeners; the caller still closes the port. */
  constructor(port: Port, options: ExchangeOptions) {
    this.#port = port
    this.#options = options
    port.onData = (chunk) => this.#receive(chunk)
    port.onDisconnect = (error) => {
      this.#fail(error)
      this.onDisconnect(error)
    }
  }

  get port(): Port {
    return this.#port
  }

  /** Rejects with DeviceRefused, DeviceTimeout, DeviceDisconnected or AbortError. */
  send<T>(request: Request<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(abortError())
      if (this.#closed) return reject(this.#closed)
      const finish = (error: Error | null, reply: string) => {
        signal?.removeEventListener('abort', onAbort)
        if (error) return reject(error)
        try {
          resolve(request.parse(reply))
        } catch (cause) {
          reject(cause)
        }
      }
      const entry: Entry = { request, finish, ghost: false, attempts: 0, timer: undefined, lines: [], noise: [] }
      const onAbort = () => this.#cancel(entry)
      signal?.addEventListener('abort', onAbort, { once: true })
      if (request.priority === 'stop') this.#stop(entry)
      else {
        this.#queue[request.priority ?? 'command'].push(entry)
        this.#pump()
      }
    })
  }

  /** Rejects whatever waits. */
  [Symbol.dispose](): void {
    this.#fail(abortError(`The connection to the ${this.#options.device} was closed.`))
    this.#port.onData = () => {}
    this.#port.onDisconnect = () => {}
  }

  #stop(entry: Entry): void {
    for (const other of [...this.#queue.command, ...this.#pending]) {
      if ((other.request.priority ?? 'command') === 'command') this.#cancel(other)
    }
    this.#write(entry)
  }

  #cancel(entry: Entry): void {
    const queue = this.#queue[entry.request.priority === 'poll' ? 'poll' : 'command']
    const at = queue.indexOf(entry)
    if (at >= 0) queue.splice(at, 1)
    if (entry.ghost) return
    entry.ghost = true
    entry.finish(abortError(), '')
  }

  #pump(): void {
    if (this.#pending.length > 0 || this.#closed) return
    const next = this.#queue.command.shift() ?? this.#queue.poll.shift()
    if (!next) return
    // What lies in the receiver was there before the question and cannot be its answer.
    this.#framing.reset()
    this.#write(next)
  }

  #write(entry: Entry): void {
    entry.attempts++
    entry.lines = []
    this.#pending.push(entry)
    const timeoutMs = entry.request.timeoutMs ?? this.#options.timeoutMs ?? 500
    entry.timer = setTimeout(() => this.#expire(entry, timeoutMs), timeoutMs)
    this.#port.write(Buffer.from(entry.request.command + (this.#options.terminator ?? '\r'), 'latin1'))
  }

  #receive(chunk: Uint8Array): void {
    for (const line of this.#framing.push(chunk)) this.#line(line)
  }

  #line(line: string): void {
    const refusal = this.#options.refusal?.(line) ?? null
    const entry =
      this.#pending.find(({ request, lines }) => (request.lines ?? 1) > lines.length && lines.length > 0) ??
      this.#pending.find(({ request }) => request.reply.test(line)) ??
      (refusal === null ? undefined : this.#pending[0])
    if (!entry) {
      const noise = this.#pending[0]?.noise
      if (noise && noise.length < NOISE_KEPT) noise.push(line)
      return
    }
    const settled = (entry.request.lines ?? 1) === 1
    if (settled) entry.lines = [line]
    else entry.lines.push(line)
    if (entry.lines.length < (entry.request.lines ?? 1)) return
    const refused = refusal !== null && !entry.request.reply.test(entry.lines[0] ?? '') ? refusal : null
    if (this.#late && settled && this.#pending.length === 1 && entry.request.priority !== 'stop') this.#settle(entry, refused)
    else this.#complete(entry, refused)
  }

  /** The line may be the late answer to a request that was given up: wait whether another one follows. */
  #settle(entry: Entry, refused: string | null): void {
    clearTimeout(entry.timer)
    entry.timer = setTimeout(() => {
      this.#late = false
      this.#complete(entry, refused)
    }, this.#options.settleMs ?? 60)
  }

  #complete(entry: Entry, refused: string | null): void {
    this.#release(entry)
    const reply = entry.lines.join('\n')
    if (!entry.ghost) {
      entry.ghost = true
      entry.finish(refused === null ? null : this.#refusalError(entry, reply, refused), reply)
    }
    this.#pump()
  }

  #expire(entry: Entry, timeoutMs: number): void {
    this.#release(entry)
    this.#late = true
    if (!entry.ghost) {
      if (entry.attempts <= (entry.request.retries ?? 0)) {
        if (entry.request.priority === 'stop') this.#write(entry)
        else this.#queue[entry.request.priority ?? 'command'].unshift(entry)
      } else {
        entry.ghost = true
        entry.finish(this.#timeoutError(entry, timeoutMs), '')
      }
    }
    this.#pump()
  }

  #release(entry: Entry): void {
    clearTimeout(entry.timer)
    const at = this.#pending.indexOf(entry)
    if (at >= 0) this.#pending.splice(at, 1)
  }

  #fail(error: Error): void {
    if (this.#closed) return
    this.#closed = error
    const all = [...this.#pending.splice(0), ...this.#queue.command.splice(0), ...this.#queue.poll.splice(0)]
    for (const entry of all) {
      clearTimeout(entry.timer)
      if (entry.ghost) continue
      entry.ghost = true
      entry.finish(error, '')
    }
  }

  #refusalError(entry: Entry, reply: string, reason: string): AppError {
    const { device } = this.#options
    const info = this.#info(entry, reply)
    const message = `The ${device} on ${this.#port.path} rejected "${entry.request.command}": ${reason} (it answered "${info.received}").`
    return new AppError('DeviceRefused', message, info)
  }

  #timeoutError(entry: Entry, timeoutMs: number): AppError {
    const { device } = this.#options
    const info = this.#info(entry, [...entry.noise, ...entry.lines, this.#framing.pending].filter(Boolean).join('\n'))
    const got = info.received ? `received only "${info.received}"` : 'received nothing'
    const tries = entry.attempts > 1 ? `, ${entry.attempts} times` : ''
    const message = `The ${device} on ${this.#port.path} did not answer within ${timeoutMs} ms${tries}: sent "${info.sent}", ${got}.`
    return new AppError('DeviceTimeout', message, info)
  }

  #info(entry: Entry, received: string): { path: string; sent: string; received: string } {
    const sent = visible(entry.request.command + (this.#options.terminator ?? '\r'))
    return { path: this.#port.path, sent, received: visible(received) }
  }
}
