/** Who is connected, and who is in control: one client writes, the others watch, everyone may stop. */
import { Cell, Emitter, type ReadonlyCell, type Unsubscribe } from '#shared/emitter.ts'
import type { Caller } from '#shared/rpc/remote.ts'

export interface ClientsState {
  readonly count: number
  readonly writer: string | null
}

export class Clients {
  readonly #state = new Cell<ClientsState>({ count: 0, writer: null })
  readonly #writerGone = new Emitter<string>()
  readonly #connected = new Map<string, Caller>()

  get state(): ReadonlyCell<ClientsState> {
    return this.#state
  }

  /** Announces that the client in control was lost. */
  onWriterGone(listener: (client: string) => void): Unsubscribe {
    return this.#writerGone.on(listener)
  }

  /** Adds a client until it is gone. The first one takes control, so a returning window is in control again. */
  add(caller: Caller): void {
    this.#connected.set(caller.client, caller)
    const writer = this.#state.value.writer ?? caller.client
    this.#state.set({ count: this.#connected.size, writer })
    caller.gone.addEventListener('abort', () => this.#remove(caller.client), { once: true })
  }

  take(client: string): void {
    if (this.#connected.has(client)) this.#state.patch({ writer: client })
  }

  mayWrite(client: string): boolean {
    return this.#state.value.writer === client
  }

  #remove(client: string): void {
    this.#connected.delete(client)
    const wasWriter = this.#state.value.writer === client
    // The longest connected watcher follows: a microscope without anybody in control helps nobody.
    const next = this.#connected.keys().next()
    const writer = wasWriter ? (next.done ? null : next.value) : this.#state.value.writer
    this.#state.set({ count: this.#connected.size, writer })
    if (wasWriter) this.#writerGone.emit(client)
  }
}
