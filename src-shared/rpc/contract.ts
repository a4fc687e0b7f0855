/** How a contract is written: three verbs, each a value with its schemas, so that every message can be validated. */
import type { z } from '../zod.ts'

/** A question with one answer. Every call can be cancelled. */
export interface Call<I extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly verb: 'call'
  readonly input: I
  readonly output: O
  /** Who may ask: `anyone` watches or stops; only the `writer` changes things. */
  readonly by: 'anyone' | 'writer'
}

/** A value that is always known. A new subscriber gets the present value first. */
export interface Topic<S extends z.ZodType = z.ZodType> {
  readonly verb: 'topic'
  readonly snapshot: S
}

/**
 * Binary frames by credits. `down` goes host → client, `up` client → host. `latest` drops the oldest waiting frame and counts it;
 * `every` never drops: the producer waits.
 */
export interface Stream<P extends z.ZodType = z.ZodType, H extends z.ZodType = z.ZodType, D extends 'down' | 'up' = 'down' | 'up'> {
  readonly verb: 'stream'
  readonly direction: D
  readonly policy: 'latest' | 'every'
  readonly params: P
  /** JSON beside each frame's bytes. */
  readonly header: H
  readonly by: 'anyone' | 'writer'
}

export type Entry = Call | Topic | Stream
export type Contract = Readonly<Record<string, Entry>>

export function call<I extends z.ZodType, O extends z.ZodType>(input: I, output: O, by: 'anyone' | 'writer' = 'writer'): Call<I, O> {
  return { verb: 'call', input, output, by }
}

export function topic<S extends z.ZodType>(snapshot: S): Topic<S> {
  return { verb: 'topic', snapshot }
}

export function stream<P extends z.ZodType, H extends z.ZodType, D extends 'down' | 'up'>(
  direction: D,
  policy: 'latest' | 'every',
  params: P,
  header: H,
  by: 'anyone' | 'writer' = 'anyone',
): Stream<P, H, D> {
  return { verb: 'stream', direction, policy, params, header, by }
}

type Names<C extends Contract, V extends Entry['verb']> = { [N in keyof C]: C[N]['verb'] extends V ? N : never }[keyof C] & string

export type CallName<C extends Contract> = Names<C, 'call'>
export type TopicName<C extends Contract> = Names<C, 'topic'>
export type StreamName<C extends Contract, D extends 'down' | 'up'> = {
  [N in keyof C]: C[N] extends Stream ? (C[N]['direction'] extends D ? N : never) : never
}[keyof C] &
  string

export type CallInput<C extends Contract, N extends CallName<C>> = C[N] extends Call<infer I, z.ZodType> ? z.input<I> : never
export type CallOutput<C extends Contract, N extends CallName<C>> = C[N] extends Call<z.ZodType, infer O> ? z.output<O> : never
export type Snapshot<C extends Contract, N extends TopicName<C>> = C[N] extends Topic<infer S> ? z.output<S> : never
export type StreamParams<C extends Contract, N extends keyof C> = C[N] extends Stream<infer P, z.ZodType> ? z.output<P> : never
export type StreamHeader<C extends Contract, N extends keyof C> = C[N] extends Stream<z.ZodType, infer H> ? z.output<H> : never
