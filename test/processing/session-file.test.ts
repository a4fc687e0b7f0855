/** A session as the file of a job: only of the camera, written when the job begins, and what a dead process left is removed. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sessionFile } from '#main/processing/session-file.ts'
import type { SessionStore } from '#main/storage/dataset.ts'
import { abortError } from '#shared/errors.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-session-file-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function storeOf(provenance: object | null): SessionStore {
  const open = async () => ({ summary: { name: 'drug A/B' }, provenance })
  const exportTiff = async (_: string, signal?: AbortSignal, path = '') => {
    if (signal?.aborted) throw abortError()
    await writeFile(path, 'tiff')
    return path
  }
  return { open, exportTiff } as unknown as SessionStore
}
const going = () => new AbortController().signal

test('a session that a network made is refused with what to do', async () => {
  await expect(sessionFile(storeOf({ model: 'widefield-sr' }), 's', folder)).rejects.toMatchObject({
    kind: 'BadRequest',
    message: expect.stringContaining('the camera’s own session'),
  })
})

test('the file is hidden beside the results and made when its job begins; leftovers of a dead process go, others stay', async () => {
  const results = join(folder, 'enhanced')
  const { path, name, prepare } = await sessionFile(storeOf(null), 's', results)
  expect(name).toBe('drug A/B')
  expect(basename(path)).toMatch(/^\.session-\d+-[0-9a-f-]{36}\.ome\.tif$/)
  const id = '0b7ff2a8-5a0c-4f86-9a8d-7d2a5b9d7c11'
  await mkdir(results)
  // No system gives a process the largest number.
  const [dead, alive, other] = [
    `.session-2147483646-${id}.ome.tif.1a2b3c4d.partial`,
    `.session-${process.pid}-${id}.ome.tif`,
    'cells.ome.tif',
  ]
  for (const each of [dead, alive, other]) await writeFile(join(results, each), '')
  await prepare?.(going())
  expect((await readdir(results)).sort()).toEqual([alive, basename(path), other].sort())
})

test('a job that is cancelled before leaves no file', async () => {
  const { prepare } = await sessionFile(storeOf(null), 's', folder)
  await expect(prepare?.(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
  expect(await readdir(folder)).toEqual([])
})
