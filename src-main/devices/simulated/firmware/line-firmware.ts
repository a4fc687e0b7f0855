/** What emulated controllers have in common: command lines in, reply lines out, and ways to misbehave on request. */
import type { Firmware } from './wire.ts'

/** Misbehaviour for tests. Counts run down with every reply. */
export interface Faults {
  /** So many replies are noise instead. */
  garbage: number
  /** So many replies break off in the middle. */
  half: number
  /** So many replies never leave. */
  mute: number
  /** So many replies are held back and leave together with the following one. */
  merge: number
  /** Replies come so much later, ms. */
  lateMs: number
  /** The next move is refused with this error code; 0 = none. */
  refuse: number
  /** An old firmware: these commands are unknown to it. */
  unknown: readonly string[]
  /** The controller says it is busy for ever. */
  neverIdle: boolean
}

export const noFaults: Faults = { garbage: 0, half: 0, mute: 0, merge: 0, lateMs: 0, refuse: 0, unknown: [], neverIdle: false }

/** What the controller's processor saw, for tests. */
export interface FirmwareEvent {
  /** ms since the epoch: comparable between processes. */
  readonly time: number
  /** The command line as it was understood, without its end. */
  readonly line: string
}

const CR = 0x0d
const LF = 0x0a
/** What a wrong baud rate looks like: bytes with the framing bits in the wrong places, an accidental line end among them. */
const NOISE = Uint8Array.of(0xf8, 0x00, 0x9e, 0xc0, 0x3a, 0xff, 0x0d, 0x86, 0xfe, 0x7f)
/** A controller's input buffer; what exceeds it is lost. */
const BUFFER = 256

export abstract class LineFirmware implements Firmware {
  send: (bytes: Uint8Array) => void = () => {}
  onEvent: (event: FirmwareEvent) => void = () => {}
  readonly faults: Faults = { ...noFaults }
  #line: number[] = []
  #held: number[] = []
  readonly #timers = new Set<NodeJS.Timeout>()

  constructor(readonly baudRate: number) {}

  connected(): void {}

  receive(byte: number): void {
    if (byte !== CR && byte !== LF) {
      if (this.#line.length < BUFFER) this.#line.push(byte)
      if (this.prefixed(this.#line)) this.#line = []
      return
    }
    const line = Buffer.from(this.#line).toString('latin1').trim()
    this.#line = []
    if (!line) return
    this.onEvent({ time: Date.now(), line })
    this.handle(line)
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
  }

  /** True where the bytes so far are a complete command without a line end. */
  protected prefixed(_bytes: readonly number[]): boolean {
    return false
  }

  protected abstract handle(line: string): void

  /** Sends a reply, line end included by the caller, in the way the faults demand. */
  protected reply(text: string): void {
    const { faults } = this
    let bytes = [...this.#held, ...Buffer.from(text, 'latin1')]
    this.#held = []
    if (faults.mute > 0) {
      faults.mute--
      return
    }
    if (faults.merge > 0) {
      faults.merge--
      this.#held = bytes
      return
    }
    if (faults.garbage > 0) {
      faults.garbage--
      bytes = [...NOISE]
    } else if (faults.half > 0) {
      faults.half--
      bytes = bytes.slice(0, Math.ceil(text.trimEnd().length / 2))
    }
    const send = () => this.send(Uint8Array.from(bytes))
    if (faults.lateMs <= 0) {
      send()
      return
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      send()
    }, faults.lateMs)
    this.#timers.add(timer)
  }
}
