import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LiveView } from '#main/acquisition/live.ts'
import { LiveTrustMonitor } from '#main/acquisition/live-trust.ts'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { ReplayCamera } from '#test/helpers/replay-camera.ts'

const model = 'widefield-sr'
let program: Bundle
let inference: RunningInference
let judge: TrustThread
let live: LiveView
let camera: ReplayCamera
let trust: LiveTrustMonitor

beforeAll(async () => {
  program = await bundle('src-main/analysis/trust/worker.ts')
  judge = new TrustThread(program.path)
  inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu' })
})
afterAll(async () => {
  await inference?.[Symbol.asyncDispose]()
  await judge?.[Symbol.asyncDispose]()
  await program?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  camera = new ReplayCamera(128, 128)
  live = new LiveView(inference)
  const factsOf = () => ({
    pixelSizeUm: null,
    numericalAperture: null,
    emissionNm: null,
    modality: 'widefield',
    bitDepth: 16,
    structure: null,
  })
  trust = new LiveTrustMonitor({ live, inference, judge, factsOf })
  await live.start(camera)
})
afterEach(async () => {
  trust[Symbol.dispose]()
  await live[Symbol.asyncDispose]()
})

describe('trust in live view', () => {
  it('judges enhanced frames, and says how often and at what cost: at most a tenth', async () => {
    live.setEnhance(true, model)
    const frames = setInterval(() => camera.give(), 20)
    try {
      await expect.poll(() => trust.state.value.report).not.toBeNull()
      await expect.poll(() => trust.state.value.costShare).toBeGreaterThan(0)
    } finally {
      clearInterval(frames)
    }
    const { report, frame, costShare, every } = trust.state.value
    expect(report?.verdict.reasons.map(({ instrument }) => instrument)).toContain('metadata')
    expect(frame).toBeGreaterThanOrEqual(0)
    expect(every).toBeGreaterThanOrEqual(1)
    expect(costShare).toBeLessThanOrEqual(0.1 + 1e-9)
  })

  it('says nothing any more when enhancement is switched off', async () => {
    live.setEnhance(true, model)
    camera.give()
    await expect.poll(() => trust.state.value.report).not.toBeNull()
    live.setEnhance(false, model)
    expect(trust.state.value.report).toBeNull()
  })

  it('keeps two frames only where they show the same thing', () => {
    camera.give()
    camera.give()
    expect(trust.pair).toMatchObject({ newest: { metadata: { frame: 1 } }, before: { metadata: { frame: 0 } } })
  })
})
