/**
 * Brings a package into the user's folder, or takes it away. A zip stays a zip, a folder is copied; either is read as a whole under a
 * hidden name first, and gets its own name by one renaming: a package is there or it is not.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, lstat, mkdir, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AppError, isAbort, isError, messageOf } from '#shared/errors.ts'
import { FieldProblem } from './bioimage-io/field-problem.ts'
import { idOf, readPackage } from './catalog.ts'

export interface ImportRequest {
  readonly name?: string
  readonly as?: string
  readonly signal?: AbortSignal
  /** Ids that are in use. */
  readonly taken: readonly string[]
}

const limits = { files: 4096, bytes: 8 * 2 ** 30, depth: 16 } as const
const temporaryPrefix = '.import-'
const removedPrefix = '.removed-'
/** What a killed program left behind is swept away when it is this old, ms. */
const staleMs = 24 * 3600 * 1000

/** Resolves to the id. Rejects with ModelInvalid, StorageFull, StorageRefused or AbortError, and leaves nothing behind. */
export async function importPackage(source: string, folder: string, request: ImportRequest): Promise<string> {
  const name = request.name ?? basename(source)
  const info = await stat(source).catch(() => null)
  if (!info) throw new AppError('ModelInvalid', `There is nothing at "${source}" to import.`, { path: source })
  const described = info.isFile() && /\.ya?ml$/i.test(source)
  const from = described ? dirname(source) : source
  const id = chooseId(request.as ?? idOf(described ? source : name))
  const folded = id.toLowerCase()
  if (request.taken.some((each) => each.toLowerCase() === folded)) {
    throw new AppError(
      'ModelInvalid',
      `The model was not imported: id: another model is called "${id}". Remove that one, or import this one under another name.`,
      {
        model: id,
        field: 'id',
      },
    )
  }
  const zipped = info.isFile() && !described
  const ending = zipped ? '.zip' : ''
  const temporary = join(folder, `${temporaryPrefix}${randomUUID()}${ending}`)
  try {
    // Not recursive: where a file system takes no folders, Node 20 would try for ever.
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await sweep(folder)
    if (zipped) await copyFile(from, temporary, constants.COPYFILE_FICLONE)
    else await copyTree(from, temporary, { files: 0, bytes: 0, ...(request.signal ? { signal: request.signal } : {}) })
    request.signal?.throwIfAborted()
    await requireRunnable(temporary, name)
    request.signal?.throwIfAborted()
    await settle(temporary, join(folder, `${id}${ending}`), zipped)
    return id
  } catch (error) {
    if (isAbort(error) || isError(error)) throw error
    if (error instanceof FieldProblem) throw refusal(name, error.message, error.field)
    throw storageProblem(error, `“${name}” could not be copied into the model folder “${folder}”`, folder)
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** Deletes a package: out of sight by one renaming, then file by file. Links are removed, not followed. */
export async function removePackage(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isDirectory()) return await unlink(path)
    const hidden = join(dirname(path), `${removedPrefix}${randomUUID()}`)
    await rename(path, hidden)
    await rm(hidden, { recursive: true, force: true })
  } catch (error) {
    throw storageProblem(error, `The model in “${path}” could not be removed`, path)
  }
}

async function requireRunnable(path: string, name: string): Promise<void> {
  const entry = await readPackage(path)
  if (!entry) throw refusal(name, 'it holds no description (rdf.yaml)', 'rdf.yaml')
  const { usable, valid, problem, field } = entry.summary
  if (!usable) throw refusal(name, `${valid ? 'it is ' : ''}${problem}`, field)
}

function refusal(name: string, reason: string, field: string | null): AppError {
  return new AppError('ModelInvalid', `“${name}” was not imported: ${reason}.`, { field })
}

function storageProblem(error: unknown, what: string, path: string): AppError {
  const full = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
  return new AppError(full ? 'StorageFull' : 'StorageRefused', `${what}: ${messageOf(error)}.`, { path }, error)
}

interface Progress {
  files: number
  bytes: number
  readonly signal?: AbortSignal
}

/** Copies files and folders, and refuses everything else. */
async function copyTree(from: string, to: string, progress: Progress, depth = 0): Promise<void> {
  if (depth > limits.depth) throw new FieldProblem('package', `has folders more than ${limits.depth} deep`)
  await mkdir(to)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    progress.signal?.throwIfAborted()
    const source = join(from, entry.name)
    if (entry.isDirectory()) {
      await copyTree(source, join(to, entry.name), progress, depth + 1)
      continue
    }
    if (!entry.isFile()) throw new FieldProblem('package', `"${entry.name}" is a link or a device, not a file`)
    progress.files++
    progress.bytes += (await lstat(source)).size
    if (progress.files > limits.files) throw new FieldProblem('package', `holds more than ${limits.files} files`)
    if (progress.bytes > limits.bytes) throw new FieldProblem('package', `is larger than ${limits.bytes / 2 ** 30} GiB`)
    await copyFile(source, join(to, entry.name), constants.COPYFILE_FICLONE)
  }
}

/** Gives the finished package its name; another program may have taken it meanwhile, and is not overwritten. */
async function settle(temporary: string, path: string, zipped: boolean): Promise<void> {
  if (!zipped) return rename(temporary, path)
  try {
    await link(temporary, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw error
    // Some file systems know no second name for a file.
    await rename(temporary, path)
  }
}

/** An id that is a harmless file name everywhere. */
function chooseId(wanted: string): string {
  const plain = wanted
    .normalize('NFKD')
    .replace(/[^\w.-]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '')
    .slice(0, 100)
  // Names that Windows keeps for its devices.
  return /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(plain) ? `model-${plain}` : plain || 'model'
}

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.startsWith(temporaryPrefix) && !name.startsWith(removedPrefix)) continue
    const path = join(folder, name)
    const info = await lstat(path).catch(() => null)
    if (info && Date.now() - info.mtimeMs > staleMs) await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}
