/** Headers and directories of TIFF and BigTIFF, little-endian. Sources: TIFF 6.0 (Adobe, 1992), section 2; BigTIFF (libtiff). */
import { fieldType } from './tags.ts'

/** A value to be written: in its entry where it fits, else after the directory. */
export interface OwnValue {
  readonly type: number
  readonly count: number
  readonly bytes: Uint8Array
}

/** A value that lies in the file already. */
export interface ElsewhereValue {
  readonly type: number
  readonly count: number
  readonly offset: number
}

export interface Field {
  readonly tag: number
  readonly value: OwnValue | ElsewhereValue
}

function encoded(type: number, size: number, put: (view: DataView) => void): OwnValue {
  const view = new DataView(new ArrayBuffer(size))
  put(view)
  return { type, count: 1, bytes: new Uint8Array(view.buffer) }
}

export function short(value: number): OwnValue {
  return encoded(fieldType.short, 2, (view) => view.setUint16(0, value, true))
}

export function long(value: number): OwnValue {
  return encoded(fieldType.long, 4, (view) => view.setUint32(0, value, true))
}

/** A position or size in the file: 8 bytes in BigTIFF. */
export function fileOffset(value: number, big: boolean): OwnValue {
  return big ? encoded(fieldType.long8, 8, (view) => view.setBigUint64(0, BigInt(value), true)) : long(value)
}

export function ascii(text: string): OwnValue {
  const bytes = Buffer.from(`${text}\0`, 'ascii')
  return { type: fieldType.ascii, count: bytes.length, bytes }
}

export function rational(value: number): OwnValue {
  const [numerator, denominator] = ratioOf(value)
  return encoded(fieldType.rational, 8, (view) => {
    view.setUint32(0, numerator, true)
    view.setUint32(4, denominator, true)
  })
}

/** Everything in a TIFF begins at an even offset. */
export function even(position: number): number {
  return position + (position % 2)
}

export function headerBytes(firstDirectory: number, big: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(big ? 16 : 8))
  view.setUint16(0, 0x4949)
  view.setUint16(2, big ? 43 : 42, true)
  if (big) {
    view.setUint16(4, 8, true)
    view.setBigUint64(8, BigInt(firstDirectory), true)
  } else view.setUint32(4, firstDirectory, true)
  return new Uint8Array(view.buffer)
}

interface Layout {
  readonly countSize: number
  readonly entrySize: number
  readonly room: number
}

function layoutOf(big: boolean): Layout {
  return big ? { countSize: 8, entrySize: 20, room: 8 } : { countSize: 2, entrySize: 12, room: 4 }
}

/** The directory with the values that follow it, bytes. */
export function directorySize(fields: readonly Field[], big: boolean): number {
  const { countSize, entrySize, room } = layoutOf(big)
  const entries = even(countSize + entrySize * fields.length + room)
  return fields.reduce((size, { value }) => size + ('bytes' in value && value.bytes.length > room ? even(value.bytes.length) : 0), entries)
}

/** `at` is where the directory will lie, `next` where the following one will; 0 for none. Fields in ascending order of their tags. */
export function directoryBytes(fields: readonly Field[], at: number, next: number, big: boolean): Uint8Array {
  const { countSize, entrySize, room } = layoutOf(big)
  const bytes = new Uint8Array(directorySize(fields, big))
  const view = new DataView(bytes.buffer)
  const put = (position: number, value: number) =>
    big ? view.setBigUint64(position, BigInt(value), true) : view.setUint32(position, value, true)
  if (big) view.setBigUint64(0, BigInt(fields.length), true)
  else view.setUint16(0, fields.length, true)
  const end = countSize + entrySize * fields.length
  let tail = even(end + room)
  for (const [index, { tag, value }] of fields.entries()) {
    const entry = countSize + index * entrySize
    const place = entry + 4 + room
    view.setUint16(entry, tag, true)
    view.setUint16(entry + 2, value.type, true)
    put(entry + 4, value.count)
    if ('offset' in value) put(place, value.offset)
    else if (value.bytes.length <= room) bytes.set(value.bytes, place)
    else {
      put(place, at + tail)
      bytes.set(value.bytes, tail)
      tail += even(value.bytes.length)
    }
  }
  put(end, next)
  return bytes
}

/** The closest fraction with parts below 2³², by continued fractions. */
function ratioOf(value: number): readonly [number, number] {
  const limit = 2 ** 32 - 1
  let [before, now] = [
    [0, 1],
    [1, 0],
  ] as [[number, number], [number, number]]
  for (let rest = value; ; ) {
    const digit = Math.floor(rest)
    const next: [number, number] = [digit * now[0] + before[0], digit * now[1] + before[1]]
    if (next[0] > limit || next[1] > limit) return now
    before = now
    now = next
    const fraction = rest - digit
    if (fraction < 1e-9 || Math.abs(now[0] / now[1] - value) < value * 1e-14) return now
    rest = 1 / fraction
  }
}
