import { existsSync } from 'node:fs'
import { access, copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { Jobs, type NewJob } from '#main/processing/jobs.ts'
import { secondsLeft } from '#main/processing/remaining.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import type { Job } from '#shared/api.ts'
import { AppError, abortError } from '#shared/errors.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { withoutNormalisation, writePackage } from '#test/inference/packages.ts'

let worker: Bundle
let folder: string
let inference: RunningInference
let judgeProgram: Bundle
let judge: TrustThread
let tiff: string

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  judgeProgram = await bundle('src-main/analysis/trust/worker.ts')
  judge = new TrustThread(judgeProgram.path)
  folder = await mkdtemp(join(tmpdir(), 'deepscope-jobs-'))
  await writePackage(join(folder, 'models'), 'echo', { network: 'echo' })
  await writePackage(join(folder, 'models'), 'delay', { network: 'delay', change: withoutNormalisation })
  inference = startInference({ modelsFolders: [join(folder, 'models')], provider: 'cpu', entry: worker.path })
  tiff = await writeTiff('small.ome.tif', 64, 3)
})
afterAll(async () => {
  await inference?.[Symbol.asyncDispose]()
  await worker?.[Symbol.asyncDispose]()
  await judge?.[Symbol.asyncDispose]()
  await judgeProgram?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

async function writeTiff(name: string, side: number, value: number): Promise<string> {
  const path = join(folder, name)
  await using writer = await createOmeTiff(path, {
    name,
    width: side,
    height: side,
    pixelType: 'float32',
    sizeZ: 1,
    sizeC: 1,
    sizeT: 1,
    pixelSizeUm: null,
    channels: [{ name: '', color: '#ffffff' }],
  })
  await writer.writePlane(new Float32Array(side * side).fill(value))
  await writer.close()
  return path
}

const job = (change: Partial<NewJob> = {}): NewJob => ({
  path: tiff,
  temporary: false,
  name: 'small.ome.tif',
  pixelSizeUm: null,
  model: 'echo',
  ...change,
})
const newJobs = () => new Jobs({ inference, judge, outFolder: () => join(folder, 'out') })
const find = (jobs: Jobs, id: string): Job | undefined => jobs.state.value.find((entry) => entry.id === id)
const ended = (jobs: Jobs, id: string) => expect.poll(() => find(jobs, id)?.status).not.toMatch(/waiting|running/)

describe('jobs', () => {
  test('a file that must be made first is made when its job begins, and removed when it ends, also where that fails', async () => {
    await using jobs = newJobs()
    const path = join(folder, 'session.ome.tif')
    const made = jobs.start(job({ path, temporary: true, prepare: async () => copyFile(tiff, path) }))
    const full = jobs.start(job({ path, temporary: true, prepare: async () => Promise.reject(new AppError('StorageFull', 'No room.')) }))
    await ended(jobs, full)
    const prepare = (signal: AbortSignal) =>
      new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(abortError()), { once: true }))
    const stopped = jobs.start(job({ path, temporary: true, prepare }))
    jobs.cancel(stopped)
    await ended(jobs, stopped)
    expect(find(jobs, stopped)?.status).toBe('cancelled')
    expect(find(jobs, made)?.status).toBe('done')
    expect(find(jobs, full)).toMatchObject({ status: 'failed', problem: expect.stringContaining('No room.') })
    expect(existsSync(path)).toBe(false)
  })

  test('run one after the other and can be looked at afterwards', async () => {
    await using jobs = newJobs()
    const seen: string[] = []
    jobs.state.watch((list) => seen.push(list.map(({ status }) => status).join()))
    const first = jobs.start(job())
    const second = jobs.start(job({ name: 'again.tif', pixelSizeUm: 0.65 }))
    await ended(jobs, second)
    expect(seen).toContain('running,waiting')
    expect(find(jobs, first)).toMatchObject({ status: 'done', progress: 1, remaining: 0, problem: null })
    expect(find(jobs, first)?.warnings.join()).toMatch(/pixel size is unknown/)
    expect(find(jobs, first)).toMatchObject({ judged: 'The plane was judged.', rate: null, model: 'echo' })
    await access(find(jobs, first)?.output ?? '')
    const { before, after, provenance } = await jobs.result(second)
    expect([before.width, after.width, provenance.model]).toEqual([64, 128, 'echo'])
  })

  test('for which nobody has chosen a network get the one that suits them, and say which', async () => {
    await using jobs = newJobs()
    const id = jobs.start(job({ model: null, pixelSizeUm: 0.325 }))
    await ended(jobs, id)
    // No package here says what it is for: the first of those that take images.
    expect(find(jobs, id)).toMatchObject({ status: 'done', model: 'delay' })
  })

  test('that fail say why, and the next one runs', async () => {
    await using jobs = newJobs()
    const empty = join(folder, 'empty.tif')
    await writeFile(empty, '')
    const bad = jobs.start(job({ path: empty, name: 'empty.tif' }))
    const good = jobs.start(job())
    await ended(jobs, good)
    expect(find(jobs, bad)).toMatchObject({ status: 'failed', output: null, problem: expect.stringMatching(/empty\.tif.*\.$/) })
    await expect(jobs.result(bad)).rejects.toMatchObject({ message: expect.stringMatching(/empty\.tif/) })
    expect(find(jobs, good)?.status).toBe('done')
  })

  test('can be cancelled while they wait and while they run, and uploads are removed', async () => {
    await using jobs = newJobs()
    const slow = await writeTiff('slow.ome.tif', 2500, 6e4)
    const upload = join(folder, 'upload-1')
    const queued = join(folder, 'upload-2')
    await copyFile(slow, upload)
    await copyFile(slow, queued)
    const running = jobs.start(job({ path: upload, temporary: true, name: 'slow.ome.tif', model: 'delay' }))
    const waiting = jobs.start(job({ path: queued, temporary: true, name: 'slow too.tif', model: 'delay' }))
    await expect.poll(() => find(jobs, running)?.progress).toBeGreaterThan(0)
    // 2500² pixels: it is said how many go through in a second.
    await expect.poll(() => find(jobs, running)?.rate?.megapixels ?? 0).toBeGreaterThan(0)
    expect(find(jobs, running)?.rate?.planes).toBeCloseTo((find(jobs, running)?.rate?.megapixels ?? 0) / 6.25, 6)
    await expect(jobs.result(running)).rejects.toMatchObject({ kind: 'Busy' })
    jobs.cancel(waiting)
    jobs.cancel(running)
    await ended(jobs, running)
    expect([find(jobs, running)?.status, find(jobs, waiting)?.status]).toEqual(['cancelled', 'cancelled'])
    for (const path of [upload, queued])
      await expect
        .poll(() =>
          access(path).then(
            () => true,
            () => false,
          ),
        )
        .toBe(false)
    await access(slow)
    jobs.cancel('unknown')
  })

  test('nobody knows are refused', async () => {
    await using jobs = newJobs()
    await expect(jobs.result('none')).rejects.toMatchObject({ kind: 'BadRequest' })
  })
})

test('the time left is what the work so far suggests', () => {
  expect(secondsLeft(10_000, 0.25)).toBeCloseTo(30, 9)
  expect(secondsLeft(100, 0.25)).toBeNull()
})
