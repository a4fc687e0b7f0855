/** A captured session as a file for a network: an OME-TIFF beside the results, which lives as long as its job. */
import { randomUUID } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '#shared/errors.ts'
import type { SessionStore } from '../storage/dataset.ts'
import { makeFolder } from '../storage/disk.ts'
import type { NewJob } from './jobs.ts'

/** Hidden names of ours: the process that made it, and a number nobody else has. */
const hidden = /^\.session-(\d+)-[0-9a-f-]{36}\.ome\.tif/

/** Rejects with BadRequest for a session that a network made. `folder`: where results go; the file is written when its job begins. */
export async function sessionFile(
  store: SessionStore,
  session: string,
  folder: string,
): Promise<Pick<NewJob, 'path' | 'name' | 'prepare'>> {
  const { summary, provenance } = await store.open(session)
  if (provenance)
    throw new AppError('BadRequest', `“${summary.name}” was made by a network. Choose the camera’s own session, which lies beside it.`, {
      session,
    })
  const path = join(folder, `.session-${process.pid}-${randomUUID()}.ome.tif`)
  const prepare = async (signal: AbortSignal) => {
    await makeFolder(folder)
    await sweep(folder)
    await store.exportTiff(session, signal, path)
  }
  return { path, name: summary.name, prepare }
}

/** Removes what a process left that died. */
async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = Number(hidden.exec(name)?.[1])
    if (owner > 0 && !isAlive(owner)) await rm(join(folder, name), { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
