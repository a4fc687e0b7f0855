/** Every package in models/ on a graphics processor: its own test tensors, through WebGPU, on a software driver. Each shader is translated first, which takes longest. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { softwareVulkan, useSoftwareVulkan } from '#test/helpers/software-vulkan.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 })

const models = join(rootFolder, 'models')
const names = readdirSync(models, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'training')
  .map(({ name }) => name)

describe.skipIf(softwareVulkan === undefined)('on WebGPU', () => {
  let worker: Bundle | undefined
  let inference: RunningInference

  beforeAll(async () => {
    useSoftwareVulkan()
    worker = await bundle('src-main/inference/worker.ts')
    inference = startInference({ modelsFolders: [models], provider: 'webgpu', entry: worker.path, watchdogMs: 280_000 })
  })
  afterAll(async () => {
    vi.unstubAllEnvs()
    await inference?.[Symbol.asyncDispose]()
    await worker?.[Symbol.asyncDispose]()
  })

  test.each(names)('%s gives its own test outputs to 1e-3', async (name) => {
    expect(await inference.testModel(name)).toMatchObject({ passed: true, problem: null, provider: 'webgpu' })
  })
})
