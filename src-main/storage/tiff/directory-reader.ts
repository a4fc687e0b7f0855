/** Headers and directories of TIFF and BigTIFF, either byte order, from files that may lie. Sources: TIFF 6.0 (Adobe, 1992); BigTIFF (libtiff). */
import type { TiffBytes } from './file.ts'
import { fieldSize, fieldType } from './tags.ts'

/** Far beyond any real file; a damaged one must not keep the reader busy for ever. */
const mostDirectories = 1_000_000
const mostEntries = 4096
const mostValues = 4_000_000

interface Entry {
  readonly type: number
  readonly count: number
  /** Where the values lie. */
  readonly offset: number
}

export class Directory {
  readonly #file: TiffBytes
  readonly #entries: ReadonlyMap<number, Entry>
  readonly littleEndian: boolean

  constructor(file: TiffBytes, entries: ReadonlyMap<number, Entry>, littleEndian: boolean) {
    this.#file = file
    this.#entries = entries
    this.littleEndian = littleEndian
  }

  has(tag: number): boolean {
    return this.#entries.has(tag)
  }

  count(tag: number): number {
    return this.#entries.get(tag)?.count ?? 0
  }

  /** Every value of a tag; a rational as its quotient. Empty where the tag is absent. */
  async numbers(tag: number): Promise<Float64Array> {
    const entry = this.#entries.get(tag)
    if (!entry) return new Float64Array()
    const size = fieldSize[entry.type]
    if (size === undefined || entry.count > mostValues)
      throw this.#file.invalid(`is damaged: tag ${tag} holds ${entry.count} values of type ${entry.type}`)
    const view = await this.#file.peek(entry.offset, size * entry.count, `tag ${tag}`)
    const values = new Float64Array(entry.count)
    for (let i = 0; i < values.length; i++) values[i] = readNumber(view, i * size, entry.type, this.littleEndian)
    return values
  }

  async number(tag: number, fallback: number): Promise<number> {
    return (await this.numbers(tag))[0] ?? fallback
  }

  /** Text up to `limit` bytes; null where the tag is absent. */
  async text(tag: number, limit: number): Promise<string | null> {
    const entry = this.#entries.get(tag)
    if (!entry || (entry.type !== fieldType.ascii && entry.type !== fieldType.byte)) return null
    if (entry.count > limit) throw this.#file.invalid(`holds a description of ${entry.count} bytes; at most ${limit} are read`)
    const view = await this.#file.peek(entry.offset, entry.count, `tag ${tag}`)
    return new TextDecoder().decode(view).replace(/\0+$/, '')
  }

  async bytes(tag: number, limit: number): Promise<Uint8Array | null> {
    const entry = this.#entries.get(tag)
    if (!entry || entry.count > limit || fieldSize[entry.type] !== 1) return null
    return this.#file.read(entry.offset, entry.count, `tag ${tag}`)
  }
}

/** The main directories, in the file's order. Rejects with DatasetInvalid for what is no TIFF, is cut short or goes in circles. */
export async function readDirectories(file: TiffBytes): Promise<Directory[]> {
  const { littleEndian, big, first } = await readHeader(file)
  const directories: Directory[] = []
  const seen = new Set<number>()
  for (let offset = first; offset !== 0; ) {
    if (seen.has(offset)) throw file.invalid('is damaged: its directories go in a circle')
    if (directories.length === mostDirectories) throw file.invalid(`holds more than ${mostDirectories} pictures`)
    seen.add(offset)
    const { entries, next } = await readEntries(file, offset, littleEndian, big)
    directories.push(new Directory(file, entries, littleEndian))
    offset = next
  }
  if (directories.length === 0) throw file.invalid('is cut short or damaged: it has no directory')
  return directories
}

async function readHeader(file: TiffBytes) {
  const notTiff = () => file.invalid('is not a TIFF file')
  if (file.size < 8) throw notTiff()
  const view = await file.peek(0, Math.min(16, file.size), 'the header')
  const order = view.getUint16(0)
  const littleEndian = order === 0x4949
  if (!littleEndian && order !== 0x4d4d) throw notTiff()
  const version = view.getUint16(2, littleEndian)
  if (version === 42) return { littleEndian, big: false, first: view.getUint32(4, littleEndian) }
  const big = version === 43 && view.byteLength === 16 && view.getUint16(4, littleEndian) === 8
  if (!big) throw notTiff()
  return { littleEndian, big, first: Number(view.getBigUint64(8, littleEndian)) }
}

async function readEntries(file: TiffBytes, offset: number, littleEndian: boolean, big: boolean) {
  const what = `the directory at ${offset}`
  const [countSize, entrySize, room] = big ? [8, 20, 8] : [2, 12, 4]
  const wide = (view: DataView, at: number) => (big ? Number(view.getBigUint64(at, littleEndian)) : view.getUint32(at, littleEndian))
  const head = await file.peek(offset, countSize, what)
  const count = big ? Number(head.getBigUint64(0, littleEndian)) : head.getUint16(0, littleEndian)
  if (count === 0 || count > mostEntries) throw file.invalid(`is damaged: ${what} has ${count} entries`)
  const view = await file.peek(offset + countSize, count * entrySize + room, what)
  const entries = new Map<number, Entry>()
  for (let i = 0; i < count; i++) {
    const at = i * entrySize
    const type = view.getUint16(at + 2, littleEndian)
    const values = wide(view, at + 4)
    const inside = (fieldSize[type] ?? 1) * values <= room
    const place = inside ? offset + countSize + at + 4 + room : wide(view, at + 4 + room)
    entries.set(view.getUint16(at, littleEndian), { type, count: values, offset: place })
  }
  return { entries, next: wide(view, count * entrySize) }
}

function readNumber(view: DataView, at: number, type: number, littleEndian: boolean): number {
  switch (type) {
    case 3:
      return view.getUint16(at, littleEndian)
    case 4:
    case 13:
      return view.getUint32(at, littleEndian)
    case 5:
      return view.getUint32(at, littleEndian) / view.getUint32(at + 4, littleEndian)
    case 6:
      return view.getInt8(at)
    case 8:
      return view.getInt16(at, littleEndian)
    case 9:
      return view.getInt32(at, littleEndian)
    case 10:
      return view.getInt32(at, littleEndian) / view.getInt32(at + 4, littleEndian)
    case 11:
      return view.getFloat32(at, littleEndian)
    case 12:
      return view.getFloat64(at, littleEndian)
    case 16:
    case 18:
      return Number(view.getBigUint64(at, littleEndian))
    case 17:
      return Number(view.getBigInt64(at, littleEndian))
    default:
      return view.getUint8(at)
  }
}
