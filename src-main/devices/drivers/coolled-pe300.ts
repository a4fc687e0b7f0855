/**
 * CoolLED pE-300 (and, without changing its wavelengths, pE-4000): the bytes and the light source.
 *
 *   device  CoolLED precisExcite, Hello, CR LF  pleased to meet you CR LF    greeting, when the port is opened; not always
 *   host  XMODEL CR        device  XMODEL=pE-300 CR LF
 *   host  XVER CR          device  four lines, eight from a pE-4000
 *   host  CSS? CR          device  CSS ASN050 BXF100 CXF000 CR LF            written without the spaces
 *                                      │││└── percent, three digits
 *                                      ││└─── N on, F off
 *                                      │└──── S selected, X not: a channel that is not selected stays dark
 *                                      └───── channel
 *   host  CSSBSN030 CR     device  CSS… CR LF                                sets the channels named; a state comes back
 *   host  CSN CR, CSF CR   device  CSN CR LF, CSF CR LF                      all selected channels on; all off
 *
 * 57600 baud, 8N1, no handshake. The control pod changes the state by itself. Sources: Micro-Manager's CoolLEDpE300 adapter and
 * python-microscope's coolled.py. Not checked on a device: how it answers a malformed line (here: not at all).
 */
import type { DeviceStatus } from '#shared/device.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, isAbort, isError } from '#shared/errors.ts'
import type { LightSource, LightSourceChannel, SafeState } from '../kinds.ts'
import { Exchange, type Request } from '../serial/exchange.ts'
import { Polling } from '../serial/polling.ts'
import { Port, type PortOptions } from '../serial/port.ts'
import type { Driver } from './driver.ts'

interface Channel extends LightSourceChannel {
  readonly selected: boolean
}

export interface CoolLedOptions {
  readonly simulated?: boolean
  /** How often to look whether somebody used the pod, ms. Default 500. */
  readonly pollMs?: number
}

/** Disposing it switches the light off and closes the port. */
export interface CoolLedLight extends LightSource {
  readonly safeState: SafeState
  /** No looking at the pod until the result is disposed: for acquisitions. */
  quiet(): Disposable
}

const model: Request<string> = {
  command: 'XMODEL',
  reply: /pE-\d+/,
  parse: (reply) => /pE-\d+\w*/.exec(reply)?.[0] ?? reply,
  retries: 2,
}
const state = /^CSS([A-H][SX][NF]\d{3})+$/
const query: Request<Channel[]> = { command: 'CSS?', reply: state, parse: channelsOf, retries: 2, priority: 'poll' }
const dark: Request<void> = { command: 'CSF', reply: /^CSF/, parse: () => {}, retries: 2, priority: 'stop' }

function channelsOf(reply: string): Channel[] {
  return (reply.slice(3).match(/.{6}/g) ?? []).map((part) => ({
    id: part.charAt(0),
    selected: part.charAt(1) === 'S',
    on: part.charAt(1) === 'S' && part.charAt(2) === 'N',
    level: Math.min(100, Number(part.slice(3))),
  }))
}

function assignment({ id, selected, on, level }: Channel): Request<Channel[]> {
  const text = `${id}${selected ? 'S' : 'X'}${on ? 'N' : 'F'}${String(level).padStart(3, '0')}`
  return { command: `CSS${text}`, reply: state, parse: channelsOf, retries: 1 }
}

/** Ends whatever half a line the host died in, then everything off. */
const safeBytes: readonly number[] = [...Buffer.from('\rCSF\r', 'latin1')]

export const coolLedPe300 = {
  id: 'coolled-pe300',
  label: 'CoolLED pE-300',
  kinds: ['light'],
  bauds: [57600],
  recognise: model,
  safeBytes,
  open,
} as const satisfies Driver

/** Rejects with DeviceNotFound, DeviceTimeout, DeviceDisconnected or AbortError; nothing stays open then. */
async function open(portOptions: PortOptions, options: CoolLedOptions, signal?: AbortSignal): Promise<CoolLedLight> {
  const { path, baudRate } = portOptions
  const port = await Port.open(portOptions, signal)
  const exchange = new Exchange(port, { device: coolLedPe300.label })
  try {
    const name = await exchange.send(model, signal)
    const channels = await exchange.send(query, signal)
    return new Pe300(exchange, `CoolLED ${name}`, channels, options, { path, baudRate, bytes: safeBytes })
  } catch (error) {
    exchange[Symbol.dispose]()
    await port.close()
    if (!isError(error, 'DeviceTimeout')) throw error
    const message = `No CoolLED light source answers on ${path} at ${baudRate} baud.`
    throw new AppError('DeviceNotFound', message, { path, baudRate }, error)
  }
}

class Pe300 implements CoolLedLight {
  readonly status: Cell<DeviceStatus>
  readonly #channels: Cell<readonly Channel[]>
  /** What was asked for last, so that quick changes of one channel add up before the first is answered. */
  readonly #wanted = new Map<string, Channel>()
  #unanswered = 0
  readonly #polling: Polling
  #disposed: Promise<void> | undefined

  constructor(
    readonly exchange: Exchange,
    label: string,
    channels: readonly Channel[],
    options: CoolLedOptions,
    readonly safeState: SafeState,
  ) {
    this.#channels = new Cell(channels)
    this.#remember(channels)
    this.status = new Cell<DeviceStatus>({
      id: 'light',
      label: 'Light source',
      kind: 'light',
      state: 'ready',
      connection: `${label} on ${exchange.port.path}`,
      problem: null,
      simulated: options.simulated ?? false,
    })
    exchange.onDisconnect = (error) => this.status.patch({ state: 'disconnected', problem: error.message })
    this.#polling = new Polling(options.pollMs ?? 500, () => this.#look())
  }

  get channels(): ReadonlyCell<readonly LightSourceChannel[]> {
    return this.#channels
  }

  async set(channel: string, change: { readonly on?: boolean; readonly level?: number }, signal?: AbortSignal): Promise<void> {
    const old = this.#wanted.get(channel)
    if (!old) {
      const known = [...this.#wanted.keys()].join(', ')
      throw new AppError('OutOfRange', `The light source has no channel "${channel}"; it has ${known}.`, { channel })
    }
    const level = change.level ?? old.level
    if (!(level >= 0 && level <= 100))
      throw new AppError('OutOfRange', `A light level of ${level} % is outside 0 to 100 %.`, { channel, level })
    const on = change.on ?? old.on
    const next = { id: channel, selected: on || old.selected, on, level: Math.round(level) }
    this.#wanted.set(channel, next)
    await this.#ask(assignment(next), signal)
  }

  async off(): Promise<void> {
    for (const channel of this.#wanted.values()) this.#wanted.set(channel.id, { ...channel, on: false })
    await this.#tell(this.exchange.send(dark))
    this.#apply(this.#channels.value.map((channel) => ({ ...channel, on: false })))
    this.#remember(this.#channels.value)
  }

  quiet(): Disposable {
    return this.#polling.quiet()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#close()
    return this.#disposed
  }

  async #close(): Promise<void> {
    this.#polling[Symbol.dispose]()
    const { port } = this.exchange
    if (port.isOpen) await this.exchange.send(dark).catch(() => {})
    this.exchange[Symbol.dispose]()
    await port.close()
    this.status.patch({ state: 'disconnected', problem: null })
  }

  /** Somebody may turn a knob on the pod at any time. */
  async #look(): Promise<void> {
    if (this.#unanswered === 0 && this.exchange.port.isOpen) await this.#ask(query).catch(() => {})
  }

  async #ask(request: Request<Channel[]>, signal?: AbortSignal): Promise<void> {
    this.#unanswered++
    try {
      this.#apply(await this.#tell(this.exchange.send(request, signal)))
    } finally {
      this.#unanswered--
      if (this.#unanswered === 0) this.#remember(this.#channels.value)
    }
  }

  /** Mirrors success and failure in the status. */
  async #tell<T>(answer: Promise<T>): Promise<T> {
    try {
      const value = await answer
      if (this.status.value.state === 'error') this.status.patch({ state: 'ready', problem: null })
      return value
    } catch (error) {
      if (!isAbort(error) && isError(error) && error.kind !== 'DeviceDisconnected') {
        this.status.patch({ state: 'error', problem: error.message })
      }
      throw error
    }
  }

  /** Takes over the channels that an answer speaks of. */
  #apply(answered: readonly Channel[]): void {
    const news = new Map(answered.map((channel) => [channel.id, channel]))
    const next = this.#channels.value.map((channel) => news.get(channel.id) ?? channel)
    if (JSON.stringify(next) !== JSON.stringify(this.#channels.value)) this.#channels.set(next)
  }

  #remember(channels: readonly Channel[]): void {
    for (const channel of channels) this.#wanted.set(channel.id, channel)
  }
}
