/**
 * The host's side of the contract, for one client. Whatever comes in may be hostile: every message is weighed, checked against the
 * wire's schema and then against the contract's; what goes out is checked too, so that the window can rely on it.
 */
import type { Unsubscribe } from '../emitter.ts'
import { AppError, abortError, type ErrorKind, errorToData, isAbort } from '../errors.ts'
import type { z } from '../zod.ts'
import type { Call, Contract, Entry, Stream, Topic } from './contract.ts'
import { FrameQueue } from './frame-queue.ts'
import { FrameSender } from './frame-sender.ts'
import { defaultLimits, FloodGate, type ServerLimits } from './limits.ts'
import type { Caller, Services, StreamSink } from './remote.ts'
import type { Message, Transport } from './transport.ts'
import {
  answerableId,
  asCredit,
  type ClientMessage,
  clientMessageSchema,
  creditWeight,
  issuesOf,
  protocolVersion,
  type ServerMessage,
  type Weight,
  weigh,
} from './wire.ts'

export interface ServeOptions {
  readonly limits?: Partial<ServerLimits>
  /** What went wrong without anybody to answer to: hostile clients that were cut off, answers that break the contract. For the log. */
  readonly onProblem?: (problem: AppError) => void
}

/** Frames an `up` stream may send ahead. */
const upWindow = 2

/** Names a client for as long as its transport lives. */
export function createCaller(transport: Transport, client: string = crypto.randomUUID()): Caller {
  const gone = new AbortController()
  transport.onClose((reason) => gone.abort(new AppError('ConnectionLost', reason)))
  return { client, gone: gone.signal }
}

/**
 * Answers one client until its transport closes; then its calls are aborted, its streams closed and its topics unsubscribed.
 * Disposing says goodbye and closes the transport.
 */
export function serve<C extends Contract>(
  contract: C,
  services: Services<C>,
  transport: Transport,
  caller: Caller,
  options: ServeOptions = {},
): Disposable {
  const connection = new Connection(contract, services as unknown as AnyServices, transport, caller, options)
  return { [Symbol.dispose]: () => connection.cut('The host is closing.') }
}

/** Services without their types: what the contract's schemas check at run time. */
interface AnyServices {
  readonly calls: Record<string, (input: unknown, context: Caller & { readonly signal: AbortSignal }) => unknown>
  readonly topics: Record<string, (listener: (value: unknown) => void, caller: Caller) => Unsubscribe>
  readonly streamsDown: Record<string, (params: unknown, sink: StreamSink<unknown>, caller: Caller) => Unsubscribe>
  readonly streamsUp: Record<string, (params: unknown, frames: FrameQueue<unknown>, caller: Caller) => Promise<void>>
  readonly mayWrite: (caller: Caller) => boolean
}

type Of<T extends ClientMessage['type']> = Extract<ClientMessage, { type: T }>

/** Something open under an id. */
type Open =
  | { readonly kind: 'call'; readonly controller: AbortController; readonly bytes: number }
  | { readonly kind: 'topic'; readonly credit: () => boolean; readonly stop: Unsubscribe }
  | { readonly kind: 'down'; readonly sender: FrameSender<unknown>; readonly window: number; stop: Unsubscribe }
  | { readonly kind: 'up'; readonly name: string; readonly header: z.ZodType; readonly queue: FrameQueue<unknown>; credit: number }

class Connection {
  readonly #contract: Contract
  readonly #services: AnyServices
  readonly #transport: Transport
  readonly #caller: Caller
  readonly #limits: ServerLimits
  readonly #onProblem: (problem: AppError) => void
  readonly #gate: FloodGate
  readonly #open = new Map<number, Open>()
  readonly #unlisten: Unsubscribe
  #pendingBytes = 0
  #malformed = 0
  #greeted = false
  #closed = false

  constructor(contract: Contract, services: AnyServices, transport: Transport, caller: Caller, options: ServeOptions) {
    this.#contract = contract
    this.#services = services
    this.#transport = transport
    this.#caller = caller
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#gate = new FloodGate(this.#limits.messagesPerSecond)
    this.#onProblem = options.onProblem ?? (() => undefined)
    this.#send({ type: 'hello', version: protocolVersion })
    this.#unlisten = transport.onMessage((message) => this.#receive(message))
    transport.onClose((reason) => this.#release(reason))
  }

  /** Ends the connection with a reason that the other side is told. */
  cut(reason: string): void {
    if (this.#closed) return
    this.#send({ type: 'bye', reason })
    this.#release(reason)
    this.#transport.close(reason)
  }

  #receive(raw: Message): void {
    if (this.#closed) return
    const credit = asCredit(raw)
    const weight = credit ? creditWeight : weigh(raw)
    const parsed = credit ? { success: true as const, data: credit, error: undefined } : weight && clientMessageSchema.safeParse(raw)
    if (!weight || !parsed?.success) {
      const id = answerableId(raw)
      if (id !== null && this.#greeted && !this.#open.has(id))
        this.#refuse(id, 'BadRequest', `The message was malformed${parsed?.error ? `: ${issuesOf(parsed.error)}` : ''}.`)
      this.#suspect(weight)
      return
    }
    const message = parsed.data
    if (!this.#greeted && message.type !== 'hello') this.cut('The window did not say which version of the protocol it speaks.')
    else if (!this.#isGranted(message) && !this.#gate.admit(weight)) this.#cutHostile('it sent too many requests at once')
    else {
      try {
        this.#handle(message, weight)
      } catch (error) {
        this.#onProblem(new AppError('Internal', 'A message from a window could not be handled.', {}, error))
      }
    }
  }

  /** Credits and frames that we asked for limit themselves. */
  #isGranted(message: ClientMessage): boolean {
    if (message.type !== 'credit' && message.type !== 'frame') return false
    const open = this.#open.get(message.id)
    return message.type === 'frame' ? open?.kind === 'up' && open.credit > 0 : open !== undefined && open.kind !== 'call'
  }

  #handle(message: ClientMessage, weight: Weight): void {
    switch (message.type) {
      case 'hello':
        this.#greet(message)
        break
      case 'ping':
        this.#send({ type: 'pong' })
        break
      case 'call':
        if (this.#mayOpen(message, 'call', this.#limits.calls)) void this.#call(message, weight)
        break
      case 'subscribe':
        if (this.#mayOpen(message, 'topic', this.#limits.subscriptions)) this.#subscribe(message)
        break
      case 'open':
        if (this.#mayOpen(message, 'stream', this.#limits.streams)) this.#openStream(message)
        break
      case 'credit':
        this.#credit(message)
        break
      case 'frame':
        this.#frame(message)
        break
      default:
        this.#finish(message)
    }
  }

  #greet({ version }: Of<'hello'>): void {
    if (version !== protocolVersion)
      this.cut(`This window speaks version ${version} of the protocol, the host version ${protocolVersion}. Reload the window.`)
    else if (this.#greeted) this.#suspect(null)
    this.#greeted = true
  }

  /** Checks name, id and number before anything is made. Whatever is known by the contract is implemented by the services. */
  #mayOpen({ id, name, type }: { id: number; name: string; type: string }, verb: Entry['verb'], limit: number): boolean {
    if (this.#open.has(id)) {
      this.#suspect(null)
      return false
    }
    const entry = this.#entry(name)
    if (entry?.verb !== verb) {
      this.#refuse(id, 'BadRequest', `There is no “${name.slice(0, 80)}” to ${type}.`)
      this.#suspect(null)
      return false
    }
    const kinds = verb === 'stream' ? ['down', 'up'] : [verb]
    if ([...this.#open.values()].filter(({ kind }) => kinds.includes(kind)).length >= limit) {
      this.#refuse(id, 'Busy', `This window has ${limit} requests of this sort open already.`)
      return false
    }
    if (entry.verb !== 'topic' && entry.by === 'writer' && !this.#services.mayWrite(this.#caller)) {
      this.#refuse(id, 'NotPermitted', 'Another window is in control of the microscope. Take control first.')
      return false
    }
    return true
  }

  async #call({ id, name, input }: Of<'call'>, { bytes }: Weight): Promise<void> {
    const entry = this.#entry(name) as Call
    const controller = new AbortController()
    if (!this.#hold(bytes)) return
    this.#open.set(id, { kind: 'call', controller, bytes })
    let answer: ServerMessage
    try {
      const parsed = this.#check(entry.input, input, `The request “${name}”`)
      const value = await this.#services.calls[name]?.(parsed, { ...this.#caller, signal: controller.signal })
      answer = { type: 'result', id, value: this.#checkOwn(entry.output, value, name) }
    } catch (error) {
      // Whatever a service makes of an abort, the one who aborted hears that it was aborted.
      answer = { type: 'error', id, error: errorToData(controller.signal.aborted && !isAbort(error) ? abortError() : error) }
    }
    this.#pendingBytes -= bytes
    this.#open.delete(id)
    this.#answer(answer)
  }

  #subscribe({ id, name }: Of<'subscribe'>): void {
    const { snapshot } = this.#entry(name) as Topic
    let waiting: { value: unknown } | null = null
    let taken = true
    const push = () => {
      if (!taken || !waiting) return
      const { value } = waiting
      waiting = null
      taken = false
      try {
        this.#answer({ type: 'value', id, value: this.#checkOwn(snapshot, value, name) })
      } catch (error) {
        this.#drop(id, error)
      }
    }
    const credit = () => {
      if (taken) return false
      taken = true
      push()
      return true
    }
    let stop: Unsubscribe | undefined
    const open: Open = { kind: 'topic', credit, stop: () => stop?.() }
    this.#open.set(id, open)
    try {
      stop = this.#services.topics[name]?.((value) => {
        if (this.#open.get(id) !== open) return
        waiting = { value }
        push()
      }, this.#caller)
    } catch (error) {
      this.#drop(id, error)
    }
    if (this.#open.get(id) !== open) stop?.()
  }

  #openStream(message: Of<'open'>): void {
    const entry = this.#entry(message.name) as Stream
    try {
      const params = this.#check(entry.params, message.params, `The request “${message.name}”`)
      if (entry.direction === 'down') this.#openDown(message, entry, params)
      else this.#openUp(message, entry, params)
    } catch (error) {
      this.#drop(message.id, error)
    }
  }

  #openDown({ id, name, window }: Of<'open'>, entry: Stream, params: unknown): void {
    const sender = new FrameSender<unknown>({
      policy: entry.policy,
      credit: window,
      // With none under way no credit would come to ask again.
      full: (credit) => credit < window && this.#transport.bufferedBytes > this.#limits.holdBytes,
      transmit: ({ header, bytes }) => this.#answer({ type: 'frame', id, header: this.#checkOwn(entry.header, header, name), bytes }),
      finish: () => {
        this.#answer({ type: 'end', id })
        this.#close(id)
      },
      fail: (error) => this.#drop(id, error),
    })
    const open: Open = { kind: 'down', sender, window, stop: () => undefined }
    this.#open.set(id, open)
    const stop = this.#services.streamsDown[name]?.(params, sender, this.#caller)
    if (!stop) return
    if (this.#open.get(id) === open) open.stop = stop
    else stop()
  }

  #openUp({ id, name }: Of<'open'>, entry: Stream, params: unknown): void {
    const queue = new FrameQueue<unknown>({
      onReleased: (bytes) => {
        this.#pendingBytes -= bytes
      },
      onHandled: () => {
        if (this.#open.get(id) !== open || !queue.open) return
        open.credit++
        this.#answer({ type: 'credit', id, count: 1 })
      },
    })
    const open: Open & { kind: 'up' } = { kind: 'up', name, header: entry.header, queue, credit: upWindow }
    this.#open.set(id, open)
    this.#answer({ type: 'credit', id, count: upWindow })
    const task = async () => this.#services.streamsUp[name]?.(params, queue, this.#caller)
    void task().then(
      () => {
        if (this.#open.get(id) !== open) return
        this.#answer({ type: 'result', id, value: null })
        this.#close(id)
      },
      (error: unknown) => {
        if (this.#open.get(id) === open) this.#drop(id, error)
      },
    )
  }

  #credit({ id, count }: Of<'credit'>): void {
    const open = this.#open.get(id)
    // For something that has just ended: late, not wrong.
    if (!open) return
    if (open.kind === 'topic' && count === 1 && open.credit()) return
    if (open.kind === 'down' && open.sender.credit + count <= open.window) open.sender.grant(count)
    else if (open.kind === 'down' || open.kind === 'topic') this.#suspect(null)
  }

  #frame({ id, header, bytes }: Of<'frame'>): void {
    const open = this.#open.get(id)
    if (!open) return
    if (open.kind !== 'up' || open.credit === 0) {
      this.#suspect(null)
      return
    }
    if (!this.#hold(bytes.byteLength)) return
    open.credit--
    try {
      const checked = this.#check(open.header, header, `A frame of “${open.name}”`)
      if (open.queue.open) open.queue.push({ header: checked, bytes })
      else this.#pendingBytes -= bytes.byteLength
    } catch (error) {
      this.#pendingBytes -= bytes.byteLength
      this.#drop(id, error)
    }
  }

  /** Abort, unsubscribe, end and close; without effect on what has just ended by itself. */
  #finish({ type, id }: Of<'abort' | 'unsubscribe' | 'end' | 'close'>): void {
    const open = this.#open.get(id)
    if (type === 'abort' && open?.kind === 'call') open.controller.abort(abortError())
    else if (type === 'end' && open?.kind === 'up') open.queue.end()
    else if (type === 'unsubscribe' && open?.kind === 'topic') this.#close(id)
    else if (type === 'close' && (open?.kind === 'down' || open?.kind === 'up')) this.#close(id)
  }

  /** Ends what is open under an id, without a word to the client. */
  #close(id: number, reason: unknown = abortError('The other side closed the stream.')): void {
    const open = this.#open.get(id)
    if (!open) return
    this.#open.delete(id)
    if (open.kind === 'call') open.controller.abort(reason)
    if (open.kind === 'down') open.sender.close(reason)
    if (open.kind === 'up') open.queue.fail(reason)
    if (open.kind === 'topic' || open.kind === 'down') this.#guard(open.stop)
  }

  /** Ends what is open under an id with an error for the client. */
  #drop(id: number, error: unknown): void {
    this.#answer({ type: 'error', id, error: errorToData(error) })
    this.#close(id, error)
  }

  #release(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#unlisten()
    const lost = new AppError('ConnectionLost', `The window is gone: ${reason}`)
    for (const id of [...this.#open.keys()]) this.#close(id, this.#open.get(id)?.kind === 'call' ? abortError() : lost)
  }

  #entry(name: string): Entry | undefined {
    return Object.hasOwn(this.#contract, name) ? this.#contract[name] : undefined
  }

  #check(schema: z.ZodType, value: unknown, what: string): unknown {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    throw new AppError('BadRequest', `${what} is malformed: ${issuesOf(parsed.error)}.`)
  }

  #checkOwn(schema: z.ZodType, value: unknown, name: string): unknown {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    const problem = new AppError('Internal', `The host's answer to “${name}” breaks the contract: ${issuesOf(parsed.error)}.`)
    this.#onProblem(problem)
    throw problem
  }

  /** Counts bytes as pending, or cuts a client that has too many. */
  #hold(bytes: number): boolean {
    if (this.#pendingBytes + bytes > this.#limits.pendingBytes) {
      this.#cutHostile(`it sent more than ${this.#limits.pendingBytes} bytes ahead`)
      return false
    }
    this.#pendingBytes += bytes
    return true
  }

  #suspect(weight: Weight | null): void {
    this.#malformed++
    if (this.#malformed > this.#limits.malformed) this.#cutHostile('it sent too many malformed messages')
    else if (weight && !this.#gate.admit(weight)) this.#cutHostile('it sent too many requests at once')
  }

  #cutHostile(why: string): void {
    this.#onProblem(new AppError('BadRequest', `The window ${this.#caller.client} was disconnected because ${why}.`))
    this.cut(`The host closed the connection because ${why.replace(/^it /, 'this window ')}.`)
  }

  #refuse(id: number, kind: ErrorKind, message: string): void {
    this.#answer({ type: 'error', id, error: errorToData(new AppError(kind, message)) })
  }

  #answer(message: ServerMessage): void {
    if (this.#closed) return
    this.#send(message)
    if (this.#transport.bufferedBytes > this.#limits.unreadBytes) this.#cutHostile('it does not take what it asked for')
  }

  #send(message: ServerMessage): void {
    try {
      this.#transport.send(message)
    } catch (error) {
      // A value that passed its schema and still cannot be cloned or written.
      this.#onProblem(new AppError('Internal', 'An answer could not be sent.', {}, error))
      if ('id' in message && message.type !== 'error')
        this.#transport.send({
          type: 'error',
          id: message.id,
          error: errorToData(new AppError('Internal', 'The answer could not be sent.')),
        })
    }
  }

  /** A service's own clean-up must not keep the others from theirs. */
  #guard(stop: Unsubscribe): void {
    try {
      stop()
    } catch (error) {
      this.#onProblem(new AppError('Internal', 'A service failed while it was being closed.', {}, error))
    }
  }
}
