/** Typed arrays inside messages: found, counted, replaced. */
import type { Message } from './transport.ts'

export const arrayTypes = {
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
}
export type ArrayTypeName = keyof typeof arrayTypes
export type TypedArray = InstanceType<(typeof arrayTypes)[ArrayTypeName]>

/** Keys and indices from the message down to a value. */
export type Path = (string | number)[]

export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView)
}

/** The message with every typed array replaced; only what holds one is copied. `path` is reused: copy it to keep it. */
export function replaceArrays(value: Message, replace: (array: TypedArray, path: Path) => unknown, path: Path = []): Message {
  if (typeof value !== 'object' || value === null) return value
  if (isTypedArray(value)) return replace(value, path)
  // Both loops are on the way of every frame's header; an iterator over an array of numbers would cost more than the rest.
  if (Array.isArray(value)) {
    let copy: unknown[] | undefined
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index]
      const replaced = replaceItem(item, replace, path, index)
      if (replaced === item) continue
      copy ??= [...value]
      copy[index] = replaced
    }
    return copy ?? value
  }
  const source = value as Record<string, unknown>
  let copy: Record<string, unknown> | undefined
  for (const key of Object.keys(source)) {
    const item = source[key]
    const replaced = replaceItem(item, replace, path, key)
    if (replaced === item) continue
    copy ??= { ...source }
    copy[key] = replaced
  }
  return copy ?? value
}

function replaceItem(item: unknown, replace: (array: TypedArray, path: Path) => unknown, path: Path, key: string | number): unknown {
  if (typeof item !== 'object' || item === null) return item
  path.push(key)
  const replaced = replaceArrays(item, replace, path)
  path.pop()
  return replaced
}

/** Bytes of all typed arrays inside a message. */
export function binaryBytes(message: Message): number {
  let bytes = 0
  replaceArrays(message, (array) => {
    bytes += array.byteLength
    return array
  })
  return bytes
}

/**
 * The message with arrays that see only a part of their buffer copied into buffers of their own, because a structured clone takes
 * the whole buffer along, and so with those for which `also` says so. `buffers` are the new ones: nobody else holds them.
 */
export function ownBuffers(
  message: Message,
  also: (array: TypedArray) => boolean = () => false,
): { readonly message: Message; readonly buffers: readonly ArrayBuffer[] } {
  const buffers: ArrayBuffer[] = []
  const own = replaceArrays(message, (array) => {
    const whole = array.buffer instanceof ArrayBuffer && array.byteLength === array.buffer.byteLength
    if (whole && !also(array)) return array
    const copy = array instanceof Uint8Array ? new Uint8Array(array) : array.slice()
    buffers.push(copy.buffer as ArrayBuffer)
    return copy
  })
  return { message: own, buffers }
}
