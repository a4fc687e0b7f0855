/** The threads behind the simulated camera, as one: poses in, frames out in order. */
import { MessageChannel, Worker } from 'node:worker_threads'
import type { CameraSetup, ExposeReply, ExposeRequest, WindowsSetup } from './worker.ts'
import type { Field } from './worker-windows.ts'

/** Threads that render; with two, every other frame each. */
const renderers = 2
/** Frames that one thread may hold: one in work, and one so that it need not wait for the host. */
const depth = 2

export interface CameraThreadsEvents {
  /** In the order of the requests. */
  onFrame(reply: ExposeReply): void
  /** Once, when any of the threads fails or ends by itself. The threads must then be disposed. */
  onFailure(reason: string, cause?: unknown): void
}

export class CameraThreads implements AsyncDisposable {
  readonly #workers: readonly Worker[]
  readonly #renderers: { readonly worker: Worker; busy: number }[] = []
  /** Requests without delivered frame, in order, with their frames where these have come. */
  readonly #pending = new Map<number, { reply?: ExposeReply }>()
  #over = false

  constructor(
    program: string,
    field: Field,
    readonly events: CameraThreadsEvents,
  ) {
    const channels = Array.from({ length: renderers }, () => new MessageChannel())
    const ports = channels.map((channel) => channel.port1)
    const windows = new Worker(program, { workerData: { ...field, role: 'windows', ports } satisfies WindowsSetup, transferList: ports })
    for (const { port2 } of channels) {
      const workerData = { ...field, role: 'camera', windows: port2 } satisfies CameraSetup
      const renderer = { worker: new Worker(program, { workerData, transferList: [port2] }), busy: 0 }
      renderer.worker.on('message', (reply: ExposeReply) => {
        renderer.busy--
        this.#receive(reply)
      })
      this.#renderers.push(renderer)
    }
    this.#workers = [windows, ...this.#renderers.map(({ worker }) => worker)]
    for (const worker of this.#workers) {
      worker.on('error', (error) => this.#fail('its thread failed', error))
      worker.on('exit', () => this.#fail('its thread ended'))
    }
  }

  /** False where no thread is free. */
  expose(request: ExposeRequest): boolean {
    const free = this.#renderers.reduce((best, candidate) => (candidate.busy < best.busy ? candidate : best))
    if (this.#over || free.busy >= depth) return false
    free.busy++
    this.#pending.set(request.id, {})
    free.worker.postMessage(request)
    return true
  }

  /** True while a frame is awaited. */
  get busy(): boolean {
    return this.#pending.size > 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over = true
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  #receive(reply: ExposeReply): void {
    const entry = this.#pending.get(reply.id)
    if (!entry || this.#over) return
    entry.reply = reply
    for (const [id, { reply: ready }] of this.#pending) {
      if (!ready) return
      this.#pending.delete(id)
      this.events.onFrame(ready)
    }
  }

  #fail(reason: string, cause?: unknown): void {
    if (this.#over) return
    this.#over = true
    this.events.onFailure(reason, cause)
  }
}
