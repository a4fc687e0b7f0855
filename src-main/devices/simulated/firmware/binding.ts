/** serialport's binding seam over emulators in this process: the demo microscope's cables. */
import type { BindingOptions, BindingPort, PortInfo, SerialBinding } from '../../serial/binding.ts'
import { Cable, type Firmware } from './wire.ts'

/** An error that serialport takes for an ordinary close, not for a lost device. */
function canceled(): Error {
  return Object.assign(new Error('The port was closed'), { canceled: true })
}

class SimulatedPort implements BindingPort {
  isOpen = true
  readonly #firmware: Firmware
  readonly #cable: Cable
  readonly #onClose: () => void
  readonly #baudRate: number
  /** Why reads and writes fail. */
  #ended: Error | undefined
  #received: Buffer = Buffer.alloc(0)
  #reader: { read: () => void; fail: (error: Error) => void } | undefined

  constructor(firmware: Firmware, options: BindingOptions, onClose: () => void) {
    this.#baudRate = options.baudRate
    this.#firmware = firmware
    this.#onClose = onClose
    this.#cable = new Cable(firmware, (bytes) => {
      this.#received = Buffer.concat([this.#received, this.#readable ? bytes : new Uint8Array(bytes.length).fill(0xf8)])
      this.#reader?.read()
    })
  }

  async close(): Promise<void> {
    if (!this.isOpen) throw new Error('Port is not open')
    this.isOpen = false
    this.#end(canceled())
    this.#onClose()
  }

  /** The cable is pulled: reads and writes fail as they do when an adapter is unplugged, but the port still has to be closed. */
  vanish(): void {
    if (this.isOpen) this.#end(Object.assign(new Error('EIO: i/o error'), { disconnect: true }))
  }

  read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }> {
    if (this.#ended) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      const read = () => {
        this.#reader = undefined
        const bytesRead = this.#received.copy(buffer, offset, 0, length)
        this.#received = this.#received.subarray(bytesRead)
        resolve({ buffer, bytesRead })
      }
      if (this.#received.length > 0) read()
      else this.#reader = { read, fail: reject }
    })
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.#ended) throw this.#ended
    // At the wrong speed the device hears nothing it can understand.
    if (this.#readable) this.#cable.fromHost(bytes)
  }

  async update(): Promise<void> {}

  async set(): Promise<void> {}

  async get(): Promise<{ cts: boolean; dsr: boolean; dcd: boolean }> {
    return { cts: true, dsr: true, dcd: true }
  }

  async getBaudRate(): Promise<{ baudRate: number }> {
    return { baudRate: this.#baudRate }
  }

  async flush(): Promise<void> {
    this.#received = Buffer.alloc(0)
  }

  async drain(): Promise<void> {}

  get #readable(): boolean {
    return this.#baudRate === this.#firmware.baudRate
  }

  #end(error: Error): void {
    this.#ended = error
    this.#cable[Symbol.dispose]()
    this.#reader?.fail(error)
    this.#reader = undefined
  }
}

/** Ports by path with an emulator behind each. */
export class SimulatedBinding implements SerialBinding {
  readonly #devices: Readonly<Record<string, Firmware>>
  readonly #open = new Map<string, SimulatedPort>()

  constructor(devices: Readonly<Record<string, Firmware>>) {
    this.#devices = devices
  }

  async list(): Promise<PortInfo[]> {
    return Object.keys(this.#devices).map((path) => ({
      path,
      manufacturer: 'Deepscope (simulated)',
      serialNumber: undefined,
      pnpId: undefined,
      locationId: undefined,
      productId: undefined,
      vendorId: undefined,
    }))
  }

  async open(options: BindingOptions): Promise<BindingPort> {
    const firmware = this.#devices[options.path]
    if (!firmware) throw new Error(`Error: No such file or directory, cannot open ${options.path}`)
    if (this.#open.has(options.path)) throw new Error(`Error: Resource temporarily unavailable, cannot lock ${options.path}`)
    const port = new SimulatedPort(firmware, options, () => this.#open.delete(options.path))
    this.#open.set(options.path, port)
    return port
  }

  /** Pulls the cable of an open port. */
  vanish(path: string): void {
    this.#open.get(path)?.vanish()
  }
}
