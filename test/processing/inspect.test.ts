import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JudgeRequest } from '#main/analysis/trust/judge.ts'
import { type Judge, TrustThread } from '#main/analysis/trust/thread.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { Inspector, type InspectRequest } from '#main/processing/inspect.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { writePackage } from '#test/inference/packages.ts'

let worker: Bundle
let judgeProgram: Bundle
let judge: TrustThread
let folder: string
let inference: RunningInference

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  judgeProgram = await bundle('src-main/analysis/trust/worker.ts')
  judge = new TrustThread(judgeProgram.path)
  folder = await mkdtemp(join(tmpdir(), 'deepscope-inspect-'))
  await writePackage(folder, 'echo', { network: 'echo' })
  inference = startInference({ modelsFolders: [folder], provider: 'cpu', entry: worker.path })
})
afterAll(async () => {
  await inference?.[Symbol.asyncDispose]()
  await worker?.[Symbol.asyncDispose]()
  await judge?.[Symbol.asyncDispose]()
  await judgeProgram?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const side = 128
const picture = { width: side, height: side, data: Uint16Array.from({ length: side * side }, (_, i) => 100 + ((i * 7919) % 61)) }
const request: InspectRequest = {
  model: 'echo',
  picture,
  second: picture,
  facts: { pixelSizeUm: null, numericalAperture: null, emissionNm: null, modality: null, bitDepth: 16, structure: null },
}

describe('an inspection', () => {
  test('tells how far it is, step by step, and when none is under way', async () => {
    const inspector = new Inspector({ inference, judge })
    const told: (number | null)[] = []
    inspector.state.watch(({ progress }) => told.push(progress))
    await inspector.inspect(request)
    expect(told.slice(0, 2)).toEqual([null, 0])
    expect(told.at(-1)).toBeNull()
    const shares = told.filter((share) => share !== null)
    expect(shares).toEqual([...new Set(shares)].sort((a, b) => a - b))
    expect(shares.length).toBeGreaterThan(4)
    // What is left at the last report is the judging.
    expect(shares.at(-1)).toBeLessThan(1)
  })

  test('is one at a time, ends when it is given up, and leaves room for the next', async () => {
    const inspector = new Inspector({ inference, judge })
    const controller = new AbortController()
    const first = inspector.inspect(request, controller.signal)
    await expect(inspector.inspect(request)).rejects.toMatchObject({ kind: 'Busy' })
    controller.abort()
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    expect(inspector.state.value.progress).toBeNull()
    await expect(inspector.inspect(request)).resolves.toMatchObject({ picture: { width: side } })
  })

  test('can be given up while it is judged, and the instruments are free at once', async () => {
    const controller = new AbortController()
    // Gives up as soon as the question has gone to the thread, which then takes a second or so.
    let asked: JudgeRequest | null = null
    const giving: Judge = {
      judge: (question, signal) => {
        asked = question
        const judged = judge.judge(question, signal)
        controller.abort()
        return judged
      },
    }
    const inspector = new Inspector({ inference, judge: giving })
    await expect(inspector.inspect(request, controller.signal)).rejects.toMatchObject({ name: 'AbortError' })
    expect(inspector.state.value.progress).toBeNull()
    await expect(new Inspector({ inference, judge }).inspect(request)).resolves.toMatchObject({ picture: { width: side } })

    // Had a judgement that was given up gone on, a little one would have to wait for it.
    const { facts, training, input, output, outputPixelUm } = asked as unknown as JudgeRequest
    const large = { width: 768, height: 768, data: Uint16Array.from({ length: 768 * 768 }, (_, i) => 100 + ((i * 7919) % 61)) }
    const long: JudgeRequest = { facts, training, input: large, output: large, outputPixelUm, depth: 'full' }
    const given = new AbortController()
    const judged = judge.judge(long, given.signal)
    given.abort()
    await expect(judged).rejects.toMatchObject({ name: 'AbortError' })
    const took = async (question: JudgeRequest) => {
      const begun = performance.now()
      await judge.judge(question)
      return performance.now() - begun
    }
    const little = await took({ facts, training, input, output, outputPixelUm, depth: 'light' })
    expect(little).toBeLessThan(await took(long))
  })
})
