/**
 * The window's line to the host. Subscriptions outlive the connection: whatever was watched is watched again after a reconnection,
 * and a topic's first value makes the picture right by itself.
 *
 *   connecting ──▶ connected ──▶ lost ──(after a pause)──▶ lost, trying ──▶ connected
 */
import { type InjectionKey, inject, type Ref, shallowRef } from 'vue'
import type { Api } from '#shared/api.ts'
import type { Unsubscribe } from '#shared/emitter.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import type { CallInput, CallName, CallOutput, Snapshot, StreamHeader, StreamName, StreamParams, TopicName } from '#shared/rpc/contract.ts'
import type { Remote, StreamFrame, StreamSink } from '#shared/rpc/remote.ts'

export interface Connection {
  readonly status: 'connecting' | 'connected' | 'lost'
  /** Why, for a person; empty while connected. */
  readonly reason: string
  /** Tries since the connection was lost. */
  readonly attempt: number
  /** This window's name at the host; null while not connected. */
  readonly client: string | null
}

/** Pauses between tries, ms; the last one repeats. */
const pauses = [250, 500, 1000, 2000, 4000]

type Attach = (remote: Remote<Api>) => Unsubscribe

export class Backend {
  readonly #connection = shallowRef<Connection>({ status: 'connecting', reason: '', attempt: 0, client: null })
  readonly #attached = new Map<Attach, Unsubscribe | null>()
  #remote: Remote<Api> | null = null
  #closed = false
  #retry: ReturnType<typeof setTimeout> | undefined

  /** `connect` opens a fresh line to the host, or rejects. */
  constructor(private readonly connect: () => Promise<Remote<Api>>) {}

  get connection(): Readonly<Ref<Connection>> {
    return this.#connection
  }

  /** Connects, and goes on trying for as long as the window lives. */
  start(): void {
    void this.#try()
  }

  /** Tries again now instead of after the pause. */
  retryNow(): void {
    if (this.#retry === undefined) return
    clearTimeout(this.#retry)
    this.#retry = undefined
    void this.#try()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#retry)
    this.#remote?.close()
  }

  /** As `Remote.call`; rejects with ConnectionLost while there is no line. */
  async call<N extends CallName<Api>>(name: N, input: CallInput<Api, N>, signal?: AbortSignal): Promise<CallOutput<Api, N>> {
    return this.#need().call(name, input, signal)
  }

  /** As `Remote.watch`, across reconnections. */
  watch<N extends TopicName<Api>>(name: N, listener: (value: Snapshot<Api, N>) => void): Unsubscribe {
    return this.#attach((remote) => remote.watch(name, listener))
  }

  /** As `Remote.receive`, across reconnections. */
  receive<N extends StreamName<Api, 'down'>>(
    name: N,
    params: StreamParams<Api, N>,
    onFrame: (frame: StreamFrame<StreamHeader<Api, N>>) => void | Promise<void>,
  ): Unsubscribe {
    return this.#attach((remote) => remote.receive(name, params, onFrame))
  }

  /** As `Remote.send`; an upload ends with its connection. */
  send<N extends StreamName<Api, 'up'>>(
    name: N,
    params: StreamParams<Api, N>,
  ): StreamSink<StreamHeader<Api, N>> & { readonly finished: Promise<void> } {
    return this.#need().send(name, params)
  }

  #need(): Remote<Api> {
    if (this.#remote) return this.#remote
    throw new AppError('ConnectionLost', 'The microscope host is not connected.')
  }

  #attach(attach: Attach): Unsubscribe {
    this.#attached.set(attach, this.#remote ? attach(this.#remote) : null)
    return () => {
      this.#attached.get(attach)?.()
      this.#attached.delete(attach)
    }
  }

  async #try(): Promise<void> {
    try {
      const remote = await this.connect()
      if (this.#closed) return remote.close()
      let lost: string | null = null
      remote.onClose((reason) => {
        lost = reason
        if (this.#remote === remote) this.#lose(reason)
      })
      const { client } = await remote.call('client.hello', null)
      if (lost !== null) throw new AppError('ConnectionLost', lost)
      this.#remote = remote
      this.#connection.value = { status: 'connected', reason: '', attempt: 0, client }
      for (const attach of [...this.#attached.keys()]) this.#attached.set(attach, attach(remote))
    } catch (error) {
      this.#lose(messageOf(error))
    }
  }

  #lose(reason: string): void {
    this.#remote = null
    for (const attach of this.#attached.keys()) this.#attached.set(attach, null)
    if (this.#closed) return
    const attempt = this.#connection.value.attempt + 1
    this.#connection.value = { status: 'lost', reason, attempt, client: null }
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined
        void this.#try()
      },
      pauses[Math.min(attempt, pauses.length) - 1],
    )
  }
}

export const backendKey: InjectionKey<Backend> = Symbol('backend')

/** The backend of the running application. */
export function useBackend(): Backend {
  const backend = inject(backendKey)
  if (!backend) throw new AppError('Internal', 'The window was started without a backend.')
  return backend
}
