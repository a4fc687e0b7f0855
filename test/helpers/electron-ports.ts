/**
 * A pair of ports with Electron's manners: the main process's end is an emitter that keeps messages until `start()`, hands out
 * `{ data, ports }` and throws when asked to transfer anything but ports; the page's end is the browser's. Buffers are always copied, and
 * a message from the page that transfers a buffer arrives without its data, the buffer gone (Electron issue 34905).
 */
import { EventEmitter } from 'node:events'

interface MainPortEvent {
  readonly data: unknown
  readonly ports: readonly MainPort[]
}

interface Mailbox {
  deliver(data: unknown): void
  disconnect(): void
}

/** Stands in for Electron's `MessagePortMain`. */
export class MainPort extends EventEmitter<{ message: [MainPortEvent]; close: [] }> implements Mailbox {
  #queue: unknown[] | null = []
  #other: Mailbox | null = null

  connect(other: Mailbox): void {
    this.#other = other
  }

  postMessage(message: unknown, transfer: readonly unknown[] = []): void {
    if (transfer.some((each) => !(each instanceof MainPort))) throw new TypeError('Port at index 0 is not a valid port')
    const data = copyAcross(message)
    const other = this.#other
    setImmediate(() => other?.deliver(data))
  }

  start(): void {
    const queue = this.#queue ?? []
    this.#queue = null
    for (const data of queue) this.emit('message', { data, ports: [] })
  }

  close(): void {
    const other = this.#other
    this.#other = null
    setImmediate(() => other?.disconnect())
  }

  deliver(data: unknown): void {
    if (!this.#other) return
    if (this.#queue) this.#queue.push(data)
    else this.emit('message', { data, ports: [] })
  }

  disconnect(): void {
    if (!this.#other) return
    this.#other = null
    this.emit('close')
  }
}

/** Stands in for the browser's `MessagePort` in the window. */
export class PagePort implements Mailbox {
  readonly #emitter = new EventEmitter()
  #queue: unknown[] | null = []
  #other: Mailbox | null = null

  connect(other: Mailbox): void {
    this.#other = other
  }

  postMessage(message: unknown, transfer: readonly Transferable[] = []): void {
    const copy = structuredClone(message, { transfer: [...transfer] })
    const data = transfer.length > 0 ? null : copyAcross(copy)
    const other = this.#other
    setImmediate(() => other?.deliver(data))
  }

  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'messageerror' | 'close', listener: () => void): void
  addEventListener(type: string, listener: (event: { readonly data: unknown }) => void): void {
    this.#emitter.on(type, listener)
  }

  start(): void {
    const queue = this.#queue ?? []
    this.#queue = null
    for (const data of queue) this.#emitter.emit('message', { data })
  }

  close(): void {
    const other = this.#other
    this.#other = null
    setImmediate(() => other?.disconnect())
  }

  deliver(data: unknown): void {
    if (!this.#other) return
    if (this.#queue) this.#queue.push(data)
    else this.#emitter.emit('message', { data })
  }

  disconnect(): void {
    if (!this.#other) return
    this.#other = null
    this.#emitter.emit('close')
  }
}

/** Two connected ports: one for the main process, one for the page. */
export function electronPorts(): { main: MainPort; page: PagePort } {
  const main = new MainPort()
  const page = new PagePort()
  main.connect(page)
  page.connect(main)
  return { main, page }
}

/** Shared memory does not cross processes. */
function copyAcross(message: unknown): unknown {
  refuseShared(message)
  return structuredClone(message)
}

function refuseShared(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  if (value instanceof SharedArrayBuffer || (ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer))
    throw new DOMException('SharedArrayBuffer could not be cloned.', 'DataCloneError')
  if (!ArrayBuffer.isView(value)) for (const item of Object.values(value)) refuseShared(item)
}
