/**
 * One open serial port. Everything above speaks bytes to this and never to `serialport` itself.
 *
 *   opening ──▶ open ──▶ closed          by close()
 *      │          └────▶ disconnected    the cable, the power or the peer went away
 *      └─▶ DeviceNotFound
 */
import { SerialPortStream } from '@serialport/stream'
import { AppError, abortError, messageOf } from '#shared/errors.ts'
import { type SerialBinding, systemBinding } from './binding.ts'

export interface PortOptions {
  /** "/dev/ttyUSB0", "COM3", or a name that the given binding knows. */
  readonly path: string
  readonly baudRate: number
  /** The operating system's ports unless something else is given. */
  readonly binding?: SerialBinding
}

/** 8 data bits, no parity, one stop bit, no handshake. */
export class Port implements AsyncDisposable {
  /** Called with every chunk as it arrives. One listener: the port has one owner. */
  onData: (chunk: Uint8Array) => void = () => {}
  /** Called once when the port is gone without having been closed. */
  onDisconnect: (error: AppError) => void = () => {}

  readonly #stream: SerialPortStream
  #closing: Promise<void> | undefined
  #lost: AppError | undefined

  private constructor(
    readonly options: PortOptions,
    stream: SerialPortStream,
  ) {
    this.#stream = stream
    stream.on('data', (chunk: Uint8Array) => this.onData(chunk))
    // A vanished peer may announce itself as a close with an error, as an error, or both.
    stream.on('close', (error: Error | null) => this.#disconnected(error))
    stream.on('error', (error: Error) => this.#disconnected(error))
  }

  /** Rejects with DeviceNotFound (absent, or in use by another program) or AbortError. */
  static async open(options: PortOptions, signal?: AbortSignal): Promise<Port> {
    if (signal?.aborted) throw abortError()
    const { path, baudRate, binding = systemBinding } = options
    const stream = new SerialPortStream({ path, baudRate, binding, autoOpen: false })
    await new Promise<void>((resolve, reject) => {
      stream.open((error) => {
        if (!error) return resolve()
        const info = { path, baudRate }
        reject(new AppError('DeviceNotFound', `The port ${path} could not be opened: ${reasonOf(error)}.`, info, error))
      })
    })
    const port = new Port(options, stream)
    if (signal?.aborted) {
      await port.close()
      throw abortError()
    }
    await port.#raiseControlLines()
    return port
  }

  get path(): string {
    return this.options.path
  }

  get isOpen(): boolean {
    return !this.#closing && !this.#lost
  }

  /** Hands bytes to the system at once, in order; a lost port is announced by `onDisconnect`. */
  write(bytes: Uint8Array): void {
    if (this.isOpen) this.#stream.write(bytes)
  }

  /** May be called at any time, again and again. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (!this.#stream.isOpen) return resolve()
      // 'close' also comes when the peer vanished while closing, where the callback does not.
      this.#stream.once('close', () => resolve())
      this.#stream.close((error) => error && resolve())
    })
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Adapters that power themselves or their level shifter from DTR or RTS need them; a pseudo-terminal has neither (ENOTTY). */
  #raiseControlLines(): Promise<void> {
    return new Promise((resolve) => this.#stream.set({ dtr: true, rts: true }, () => resolve()))
  }

  #disconnected(error: Error | null): void {
    if (this.#closing || this.#lost) return
    const reason = error ? ` (${messageOf(error)})` : ''
    this.#lost = new AppError(
      'DeviceDisconnected',
      `The connection on ${this.path} was lost${reason}.`,
      { path: this.path },
      error ?? undefined,
    )
    this.onDisconnect(this.#lost)
  }
}

/** The system's reason in words for the cases a person can do something about. */
function reasonOf(error: Error): string {
  const text = messageOf(error)
  if (/no such file|cannot find|not found|ENOENT/i.test(text)) return 'there is no such port'
  if (/permission|EACCES/i.test(text)) return 'this user may not use it (on Linux, join the group "dialout" and log in again)'
  if (/access denied|lock|busy|EBUSY|temporarily unavailable/i.test(text)) return 'another program is using it'
  return text.replace(/^Error:?\s*/i, '').replace(/\.$/, '')
}
