/**
 * The messages of the contract. Each side says `hello` first. Ids are chosen by the client, one space for calls, subscriptions
 * and streams; an id is free again when its answer, `end`, `close` or `unsubscribe` has gone.
 *
 *     call ──▶ result | error                  abort ──▶ (the call answers with an AbortError)
 *     subscribe ──▶ value, then value after each credit: the newest, never a backlog       unsubscribe ──▶
 *     open ──▶ down: frame* within the window, each answered by a credit; end | error       close ──▶
 *     open ──▶ up:   credit*, one frame for each; end ──▶ result | error                    close ──▶
 *     ping ──▶ pong;    bye: why the connection ends, just before it does
 */
import { type ErrorData, errorKinds } from '../errors.ts'
import { z } from '../zod.ts'
import { isTypedArray } from './arrays.ts'
import type { Message } from './transport.ts'

/** Raised whenever the messages change their meaning; a page of another version is asked to reload. */
export const protocolVersion = 1

/** Most frames a client may let come in before it has handled the first. */
export const maxWindow = 64

const id = z.number().int().positive()
const name = z.string().max(200)
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected bytes')
const count = z.number().int().min(1).max(maxWindow)
const hello = z.object({ type: z.literal('hello'), version: z.number().int() })
const frame = z.object({ type: z.literal('frame'), id, header: z.unknown(), bytes })
const credit = z.object({ type: z.literal('credit'), id, count })

export const clientMessageSchema = z.discriminatedUnion('type', [
  hello,
  z.object({ type: z.literal('call'), id, name, input: z.unknown() }),
  z.object({ type: z.literal('abort'), id }),
  z.object({ type: z.literal('subscribe'), id, name }),
  z.object({ type: z.literal('unsubscribe'), id }),
  /** `window`: frames of a down stream that may be under way at once. */
  z.object({ type: z.literal('open'), id, name, params: z.unknown(), window: count }),
  frame,
  credit,
  z.object({ type: z.literal('end'), id }),
  z.object({ type: z.literal('close'), id }),
  z.object({ type: z.literal('ping') }),
])
export type ClientMessage = z.infer<typeof clientMessageSchema>

export const errorDataSchema: z.ZodType<ErrorData> = z.object({
  name: z.enum(['AppError', 'AbortError']),
  kind: z.enum(['Aborted', ...(Object.keys(errorKinds) as (keyof typeof errorKinds)[])]),
  message: z.string(),
  info: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.number()).readonly()])),
  cause: z.lazy(() => errorDataSchema).optional(),
})

export const serverMessageSchema = z.discriminatedUnion('type', [
  hello,
  z.object({ type: z.literal('result'), id, value: z.unknown() }),
  z.object({ type: z.literal('error'), id, error: errorDataSchema }),
  z.object({ type: z.literal('value'), id, value: z.unknown() }),
  frame,
  credit,
  z.object({ type: z.literal('end'), id }),
  z.object({ type: z.literal('pong') }),
  z.object({ type: z.literal('bye'), reason: z.string() }),
])
export type ServerMessage = z.infer<typeof serverMessageSchema>

/** The id to answer a message that is otherwise malformed, if somebody may be waiting for that answer. */
export function answerableId(message: Message): number | null {
  if (typeof message !== 'object' || message === null) return null
  const { type, id: candidate } = message as { type?: unknown; id?: unknown }
  if (type !== 'call' && type !== 'subscribe' && type !== 'open') return null
  return id.safeParse(candidate).success ? (candidate as number) : null
}

/** The two messages that come with every picture, told by hand exactly as the schemas tell them: these cost more than the handling. */
export function asFrame(raw: Message): Extract<ServerMessage, { type: 'frame' }> | null {
  if (typeof raw !== 'object' || raw === null) return null
  const message = raw as Partial<Extract<ServerMessage, { type: 'frame' }>>
  const fits = message.type === 'frame' && isId(message.id) && message.bytes instanceof Uint8Array && 'header' in message
  return fits ? (message as Extract<ServerMessage, { type: 'frame' }>) : null
}

export function asCredit(raw: Message): Extract<ClientMessage, { type: 'credit' }> | null {
  if (typeof raw !== 'object' || raw === null || Object.keys(raw).length !== 3) return null
  const message = raw as Partial<Extract<ClientMessage, { type: 'credit' }>>
  const fits = message.type === 'credit' && isId(message.id) && isId(message.count) && message.count <= maxWindow
  return fits ? (message as Extract<ClientMessage, { type: 'credit' }>) : null
}

/** What a credit weighs. */
export const creditWeight: Weight = { nodes: 4, characters: 23, bytes: 0 }

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

const maxDepth = 64
const maxNodes = 200_000

/** What a message weighs: values and characters to look at, and bytes in typed arrays. */
export interface Weight {
  readonly nodes: number
  readonly characters: number
  readonly bytes: number
}

/**
 * Weighs a message, or returns null if it holds what no honest client sends: `__proto__` keys, endless nesting, shared memory, or objects
 * other than plain ones, arrays and typed arrays.
 */
export function weigh(message: Message): Weight | null {
  let nodes = 0
  let characters = 0
  let bytes = 0
  const visit = (value: unknown, depth: number): boolean => {
    if (++nodes > maxNodes || depth > maxDepth) return false
    if (typeof value === 'string') characters += value.length
    if (typeof value !== 'object' || value === null) return typeof value !== 'bigint'
    if (isTypedArray(value)) {
      bytes += value.byteLength
      return value.buffer instanceof ArrayBuffer
    }
    // Length first: walking an array that is all holes takes minutes.
    if (Array.isArray(value)) return value.length <= maxNodes && value.every((item) => visit(item, depth + 1))
    if (Object.prototype.toString.call(value) !== '[object Object]') return false
    for (const key of Object.keys(value)) {
      characters += key.length
      if (key === '__proto__' || !visit((value as Record<string, unknown>)[key], depth + 1)) return false
    }
    return true
  }
  return visit(message, 0) ? { nodes, characters, bytes } : null
}

/** The first things wrong with a value, for a person: "x: expected number; …". */
export function issuesOf(error: z.ZodError): string {
  return error.issues
    .slice(0, 3)
    .map(({ path, message }) => (path.length > 0 ? `${path.map(String).join('.')}: ${message}` : message))
    .join('; ')
}
