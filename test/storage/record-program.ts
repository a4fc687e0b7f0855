/**
 * Records the frames of `frames.ts` as fast as it can until it is killed or the disk refuses, and says on its standard output which frames
 * are finished. Arguments: the data folder, the OME-Zarr version, and how many frames at most.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openSessionStore } from '#main/storage/session.ts'
import { errorToData } from '#shared/errors.ts'
import { frame, newSession, sha256 } from './frames.ts'

const [folder = '', version = '0.5', most = '1000000'] = process.argv.slice(2)
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`)

const store = await openSessionStore(folder)
const writer = await store.create(newSession({ omeZarrVersion: version === '0.4' ? '0.4' : '0.5' }))
let failure: unknown
const waiting: Promise<unknown>[] = []
for (let index = 0; index < Number(most) && !failure; index++) {
  const written = writer.append(frame(index)).then(
    () => say({ finished: index }),
    (error) => {
      failure ??= error
    },
  )
  waiting.push(written)
  // Four frames wait at most, like a camera's queue.
  if (waiting.length > 3) await waiting.shift()
}
await Promise.all(waiting)
await writer.finish().catch((error) => {
  failure ??= error
})
if (failure) say({ failed: errorToData(failure) })

// A disk that exists for this process only must be looked at from here.
const session = await (await openSessionStore(folder)).open(writer.id)
const same: boolean[] = []
for (let index = 0; index < session.frames.length; index++) {
  same.push(sha256((await session.read(index)).data) === sha256(frame(index).data))
}
const left = (await readdir(join(folder, writer.id))).filter((name) => name.endsWith('.partial'))
say({ reopened: { frames: same.length, allSame: same.every(Boolean), complete: session.summary.complete, notes: session.notes, left } })
