/** The disk below the data folder: free space, failures in words, files that appear whole or not at all. */
import { constants } from 'node:fs'
import { access, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { storageStateSchema } from '#shared/api.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, isAbort, isError, messageOf } from '#shared/errors.ts'
import type { z } from '#shared/zod.ts'

export type StorageState = z.infer<typeof storageStateSchema>

/** Bytes that an ordinary user may still write below `folder`; null where the system does not say. */
export async function freeBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder)
    return Number(bavail) * Number(bsize)
  } catch {
    return null
  }
}

/** Free space for a person: "1.4 GB". */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3))
  const value = bytes / 1000 ** step
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step]}`
}

/**
 * Makes a folder and those above it, one by one. `mkdir` with `recursive` does not: below a file system that takes no folders, such as
 * /proc, it tries for ever and fills the memory (Node 20). Rejects with the system's error.
 */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder)
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) return
  if (found) throw Object.assign(new Error(`${path} is a file.`), { code: 'ENOTDIR' })
  if (dirname(path) !== path) await makeFolder(dirname(path))
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    // Another program may have made it meanwhile.
    if (error.code === 'EEXIST') return
    // The folder above is there: what is missing is a file system that takes folders.
    if (error.code === 'ENOENT') throw Object.assign(new Error(`No folder can be made in ${dirname(path)}.`), { code: 'ENOTSUP' })
    throw error
  })
}

/** What only more room can mend. */
const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

const writeFailures: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file system or a limit of this account allows no larger file',
  EROFS: 'the disk is read-only',
  EACCES: 'writing there is not permitted',
  EPERM: 'writing there is not permitted',
  EIO: 'the disk reported an error',
  ENOENT: 'the folder is no longer there',
  ENOTSUP: 'no folder can be made there',
  ENODEV: 'the disk is no longer there',
  ENOTDIR: 'a file is where a folder is needed',
  EEXIST: 'something else is there already',
  ENAMETOOLONG: 'the name is too long',
}

/** A failed write as StorageFull with the free space, or as StorageRefused; both name the path. Cancelling and own errors pass through. */
export async function storageError(error: unknown, path: string, folder: string): Promise<Error> {
  if (isAbort(error) || isError(error)) return error as Error
  const code = (error as NodeJS.ErrnoException | null)?.code ?? ''
  const free = await freeBytes(folder)
  const why = writeFailures[code] ?? messageOf(error)
  const full = fullCodes.has(code)
  const space = full && free !== null ? `; ${sizeText(free)} are free` : ''
  return new AppError(
    full ? 'StorageFull' : 'StorageRefused',
    `Cannot write ${path}: ${why}${space}.`,
    { path, freeBytes: free, code },
    error,
  )
}

/** Writes a small file under a temporary name beside it and renames it into place. Others see the old file or the new one, never a part. */
export async function replaceFile(path: string, text: string, flush = false): Promise<void> {
  const temporary = `${path}.partial`
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(text)
      if (flush) await file.datasync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

/** Makes names in a folder survive the death of the machine. Windows cannot flush folders and needs it not. */
export async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export interface StorageWatch extends Disposable {
  readonly state: ReadonlyCell<StorageState>
  /** Looks at the disk now. */
  refresh(): Promise<void>
}

/** Below this much free space the state carries a warning, bytes. */
const lowSpace = 2e9

/** Watches free space and writability of a folder. Whoever calls this disposes it. */
export function watchStorage(folder: string, options: { readonly intervalMs?: number } = {}): StorageWatch {
  const state = new Cell<StorageState>({ folder, freeBytes: null, writable: false, problem: null })
  const refresh = async () => {
    const next = await storageState(folder)
    const { value } = state
    const same = next.freeBytes === value.freeBytes && next.writable === value.writable && next.problem === value.problem
    if (!same) state.set(next)
  }
  void refresh()
  const timer = setInterval(() => void refresh(), options.intervalMs ?? 2000)
  timer.unref()
  return { state, refresh, [Symbol.dispose]: () => clearInterval(timer) }
}

async function storageState(folder: string): Promise<StorageState> {
  const free = await freeBytes(folder)
  try {
    await access(folder, constants.W_OK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const why = writeFailures[code] ?? messageOf(error)
    return { folder, freeBytes: free, writable: false, problem: `Cannot write to the data folder ${folder}: ${why}.` }
  }
  const low = free !== null && free < lowSpace
  return { folder, freeBytes: free, writable: true, problem: low ? `Only ${sizeText(free)} are free in ${folder}.` : null }
}
