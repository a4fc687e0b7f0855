/** Memory that runs out, really: a network that asks for more than any computer has, and a process that may not have more. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { startProgram } from '#main/inference/child.ts'
import type { PredictRequest } from '#main/inference/inference.ts'
import { endedForMemory, tellsOfMemory } from '#main/inference/memory.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { withoutNormalisation, writePackage } from './packages.ts'

vi.setConfig({ testTimeout: 120_000 })

/** Limits what a process may have of its own. */
const prlimit = '/usr/bin/prlimit'
let worker: Bundle
let folder: string
let inference: RunningInference

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  folder = await mkdtemp(join(tmpdir(), 'deepscope-memory-'))
  await writePackage(folder, 'restore', { network: 'restore' })
  await writePackage(folder, 'greedy', { network: 'greedy', change: withoutNormalisation })
})
afterEach(() => inference?.[Symbol.asyncDispose]())
afterAll(async () => {
  await worker?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

function start(limitBytes?: number): RunningInference {
  inference = startInference({
    modelsFolders: [folder],
    provider: 'cpu',
    entry: worker.path,
    ...(limitBytes === undefined
      ? {}
      : { spawn: (entry: string) => startProgram(prlimit, [`--data=${limitBytes}`, process.execPath, entry]) }),
  })
  return inference
}

/** The greedy network wants as many times 4 MiB as the first pixel says. */
function request(model: string, first: number, side = 32): PredictRequest {
  const data = new Float32Array(side * side).fill(first)
  return { model, width: side, height: side, data, pixelSizeUm: 0.325, priority: 'batch' }
}

/** Fails for want of memory; another process is there within 2 s, and works. */
async function runsOut(asked: PredictRequest): Promise<void> {
  await inference.predict(request('restore', 1))
  const { pid } = inference
  await expect(inference.predict(asked)).rejects.toMatchObject({
    kind: 'OutOfMemory',
    message: expect.stringMatching(/not enough memory to run the network "Test network/),
    advice: expect.stringMatching(/smaller image/),
  })
  const begun = performance.now()
  while (inference.pid === pid || inference.pid === undefined) {
    expect(performance.now() - begun).toBeLessThan(2000)
    await sleep(5)
  }
  await inference.predict(request('restore', 1))
  expect(inference.models.value.find(({ id }) => id === asked.model)).toMatchObject({ usable: true })
}

describe('a network that asks for more memory than there is', () => {
  test('ends as a named error, the process begins anew, and the next image works', async () => {
    start()
    await runsOut(request('greedy', 1e9))
    // The same network can do what fits.
    expect((await inference.predict(request('greedy', 2))).image[0]).toBe(2)
  })

  test.skipIf(!existsSync(prlimit))('likewise where a limit of the system leaves it too little', async () => {
    start(900 * 2 ** 20)
    // 4 GiB.
    await runsOut(request('greedy', 1000))
  })

  test.skipIf(!existsSync(prlimit))('an image that the process cannot even take in ends it, and is not sent for ever', async () => {
    start(500 * 2 ** 20)
    await inference.predict(request('restore', 1))
    // 550 MiB.
    await expect(inference.predict(request('restore', 1, 12_008))).rejects.toMatchObject({ kind: 'OutOfMemory' })
    expect(inference.state.value.restarts).toBeLessThanOrEqual(2)
    await inference.predict(request('restore', 1))
  })
})

describe('the words of others', () => {
  test.each([
    'Failed to allocate memory for requested buffer of size 4194304000000000',
    "terminate called after throwing an instance of 'std::bad_alloc'",
    'Array buffer allocation failed',
    'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
    'CUDA failure 2: out of memory ; GPU=0',
  ])('“%s” tells of memory', (line) => {
    expect(tellsOfMemory(new Error(line))).toBe(true)
  })

  test('other failures do not', () => {
    for (const line of ['Got invalid dimensions for input: raw', 'exit code 1', 'Load model failed'])
      expect(tellsOfMemory(line)).toBe(false)
  })

  test('Linux’s counts of processes ended for want of memory are added up', async () => {
    const [machine, container] = [join(folder, 'vmstat'), join(folder, 'memory.events')]
    await writeFile(machine, 'nr_free_pages 12\noom_kill 3\ndrop_pagecache 0\n')
    await writeFile(container, 'low 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n')
    expect(endedForMemory([machine, container, join(folder, 'missing')])).toBe(5)
    expect(endedForMemory([join(folder, 'missing')])).toBeNull()
  })
})
