/**
 * One message as one run of bytes, for wires that know only bytes: a JSON head, then the typed arrays that were inside.
 *
 *     0        4         8              8 + head                 …
 *     | "DSC1" | u32 LE: | head, UTF-8  | bytes of array 0 | pad | bytes of array 1 | …
 *     |        |  length |   JSON       |                        |
 *
 * head = `[message]` or `[message, [[type, length, path], …]]`: in the message `null` stands where an array was taken out. The head is
 * padded with spaces, and the arrays between each other with zeros, to multiples of 8, so that whoever receives the message can use
 * the arrays where they lie. All numbers little-endian, like every processor the application runs on.
 */
import { AppError, messageOf } from '../errors.ts'
import { type ArrayTypeName, arrayTypes, isTypedArray, type Path, replaceArrays, type TypedArray } from './arrays.ts'
import type { Message } from './transport.ts'

const magic = 0x31435344
const prefixBytes = 8
const alignment = 8
const maxArrays = 1024
const maxDepth = 64
const encoder = new TextEncoder()
/** Heads are written into one buffer after the other, because a buffer for each costs more than writing it. */
const slabBytes = 64 * 1024
let slab = new Uint8Array(slabBytes)
let slabUsed = 0
/** Arrays up to this size that follow the head at once go out with it: copying them is cheaper than a piece of their own. */
const smallBytes = 4096
const decoder = new TextDecoder('utf-8', { fatal: true })

/** A message ready to be written: `head` first, then `parts` in order. The parts, all larger arrays, are the sender's own memory, not copies. */
export interface Encoded {
  readonly head: Uint8Array<ArrayBuffer>
  readonly parts: readonly Uint8Array[]
  readonly byteLength: number
}

export interface DecodeLimits {
  /** Largest JSON head, bytes. */
  readonly headBytes: number
}

/** Throws where the message holds what JSON cannot (functions, cycles, big integers). */
export function encode(message: Message): Encoded {
  const found: { path: Path; array: TypedArray }[] = []
  const bare = replaceArrays(message, (array, path) => {
    found.push({ array, path: [...path] })
    return null
  })
  const references = found.map(({ path, array }) => [array[Symbol.toStringTag], array.length, path])
  const json = JSON.stringify(references.length > 0 ? [bare ?? null, references] : [bare ?? null])
  const bytes = found.map(({ array }) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
  const after = bytes.findIndex(({ byteLength }) => byteLength > smallBytes)
  const head = headOf(json, after < 0 ? bytes : bytes.slice(0, after))

  const parts: Uint8Array[] = []
  let byteLength = head.byteLength
  for (const each of after < 0 ? [] : bytes.slice(after)) {
    const gap = padded(byteLength) - byteLength
    if (gap > 0) parts.push(new Uint8Array(gap))
    parts.push(each)
    byteLength += gap + each.byteLength
  }
  return { head, parts, byteLength }
}

/** Prefix, JSON, and the small arrays behind it. */
function headOf(json: string, small: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  // No UTF-16 unit becomes more than three bytes.
  const room = prefixBytes + padded(json.length * 3) + small.length * (smallBytes + alignment)
  const target = takeRoom(room)
  const { written } = encoder.encodeInto(json, target.subarray(prefixBytes))
  const headBytes = padded(written)
  let end = prefixBytes + headBytes
  target.fill(0x20, prefixBytes + written, end)
  for (const each of small) {
    target.fill(0, end, padded(end))
    target.set(each, padded(end))
    end = padded(end) + each.byteLength
  }
  const prefix = new DataView(target.buffer, target.byteOffset)
  prefix.setUint32(0, magic, true)
  prefix.setUint32(4, headBytes, true)
  if (target.buffer === slab.buffer) slabUsed += padded(end)
  return target.subarray(0, end)
}

/** Memory that nobody has used before, aligned; large heads get a buffer of their own. */
function takeRoom(bytes: number): Uint8Array<ArrayBuffer> {
  if (bytes > slabBytes / 4) return new Uint8Array(bytes)
  if (slabUsed + bytes > slabBytes) {
    slab = new Uint8Array(slabBytes)
    slabUsed = 0
  }
  return slab.subarray(slabUsed)
}

/** The whole message in one piece, for wires that cannot take it in several. */
export function join({ head, parts, byteLength }: Encoded): Uint8Array<ArrayBuffer> {
  if (parts.length === 0) return head
  const whole = new Uint8Array(byteLength)
  whole.set(head)
  let offset = head.byteLength
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.byteLength
  }
  return whole
}

/**
 * The inverse of `encode`, from one piece or from the pieces in which the wire delivered it. Arrays are views on these where they lie
 * within one and are aligned. Throws BadRequest for anything malformed.
 */
export function decode(data: Uint8Array | readonly Uint8Array[], limits: DecodeLimits): Message {
  const pieces = new Pieces(Array.isArray(data) ? (data as readonly Uint8Array[]) : [data as Uint8Array])
  if (pieces.byteLength < prefixBytes) throw malformed('it is too short')
  const start = pieces.range(0, prefixBytes)
  const prefix = new DataView(start.buffer, start.byteOffset, prefixBytes)
  if (prefix.getUint32(0, true) !== magic) throw malformed('it does not begin like one')
  const headBytes = prefix.getUint32(4, true)
  if (headBytes > limits.headBytes) throw malformed(`its head of ${headBytes} bytes is larger than the ${limits.headBytes} allowed`)
  const headEnd = prefixBytes + headBytes
  if (headEnd > pieces.byteLength) throw malformed('it ends within its head')

  const head = parseHead(pieces.range(prefixBytes, headBytes))
  let message = head[0]
  let offset = headEnd
  for (const reference of referencesOf(head[1])) {
    offset = padded(offset)
    const { array, path } = readArray(pieces, offset, reference)
    message = putArray(message, path, array)
    offset += array.byteLength
  }
  if (offset !== pieces.byteLength) throw malformed('it is longer than its head says')
  return message
}

/** Bytes that lie in several places, read as if they were one run. */
class Pieces {
  readonly #pieces: readonly Uint8Array[]
  readonly byteLength: number

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces
    this.byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0)
  }

  /** A view where one piece holds the whole range, a copy where several do. The range must be inside. */
  range(offset: number, length: number): Uint8Array {
    let start = 0
    let copy: Uint8Array | undefined
    for (const piece of this.#pieces) {
      const from = Math.max(offset, start)
      const to = Math.min(offset + length, start + piece.byteLength)
      if (from < to) {
        const part = piece.subarray(from - start, to - start)
        if (part.byteLength === length) return part
        copy ??= new Uint8Array(length)
        copy.set(part, from - offset)
      }
      start += piece.byteLength
    }
    return copy ?? new Uint8Array(length)
  }
}

function parseHead(bytes: Uint8Array): unknown[] {
  let head: unknown
  try {
    head = JSON.parse(decoder.decode(bytes))
  } catch (error) {
    throw malformed(`its head is not JSON (${messageOf(error)})`)
  }
  if (!Array.isArray(head) || head.length < 1 || head.length > 2) throw malformed('its head is not a message')
  return head
}

function referencesOf(value: unknown): unknown[] {
  if (value === undefined) return []
  if (!Array.isArray(value) || value.length > maxArrays) throw malformed('its list of arrays is wrong')
  return value
}

function readArray(pieces: Pieces, offset: number, reference: unknown): { array: TypedArray; path: Path } {
  if (!Array.isArray(reference) || reference.length !== 3) throw malformed('its list of arrays is wrong')
  const [type, length, path] = reference as unknown[]
  if (typeof type !== 'string' || !Object.hasOwn(arrayTypes, type)) throw malformed('it names an unknown type of array')
  if (!isPath(path)) throw malformed('it names an impossible place for an array')
  const ArrayType = arrayTypes[type as ArrayTypeName]
  const size = ArrayType.BYTES_PER_ELEMENT
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0 || offset + length * size > pieces.byteLength)
    throw malformed('an array is longer than the message')
  const bytes = pieces.range(offset, length * size)
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return { array: new ArrayType(buffer as ArrayBuffer, byteOffset, length), path }
}

function isPath(value: unknown): value is Path {
  if (!Array.isArray(value) || value.length > maxDepth) return false
  return value.every((key) => (typeof key === 'string' && key !== '__proto__') || (Number.isSafeInteger(key) && key >= 0))
}

function putArray(message: unknown, path: Path, array: TypedArray): unknown {
  const last = path.at(-1)
  if (last === undefined) {
    if (message !== null) throw malformed('an array has no place in it')
    return array
  }
  let holder = message
  for (const key of path.slice(0, -1)) holder = ownProperty(holder, key)
  if (ownProperty(holder, last) !== null) throw malformed('an array has no place in it')
  ;(holder as Record<string | number, unknown>)[last] = array
  return message
}

function ownProperty(holder: unknown, key: string | number): unknown {
  if (typeof holder !== 'object' || holder === null || isTypedArray(holder) || !Object.hasOwn(holder, key))
    throw malformed('an array has no place in it')
  return (holder as Record<string | number, unknown>)[key]
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

function malformed(why: string): AppError {
  return new AppError('BadRequest', `A message could not be read: ${why}.`)
}
