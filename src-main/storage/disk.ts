/** The disk below the data folder: free space, failures in words, files that appear whole or not at all. */
import { constants } from 'node:fs'
import { access, open, rename, rm, statfs } from 'node:fs/promises'
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

const writeFailures: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file system or a limit of this account allows no larger file',
  EROFS: 'the disk is read-only',
  EACCES: 'writing there is not permitted',
  EPERM: 'writing there is not permitted',
  EIO: 'the disk reported an error',
  ENOENT: 'the folder is no longer there',
  ENODEV: 'the disk is no longer there',
}

/** A failed write as StorageFull with path and free space, whatever the system called it. Cancelling and own errors pass through. */
export async function storageError(error: unknown, path: string, folder: string): Promise<Error> {
  if (isAbort(error) || isError(error)) return error as Error
  const code = (error as NodeJS.ErrnoException | null)?.code ?? ''
  const free = await freeBytes(folder)
  const why = writeFailures[code] ?? messageOf(error)
  const space = free === null ? '' : `; ${sizeText(free)} are free`
  return new AppError('StorageFull', `Cannot write ${path}: ${why}${space}.`, { path, freeBytes: free, code }, error)
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
