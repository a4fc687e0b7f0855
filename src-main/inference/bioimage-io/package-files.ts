/**
 * The files of a package, in a folder or in a zip, which is read in place and never unpacked: no name in it ever becomes a path.
 * Names come from strangers: what leads out of the package is refused, with the field that named it.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, posix, sep } from 'node:path'
import type { Readable } from 'node:stream'
import { messageOf } from '#shared/errors.ts'
import { FieldProblem } from './field-problem.ts'
import { openZip } from './zip.ts'

export interface PackageFiles extends AsyncDisposable {
  /** Name of the description, relative to the package. */
  readonly description: string
  /** Whether there is such a file. Throws FieldProblem for a name that leads out. */
  has(source: string, field: string): Promise<boolean>
  /** A file of at most `limit` bytes, to be read once. Throws FieldProblem: leads out, missing, or larger. */
  open(source: string, field: string, limit?: number): Promise<OpenFile>
}

export interface OpenFile {
  readonly size: number
  readonly stream: Readable
}

/** ONNX Runtime reads networks of at most 2 GiB; a Buffer may hold as much. */
export const largestFile = 2 ** 31 - 1

const chunkBytes = 1 << 18

/** All bytes of a file. Throws FieldProblem. */
export async function readBytes(files: PackageFiles, source: string, field: string, limit?: number): Promise<Buffer> {
  const { size, stream } = await files.open(source, field, limit)
  const bytes = Buffer.allocUnsafeSlow(size)
  let at = 0
  for await (const chunk of chunksOf(stream, source, field)) at += chunk.copy(bytes, at)
  if (at !== size) throw new FieldProblem(field, `"${source}" changed while it was read`)
  return bytes
}

/** Hash and size of a file, read in pieces: weights are large, and nobody wants to wait for them in one go. Throws FieldProblem. */
export async function digest(
  files: PackageFiles,
  source: string,
  field: string,
): Promise<{ readonly sha256: string; readonly size: number }> {
  const { size, stream } = await files.open(source, field)
  const hash = createHash('sha256')
  for await (const chunk of chunksOf(stream, source, field)) hash.update(chunk)
  return { sha256: hash.digest('hex'), size }
}

/** The first bytes of a file, at most `length`. Throws FieldProblem. */
export async function firstBytes(files: PackageFiles, source: string, field: string, length: number): Promise<Buffer> {
  const { stream } = await files.open(source, field)
  const parts: Buffer[] = []
  let filled = 0
  for await (const chunk of chunksOf(stream, source, field)) {
    parts.push(chunk)
    filled += chunk.length
    if (filled >= length) break
  }
  return Buffer.concat(parts).subarray(0, length)
}

async function* chunksOf(stream: Readable, source: string, field: string): AsyncGenerator<Buffer, void> {
  try {
    for await (const chunk of stream) yield chunk as Buffer
  } catch (error) {
    throw new FieldProblem(field, `"${source}" cannot be read (${messageOf(error)})`)
  } finally {
    stream.destroy()
  }
}

/** Usual names of a description, the first that is there is taken; else the only one that ends like the last two. */
const usualNames = ['rdf.yaml', 'bioimageio.yaml', 'model.yaml']
const endings = ['.bioimageio.yaml', '.rdf.yaml']

function isDescriptionName(name: string): boolean {
  return usualNames.includes(name) || endings.some((ending) => name.endsWith(ending))
}

/**
 * Opens a folder, a zip, or the folder around a description file. null where there is no description.
 * Throws FieldProblem for a zip that cannot be read or is hostile.
 */
export async function openPackageFiles(path: string): Promise<PackageFiles | null> {
  const info = await stat(path).catch(() => null)
  if (info?.isDirectory()) return openFolder(path, null)
  if (!info?.isFile()) return null
  if (/\.ya?ml$/i.test(path)) return openFolder(dirname(path), basename(path))
  return openZipFiles(path)
}

async function openFolder(folder: string, named: string | null): Promise<PackageFiles | null> {
  const description = named ?? chooseDescription(await readdir(folder).catch(() => []))
  if (description === null) return null
  const place = async (source: string, field: string) => {
    checkSource(source, field)
    const root = await realpath(folder)
    const path = await realpath(join(root, source)).catch(() => null)
    if (path === null) return null
    // Links have been followed, so a link cannot lead out either.
    if (!path.startsWith(root + sep)) throw new FieldProblem(field, `"${source}" lies outside the package`)
    const info = await stat(path)
    if (!info.isFile()) throw new FieldProblem(field, `"${source}" is not a file`)
    return { path, size: info.size }
  }
  return {
    description,
    has: async (source, field) => (await place(source, field)) !== null,
    open: async (source, field, limit = largestFile) => {
      const found = await place(source, field)
      if (!found) throw new FieldProblem(field, `the file "${source}" is missing`)
      if (found.size > limit) throw new FieldProblem(field, `"${source}" is far too large (${found.size} bytes)`)
      return { size: found.size, stream: createReadStream(found.path, { highWaterMark: chunkBytes }) }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function openZipFiles(path: string): Promise<PackageFiles | null> {
  const zip = await openZip(path)
  // Some tools pack the folder, others its contents.
  const description =
    chooseDescription(zip.names) ?? zip.names.find((name) => name.split('/').length === 2 && isDescriptionName(basename(name)))
  if (!description) {
    await zip[Symbol.asyncDispose]()
    return null
  }
  const root = posix.dirname(description)
  const entry = (source: string, field: string) => {
    checkSource(source, field)
    const name = posix.normalize(posix.join(root, source.replaceAll('\\', '/')))
    return zip.names.includes(name) ? name : null
  }
  return {
    description: posix.basename(description),
    has: async (source, field) => entry(source, field) !== null,
    open: async (source, field, limit = largestFile) => {
      const name = entry(source, field)
      if (name === null) throw new FieldProblem(field, `the file "${source}" is missing`)
      return zip.open(name, limit, field)
    },
    [Symbol.asyncDispose]: () => zip[Symbol.asyncDispose](),
  }
}

function chooseDescription(names: readonly string[]): string | null {
  const usual = usualNames.find((name) => names.includes(name))
  if (usual) return usual
  const [only, another] = names.filter((name) => !name.includes('/') && endings.some((ending) => name.endsWith(ending)))
  return only !== undefined && another === undefined ? only : null
}

/** Refuses what cannot be a file inside the package. */
function checkSource(source: string, field: string): void {
  if (/^[a-z][a-z0-9+.-]+:/i.test(source))
    throw new FieldProblem(field, `"${source}" is an address; only files inside the package are read`)
  if (isAbsolute(source) || /^([\\/]|[a-z]:)/i.test(source) || source.split(/[\\/]/).includes('..') || source.includes('\0')) {
    throw new FieldProblem(field, `"${source}" lies outside the package`)
  }
}
