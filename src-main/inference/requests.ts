/**
 * Requests on their way to the inference process. Live ones go first; the process is handed few at a time, so that a late live
 * image never waits behind a pile of others.
 *
 *   waiting ──room──▶ sent ──begin──▶ begun ──answer──▶ settled
 *      ▲─ process died, once ─┘          └── process died ──▶ rejected
 */
import { AppError, abortError } from '#shared/errors.ts'
import type { HostMessage, WorkerMessage } from './messages.ts'

export type Answer = Extract<WorkerMessage, { type: 'result' | 'measured' | 'images' | 'classified' | 'tested' }>
export type Outgoing = Extract<HostMessage, { type: 'predict' | 'measure' | 'image' | 'classify' | 'test' }>

export interface Request {
  readonly message: Outgoing
  /** What follows the message, part after part. */
  readonly parts: readonly Uint8Array[]
  readonly onProgress: (fraction: number) => void
  readonly resolve: (answer: { readonly message: Answer; readonly payload: Uint8Array }) => void
  readonly reject: (error: unknown) => void
}

interface Entry extends Request {
  phase: 'sent' | 'begun' | 'abandoned'
  /** It was on its way to another process that died. */
  readonly again: boolean
}

/** Handed to the process at once: the next live image travels while one is being worked on; batch images are large. */
const room = { live: 2, batch: 1 } as const
const waitingLimit = 64

export class Requests {
  readonly #waiting: (Request & { readonly again?: boolean })[] = []
  readonly #sent = new Map<number, Entry>()

  constructor(private readonly send: (message: HostMessage, parts: readonly Uint8Array[]) => void) {}

  /** Networks that the process is working on or about to, by hash; a network appears once for each request. */
  get active(): readonly Outgoing[] {
    return [...this.#sent.values()].map(({ message }) => message)
  }

  add(request: Request): void {
    if (this.#waiting.length >= waitingLimit) {
      request.reject(new AppError('Busy', `More than ${waitingLimit} images are waiting for the network already.`))
    } else this.#waiting.push(request)
  }

  /** Hands over as much as there is room for. */
  pump(): void {
    for (const priority of ['live', 'batch'] as const) {
      let busy = [...this.#sent.values()].filter(({ message }) => message.priority === priority).length
      while (busy < room[priority]) {
        const index = this.#waiting.findIndex(({ message }) => message.priority === priority)
        const [request] = index < 0 ? [] : this.#waiting.splice(index, 1)
        if (!request) break
        this.#sent.set(request.message.id, { ...request, again: request.again ?? false, phase: 'sent' })
        this.send(request.message, request.parts)
        busy++
      }
    }
  }

  /** Rejects with AbortError at once. What the process has begun ends after its present tile, and keeps its place until then. */
  cancel(id: number): void {
    const index = this.#waiting.findIndex(({ message }) => message.id === id)
    const [waiting] = index < 0 ? [] : this.#waiting.splice(index, 1)
    waiting?.reject(abortError())
    const sent = this.#sent.get(id)
    if (!sent || sent.phase === 'abandoned') return
    sent.phase = 'abandoned'
    this.send({ type: 'cancel', id }, [])
    sent.reject(abortError())
  }

  begin(id: number): void {
    const entry = this.#sent.get(id)
    if (entry?.phase === 'sent') entry.phase = 'begun'
  }

  progress(id: number, fraction: number): void {
    const entry = this.#sent.get(id)
    if (entry?.phase === 'begun') entry.onProgress(fraction)
  }

  /** Takes a request off the list. null: nobody waits for it any more. */
  settle(id: number): Request | null {
    const entry = this.#sent.get(id)
    this.#sent.delete(id)
    return entry && entry.phase !== 'abandoned' ? entry : null
  }

  /** The process has died: what it had begun fails; what it had not begun waits for the next, but no third one dies of it. */
  crashed(error: (message: Outgoing) => Error): void {
    const entries = [...this.#sent.values()]
    this.#sent.clear()
    this.#waiting.unshift(...entries.filter(({ phase, again }) => phase === 'sent' && !again).map((entry) => ({ ...entry, again: true })))
    for (const { phase, again, message, reject } of entries) if (phase === 'begun' || (phase === 'sent' && again)) reject(error(message))
  }

  rejectAll(error: Error): void {
    const all = [...this.#waiting.splice(0), ...this.#sent.values()]
    this.#sent.clear()
    for (const { reject } of all) reject(error)
  }
}
