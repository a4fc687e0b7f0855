/** Bytes travel no faster than the baud rate: 8N1, ten bits a byte. */

/** What a controller's firmware looks like from its connector. */
export interface Firmware extends Disposable {
  readonly baudRate: number
  /** The host opened the port. */
  connected(): void
  /** One byte from the host, at its time of arrival. */
  receive(byte: number): void
  /** Where replies go. Set by whoever holds the other end of the cable. */
  send: (bytes: Uint8Array) => void
}

/** Delivering byte by byte would cost a timer each; real adapters deliver in bursts of a few milliseconds too. */
const BURST_MS = 4

/** One direction of a cable: bytes come out one byte time after another, in the order they went in. */
export class Wire implements Disposable {
  readonly #byteMs: number
  readonly #deliver: (bytes: Uint8Array) => void
  #bytes: number[] = []
  /** When the first waiting byte has fully arrived, `performance.now()` clock. */
  #due = 0
  #timer: NodeJS.Timeout | undefined

  constructor(baudRate: number, deliver: (bytes: Uint8Array) => void) {
    this.#byteMs = 10_000 / baudRate
    this.#deliver = deliver
  }

  push(bytes: Uint8Array): void {
    const now = performance.now()
    if (this.#bytes.length === 0) this.#due = Math.max(this.#due, now + this.#byteMs)
    for (const byte of bytes) this.#bytes.push(byte)
    if (!this.#timer && this.#bytes.length > 0) this.#schedule(now)
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#bytes = []
  }

  #schedule(now: number): void {
    const last = this.#due + (this.#bytes.length - 1) * this.#byteMs
    const wake = Math.min(last, Math.max(this.#due, now + BURST_MS))
    // Timers may fire up to a millisecond early by this clock; never before the bytes are there.
    this.#timer = setTimeout(() => this.#flush(), Math.max(1, Math.ceil(wake - now)))
  }

  #flush(): void {
    this.#timer = undefined
    const now = performance.now()
    const ready = Math.min(this.#bytes.length, Math.floor((now - this.#due) / this.#byteMs) + 1)
    if (ready > 0) {
      this.#due += ready * this.#byteMs
      const bytes = this.#bytes.splice(0, ready)
      this.#deliver(Uint8Array.from(bytes))
    }
    if (this.#bytes.length > 0 && !this.#timer) this.#schedule(now)
  }
}

/** Firmware and its two wires: host bytes in, device bytes out, both at the baud rate. */
export class Cable implements Disposable {
  readonly #in: Wire
  readonly #out: Wire
  readonly #firmware: Firmware

  /** `toHost` gets the device's bytes as they arrive. Disposing it does not dispose the firmware: a device outlives its cable. */
  constructor(firmware: Firmware, toHost: (bytes: Uint8Array) => void) {
    this.#firmware = firmware
    this.#in = new Wire(firmware.baudRate, (bytes) => {
      for (const byte of bytes) firmware.receive(byte)
    })
    this.#out = new Wire(firmware.baudRate, toHost)
    firmware.send = (bytes) => this.#out.push(bytes)
    firmware.connected()
  }

  fromHost(bytes: Uint8Array): void {
    this.#in.push(bytes)
  }

  [Symbol.dispose](): void {
    this.#in[Symbol.dispose]()
    this.#out[Symbol.dispose]()
    this.#firmware.send = () => {}
  }
}
