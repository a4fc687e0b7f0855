/** Writes zips for tests, also such as no honest program writes (PKWARE APPNOTE 6.3: local headers, central directory, its end). */
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipEntry {
  readonly name: string
  readonly data: Buffer
  /** Unix mode with the file type; default a plain file. */
  readonly mode?: number
  /** Sizes that the directory states instead of the true ones. */
  readonly stated?: { readonly size?: number; readonly compressed?: number }
  readonly flags?: number
  /** Begins where this entry's bytes begin, instead of having its own. */
  readonly shares?: string
}

export function makeZip(entries: readonly ZipEntry[]): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  const starts = new Map<string, number>()
  let at = 0
  for (const { name, data, mode = 0o100644, stated = {}, flags = 0, shares } of entries) {
    const bytes = deflateRawSync(data)
    const names = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(0x800 | flags, 2)
    common.writeUInt16LE(8, 4)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(stated.compressed ?? bytes.length, 14)
    common.writeUInt32LE(stated.size ?? data.length, 18)
    common.writeUInt16LE(names.length, 22)
    const start = shares === undefined ? at : (starts.get(shares) ?? at)
    starts.set(name, start)
    if (shares === undefined) {
      const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, names, bytes])
      parts.push(local)
      at += local.length
    }
    const central = Buffer.alloc(46)
    central.write('PK\x01\x02', 'latin1')
    central[4] = 30
    central[5] = 3
    common.copy(central, 6)
    central.writeUInt32LE((mode << 16) >>> 0, 38)
    central.writeUInt32LE(start, 42)
    directory.push(central, names)
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(central.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...parts, central, end])
}
