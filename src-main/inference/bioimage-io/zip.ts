/**
 * A zip of a stranger, read entry by entry (yauzl reads the directory at its end, and checks each size while it inflates).
 * The whole is refused where any name leads out or appears twice, an entry is a link or encrypted, or the sizes are those of a bomb.
 */
import { type Entry, open as openFile, type ZipFile } from 'yauzl'
import { messageOf } from '#shared/errors.ts'
import { FieldProblem } from './field-problem.ts'
import type { OpenFile } from './package-files.ts'

export interface Zip extends AsyncDisposable {
  /** Names of the files, with forward slashes. */
  readonly names: readonly string[]
  open(name: string, limit: number, field: string): Promise<OpenFile>
}

const limits = {
  entries: 4096,
  /** Sum of all files, bytes. */
  total: 8 * 2 ** 30,
  /** Inflated / stored size of a file above a MiB; Deflate itself reaches 1032. */
  ratio: 200,
}

/** Throws FieldProblem with the field "zip". */
export async function openZip(path: string): Promise<Zip> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    openFile(path, { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: true }, (error, opened) => {
      if (error) reject(refusal(`cannot be read (${messageOf(error)})`))
      else resolve(opened)
    })
  })
  try {
    const entries = await readEntries(zip)
    return {
      names: [...entries.keys()],
      open: (name, limit, field) => openEntry(zip, entries.get(name) as Entry, limit, field),
      [Symbol.asyncDispose]: async () => zip.close(),
    }
  } catch (error) {
    zip.close()
    throw error
  }
}

function refusal(reason: string): FieldProblem {
  return new FieldProblem('zip', reason)
}

function readEntries(zip: ZipFile): Promise<Map<string, Entry>> {
  return new Promise((resolve, reject) => {
    const entries = new Map<string, Entry>()
    const seen = new Set<string>()
    let total = 0
    let stored = 0
    if (zip.entryCount > limits.entries) reject(refusal(`holds ${zip.entryCount} files, more than ${limits.entries}`))
    zip.on('error', (error: unknown) => reject(refusal(`is damaged or hostile (${messageOf(error)})`)))
    zip.on('end', () => resolve(entries))
    zip.on('entry', (entry: Entry) => {
      try {
        checkEntry(entry)
        total += entry.uncompressedSize
        stored += entry.compressedSize
        if (total > limits.total) throw refusal(`would unpack to more than ${limits.total / 2 ** 30} GiB`)
        // Files that share their bytes are how the worst bombs are made.
        if (stored > zip.fileSize) throw refusal('has files that lie over each other')
        const folded = entry.fileName.toLowerCase().replace(/\/$/, '')
        if (seen.has(folded)) throw refusal(`has two files called "${entry.fileName}"`)
        seen.add(folded)
        if (!entry.fileName.endsWith('/')) entries.set(entry.fileName, entry)
        zip.readEntry()
      } catch (error) {
        reject(error)
      }
    })
    zip.readEntry()
  })
}

/** Upper half of the attributes: the mode of Unix, whose file type 0o12 is a link; below 0o10 comes no type at all. */
function checkEntry(entry: Entry): void {
  const { fileName } = entry
  const type = (entry.externalFileAttributes >>> 16) >>> 12
  const unix = entry.versionMadeBy >>> 8 === 3 || entry.versionMadeBy >>> 8 === 19
  if (unix && type !== 0 && type !== 0o10 && type !== 0o4) throw refusal(`"${fileName}" is a link or a device, not a file`)
  if (/\p{Cc}/u.test(fileName) || fileName.split('/').some((part) => part === '.' || part === '..')) {
    throw refusal(`"${fileName}" is no name of a file`)
  }
  if (entry.isEncrypted()) throw refusal(`"${fileName}" is encrypted`)
  if (entry.uncompressedSize > 2 ** 20 && entry.uncompressedSize > limits.ratio * entry.compressedSize) {
    throw refusal(`"${fileName}" would unpack to ${Math.round(entry.uncompressedSize / Math.max(1, entry.compressedSize))} times its size`)
  }
}

function openEntry(zip: ZipFile, entry: Entry, limit: number, field: string): Promise<OpenFile> {
  if (entry.uncompressedSize > limit) {
    return Promise.reject(new FieldProblem(field, `"${entry.fileName}" is far too large (${entry.uncompressedSize} bytes)`))
  }
  return new Promise((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error) reject(new FieldProblem(field, `"${entry.fileName}" cannot be unpacked (${messageOf(error)})`))
      else resolve({ size: entry.uncompressedSize, stream })
    })
  })
}
