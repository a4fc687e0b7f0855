/** The contract as seen from a client, and as implemented by a server. */
import type { Unsubscribe } from '../emitter.ts'
import type { CallInput, CallName, CallOutput, Contract, Snapshot, StreamHeader, StreamName, StreamParams, TopicName } from './contract.ts'

/** One frame of a stream. */
export interface StreamFrame<H> {
  readonly header: H
  readonly bytes: Uint8Array
}

/** A producer's end of a stream to the other side. */
export interface StreamSink<H> {
  /**
   * `latest` streams: replaces the frame that is waiting, counts it as dropped and returns at once.
   * `every` streams: resolves when there is credit for the next frame. Rejects with ConnectionLost or AbortError once closed.
   * A function is called only when its frame really goes. The bytes must not be changed afterwards: they may go out without a copy.
   */
  send(frame: StreamFrame<H> | (() => StreamFrame<H>)): Promise<void>
  readonly dropped: number
  /** Aborted when the other side closed the stream or the connection went. */
  readonly closed: AbortSignal
  end(): void
}

/** Client side. Created by `createClient(contract, transport)` in client.ts. */
export interface Remote<C extends Contract> {
  /** Rejects with what the service threw, with ConnectionLost, or with AbortError. */
  call<N extends CallName<C>>(name: N, input: CallInput<C, N>, signal?: AbortSignal): Promise<CallOutput<C, N>>
  /** The present value first, then every change. */
  watch<N extends TopicName<C>>(name: N, listener: (value: Snapshot<C, N>) => void): Unsubscribe
  /** Receives a `down` stream. A credit is given back each time `onFrame` (which may be asynchronous) has finished. */
  receive<N extends StreamName<C, 'down'>>(
    name: N,
    params: StreamParams<C, N>,
    onFrame: (frame: StreamFrame<StreamHeader<C, N>>) => void | Promise<void>,
    onEnd?: (error?: Error) => void,
  ): Unsubscribe
  /** Opens an `up` stream. `finished` of the sink's `end` is the server's answer. */
  send<N extends StreamName<C, 'up'>>(
    name: N,
    params: StreamParams<C, N>,
  ): StreamSink<StreamHeader<C, N>> & { readonly finished: Promise<void> }
  onClose(listener: (reason: string) => void): Unsubscribe
  close(): void
}

/** Who is asking. */
export interface Caller {
  readonly client: string
  /** Aborted when this client's connection is gone. */
  readonly gone: AbortSignal
}

/** Server side: one function for each name, handed to `serve(contract, services, transport, caller)` in server.ts. */
export type Services<C extends Contract> = {
  readonly calls: {
    readonly [N in CallName<C>]: (
      input: CallInput<C, N>,
      context: Caller & { readonly signal: AbortSignal },
    ) => CallOutput<C, N> | Promise<CallOutput<C, N>>
  }
  readonly topics: { readonly [N in TopicName<C>]: (listener: (value: Snapshot<C, N>) => void, caller: Caller) => Unsubscribe }
  /** Called once for each opened stream; returns what ends it. */
  readonly streamsDown: {
    readonly [N in StreamName<C, 'down'>]: (params: StreamParams<C, N>, sink: StreamSink<StreamHeader<C, N>>, caller: Caller) => Unsubscribe
  }
  /** Resolves when the whole stream has been taken. Frames arrive one at a time, the next only after the last was handled. */
  readonly streamsUp: {
    readonly [N in StreamName<C, 'up'>]: (
      params: StreamParams<C, N>,
      frames: AsyncIterable<StreamFrame<StreamHeader<C, N>>>,
      caller: Caller,
    ) => Promise<void>
  }
  /** May this client change things now? */
  readonly mayWrite: (caller: Caller) => boolean
}
