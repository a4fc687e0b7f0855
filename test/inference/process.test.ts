import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Prediction, PredictRequest } from '#main/inference/inference.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import type { InferenceState } from '#shared/api.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { softwareVulkan, useSoftwareVulkan } from '#test/helpers/software-vulkan.ts'
import { caseFolder, withoutNormalisation, writePackage } from './packages.ts'

/** Tests of other files and a training may share the machine. */
vi.setConfig({ testTimeout: 60_000 })

let worker: Bundle
let folder: string
const started: RunningInference[] = []

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  folder = await mkdtemp(join(tmpdir(), 'deepscope-inference-'))
  await writePackage(folder, 'restore', { network: 'restore' })
  await writePackage(folder, 'plain', { network: 'restore', change: withoutNormalisation })
  await writePackage(folder, 'delay', { network: 'delay', change: withoutNormalisation })
  await writePackage(folder, 'nan', { network: 'nan' })
  await writePackage(folder, 'half', { network: 'half' })
  await writePackage(folder, 'single', { network: 'single' })
  await writePackage(folder, 'one-by-one', { network: 'restore', change: takesOneByOne })
  await writePackage(folder, 'fixed', {
    network: 'echo',
    change: (description) => {
      for (const axis of (description.outputs as { axes: { channel_names?: string[] }[] }[])[0]?.axes ?? []) {
        if (axis.channel_names) axis.channel_names = ['image', 'scale', 'more']
      }
      ;(description.config as { deepscope: { outputs: string[] } }).deepscope.outputs = ['image', 'scale', 'scale']
    },
  })
})
afterAll(async () => {
  await worker[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})
afterEach(async () => {
  for (const inference of started.splice(0)) await inference[Symbol.asyncDispose]()
})

function start(options: { watchdogMs?: number; provider?: 'auto' | 'cpu' | 'webgpu'; entry?: string } = {}): RunningInference {
  const inference = startInference({ modelsFolders: [folder], provider: 'cpu', entry: worker.path, ...options })
  started.push(inference)
  return inference
}

function request(model: string, side = 32, change: Partial<PredictRequest> = {}): PredictRequest {
  const data = Float32Array.from({ length: side * side }, (_, i) => ((i * 7919) % 251) / 251)
  return { model, width: side, height: side, data, pixelSizeUm: 0.325, priority: 'batch', ...change }
}

/** For the `delay` network: its first pixel says how many turns of a loop each tile takes (about 10⁵ a second). */
function delayed(turns: number, side = 32, change: Partial<PredictRequest> = {}): PredictRequest {
  return request('delay', side, { data: new Float32Array(side * side).fill(turns), ...change })
}

/** Says of its batch that it is one. */
function takesOneByOne(description: Record<string, unknown>): void {
  const tensors = [...(description.inputs as Tensor[]), ...(description.outputs as Tensor[])]
  for (const { axes } of tensors) for (const axis of axes) if (axis.type === 'batch') axis.size = 1
}
interface Tensor {
  readonly axes: { type: string; size?: unknown }[]
}

async function until(inference: RunningInference, wanted: (state: InferenceState) => boolean, limitMs = 60_000): Promise<number> {
  const begun = performance.now()
  while (!wanted(inference.state.value)) {
    if (performance.now() - begun > limitMs) throw new Error(`still ${JSON.stringify(inference.state.value)}`)
    await sleep(5)
  }
  return performance.now() - begun
}

describe('predicting', () => {
  test('gives what PyTorch gives, with provenance', async () => {
    const reference = JSON.parse(await readFile(join(caseFolder, 'restore-reference.json'), 'utf8')) as Record<
      'input' | 'image' | 'scale',
      number[]
    >
    const result = await start().predict(request('plain', 32, { data: Float32Array.from(reference.input) }))
    for (let i = 0; i < 1024; i++) {
      expect(result.image[i]).toBeCloseTo(reference.image[i] as number, 4)
      expect(result.scale?.[i]).toBeCloseTo(reference.scale[i] as number, 4)
    }
    expect(result).toMatchObject({ width: 32, height: 32, pixelSizeUm: 0.325 })
    expect(result.provenance).toMatchObject({
      model: 'plain',
      modelName: 'Test network plain',
      version: '1.2.3',
      provider: 'cpu',
      warnings: [],
    })
    expect(result.provenance.sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  test('in tiles equals predicting in one piece, to 1e-4 of the range', async () => {
    const inference = start()
    const side = 1100
    const data = Uint16Array.from({ length: side * side }, (_, i) => 100 + ((i * 7919) % 4001))
    const tiled = await inference.predict(request('restore', side, { data }))
    // 1024 pixels are one tile. The second piece lies across both seams (at 1016); each is predicted in one piece, normalised as the whole.
    const { normalisation } = tiled
    for (const [x0, y0] of [
      [0, 0],
      [76, 76],
    ] as const) {
      const piece = Uint16Array.from(
        { length: 1024 * 1024 },
        (_, i) => data[(y0 + Math.floor(i / 1024)) * side + x0 + (i % 1024)] as number,
      )
      const whole = await inference.predict(request('restore', 1024, { data: piece, normalisation }))
      let worst = 0
      for (let y = 16; y < 1008; y++) {
        for (let x = 16; x < 1008; x++) {
          const difference = (whole.image[y * 1024 + x] as number) - (tiled.image[(y0 + y) * side + x0 + x] as number)
          worst = Math.max(worst, Math.abs(difference))
        }
      }
      expect(worst / 4001).toBeLessThan(1e-4)
    }
  })

  test('leaves the scale out where it is not wanted', async () => {
    const inference = start()
    expect((await inference.predict(request('restore', 32, { scale: false }))).scale).toBeNull()
    expect((await inference.predict(request('restore', 32))).scale).toHaveLength(1024)
  })

  test('brings a 10× image to the 20× grid', async () => {
    const result = await start().predict(request('restore', 32, { pixelSizeUm: 0.65 }))
    expect(result).toMatchObject({ width: 64, height: 64, pixelSizeUm: 0.325 })
    expect(result.provenance.warnings).toEqual([])
  })

  test('warns where the pixel size is unknown and keeps it unknown', async () => {
    const result = await start().predict(request('restore', 32, { pixelSizeUm: null }))
    expect(result.pixelSizeUm).toBeNull()
    expect(result.provenance.warnings[0]).toMatch(/pixel size is unknown/)
  })

  test('normalises a stack once, from all its planes', async () => {
    const planes = [new Uint16Array(1024).fill(10), Uint16Array.from({ length: 1024 }, (_, i) => 10 + (i % 100))]
    const series = { model: 'restore', width: 32, height: 32, planes: 2, pixelSizeUm: 0.325 }
    const { offset, scale } = await start().normalisationOf({ ...series, read: (i) => Promise.resolve(planes[i] as Uint16Array) })
    // numpy.percentile of the 2048 values: 1 % → 10, 99.9 % → 108 (the 19 highest are 109 … 100, ten each: rank 2044.95).
    expect(offset).toBe(10)
    expect(offset + scale).toBeCloseTo(109, 3)
  })
})

describe('planes of a stack, handed over together', () => {
  const planes = (count: number, side: number) =>
    Array.from({ length: count }, (_, plane) => Uint16Array.from({ length: side * side }, (_, i) => 50 + ((i * 7919 + plane * 613) % 997)))

  test.each([
    ['restore', 'at once'],
    ['one-by-one', 'one by one, where the description says that one is all it takes'],
    ['single', 'one by one, where the network cannot do what the description says'],
  ])('%s: %s; the same as each by itself, to 1e-5 of the range', async (model) => {
    const inference = start()
    const all = planes(7, 40)
    const normalisations = all.map((_, plane) => ({ offset: 50 + plane, scale: 900 + plane }))
    const request = { model, width: 40, height: 40, pixelSizeUm: 0.65, priority: 'batch' } as const
    const together = await inference.predictPlanes({ ...request, planes: all, normalisations })
    expect(together).toHaveLength(7)
    for (const [index, data] of all.entries()) {
      const normalisation = normalisations[index]!
      const alone = await inference.predict({ ...request, data, normalisation })
      const found = together[index]
      expect(found).toMatchObject({ width: 80, height: 80, normalisation, pixelSizeUm: 0.325, provenance: alone.provenance })
      expect(worst(found?.image, alone.image) / normalisation.scale).toBeLessThan(1e-5)
      if (alone.scale) expect(worst(found?.scale, alone.scale) / normalisation.scale).toBeLessThan(1e-5)
      else expect(found?.scale).toBeNull()
    }
  })

  test('are as many as one largest tile holds, and one where planes are large', async () => {
    const inference = start()
    const at = (side: number, pixelSizeUm: number | null = 0.325) =>
      inference.planesAtOnce('restore', { width: side, height: side, pixelSizeUm })
    expect([await at(64), await at(1024), await at(9000)]).toEqual([16, 1, 1])
    // On its grid it is twice as wide and high, so that fewer fit.
    expect(await at(256, 0.65)).toBeLessThanOrEqual(await at(256))
  })

  test('a cancel takes effect after the run that is under way', async () => {
    const inference = start()
    await until(inference, ({ status }) => status === 'ready')
    const abort = new AbortController()
    const fractions: number[] = []
    // Each plane of 1024² is a run of its own, of a fifth of a second.
    const all = Array.from({ length: 40 }, () => new Float32Array(1024 * 1024).fill(2e4))
    const stopped = inference.predictPlanes(
      {
        ...{ model: 'delay', width: 1024, height: 1024, pixelSizeUm: 0.325, priority: 'batch' },
        planes: all,
        normalisations: all.map(() => ({ offset: 0, scale: 1 })),
        onProgress: (fraction) => {
          fractions.push(fraction)
          if (fractions.length === 2) abort.abort()
        },
      },
      abort.signal,
    )
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
    const begun = performance.now()
    await inference.predict(request('restore'))
    expect(performance.now() - begun).toBeLessThan(2000)
    expect(fractions).toHaveLength(2)
  })
})

describe('bad models', () => {
  test.each([
    ['unknown', 'nothing', 'ModelInvalid', /no model "nothing"/],
    ['with output that is not a number', 'nan', 'ModelFailed', /not finite/],
    ['of another output shape', 'half', 'ModelInvalid', /outputs\[0\]\.axes/],
    ['of another number of channels', 'fixed', 'ModelInvalid', /channel_names/],
  ])('%s: a sentence, and the process lives on', async (_name, model, kind, message) => {
    const inference = start()
    await expect(inference.predict(request(model))).rejects.toMatchObject({ kind, message: expect.stringMatching(message) })
    await inference.predict(request('restore'))
    expect(inference.state.value.restarts).toBe(0)
  })

  test('a network that turns out unusable is listed so from then on', async () => {
    const inference = start()
    await inference.predict(request('half')).catch(() => undefined)
    expect(inference.models.value.find(({ id }) => id === 'half')).toMatchObject({
      usable: false,
      problem: expect.stringMatching(/outputs/),
    })
    await inference.library.refresh()
    expect(inference.models.value.find(({ id }) => id === 'half')?.usable).toBe(true)
  })

  test('weights that change after they were listed are not loaded', async () => {
    const path = await writePackage(folder, 'changing', { network: 'restore' })
    const inference = start()
    await until(inference, () => inference.models.value.length > 0)
    const { appendFile } = await import('node:fs/promises')
    await appendFile(join(path, 'model.onnx'), 'x')
    await expect(inference.predict(request('changing'))).rejects.toMatchObject({
      kind: 'ModelInvalid',
      message: expect.stringMatching(/sha256/),
    })
    await rm(path, { recursive: true })
  })

  test('a truncated network whose description agrees is refused when it is loaded', async () => {
    const { createHash } = await import('node:crypto')
    const onnx = (await readFile(join(caseFolder, 'restore.onnx'))).subarray(0, 2000)
    const path = await writePackage(folder, 'short', {
      network: 'restore',
      damage: () => onnx,
      change: (description) => {
        ;(description.weights as { onnx: { sha256: string } }).onnx.sha256 = createHash('sha256').update(onnx).digest('hex')
      },
    })
    await expect(start().predict(request('short'))).rejects.toMatchObject({
      kind: 'ModelInvalid',
      message: expect.stringMatching(/weights\.onnx\.source .*ONNX Runtime/),
    })
    await rm(path, { recursive: true })
  })
})

describe('the process', () => {
  test('says which processor it uses, and why not the others', async () => {
    const inference = start({ provider: 'auto' })
    await until(inference, ({ status }) => status === 'ready')
    const { provider, providers } = inference.state.value
    expect(providers.filter(({ used }) => used).map(({ id }) => id)).toEqual([provider])
    expect(providers.map(({ id }) => id)).toContain('cpu')
    for (const { reason } of providers) expect(reason.length).toBeGreaterThan(10)
  })

  test.skipIf(softwareVulkan === undefined)(
    'WebGPU, here on a software driver, is proved against the CPU and computes the same',
    async () => {
      useSoftwareVulkan()
      try {
        const [gpu, cpu] = [start({ provider: 'webgpu' }), start()]
        await until(gpu, ({ status }) => status === 'ready', 20_000)
        const [report] = gpu.state.value.providers
        expect(report).toMatchObject({ id: 'webgpu', used: true, reason: expect.stringMatching(/the same on it and on the CPU .* ms\.$/) })
        const [a, b] = await Promise.all([gpu, cpu].map((inference) => inference.predict(request('restore'))))
        expect(a?.provenance).toMatchObject({ provider: 'webgpu', warnings: [] })
        for (const [i, value] of b?.image.entries() ?? []) expect(Math.abs((a?.image[i] as number) - value)).toBeLessThan(1e-3)
      } finally {
        vi.unstubAllEnvs()
      }
    },
    // A graphics processor in software translates every shader first.
    120_000,
  )

  test('falls back to the CPU where the chosen processor is not there', async () => {
    const inference = startInference({
      modelsFolders: [folder],
      provider: process.platform === 'win32' ? 'coreml' : 'dml',
      entry: worker.path,
    })
    started.push(inference)
    await until(inference, ({ status }) => status === 'ready')
    expect(inference.state.value.provider).toBe('cpu')
    expect(inference.state.value.providers[0]).toMatchObject({ used: false, reason: expect.stringMatching(/not part of/) })
  })

  test('killed at rest: it is ready again within 2 s, and the next request works', async () => {
    const inference = start()
    await inference.predict(request('restore'))
    process.kill(inference.pid ?? 0, 'SIGKILL')
    await until(inference, ({ status }) => status === 'restarting')
    expect(await until(inference, ({ status }) => status === 'ready')).toBeLessThan(2000)
    await inference.predict(request('restore'))
    expect(inference.state.value).toMatchObject({ restarts: 1, problem: null })
  })

  test('killed at work: the request fails once, waiting ones do not', async () => {
    const inference = start()
    await until(inference, ({ status }) => status === 'ready')
    const running = inference.predict(delayed(1e9))
    const waiting = inference.predict(request('restore'))
    const failure = expect(running).rejects.toMatchObject({ kind: 'ModelFailed', message: expect.stringMatching(/SIGKILL/) })
    await sleep(300)
    process.kill(inference.pid ?? 0, 'SIGKILL')
    await failure
    expect((await waiting).image).toHaveLength(1024)
  })

  test('hung: the watchdog ends it, the request fails, the next works', async () => {
    const inference = start({ watchdogMs: 5000 })
    await inference.predict(request('restore'))
    const begun = performance.now()
    await expect(inference.predict(delayed(1e9))).rejects.toMatchObject({
      kind: 'ModelFailed',
      message: expect.stringMatching(/no sign of life/),
    })
    expect(performance.now() - begun).toBeLessThan(10_000)
    await inference.predict(request('restore'))
  })

  test('a crash loop ends in `failed`, with the reason, and requests are refused at once', async () => {
    const inference = start()
    await until(inference, ({ status }) => status === 'ready')
    for (let deaths = 1; deaths <= 5; deaths++) {
      await until(inference, ({ status }) => status === 'ready')
      process.kill(inference.pid ?? 0, 'SIGKILL')
      await until(inference, ({ restarts }) => restarts === deaths)
    }
    expect(inference.state.value).toMatchObject({ status: 'failed', problem: expect.stringMatching(/5 times in a row .*SIGKILL/) })
    await expect(inference.predict(request('restore'))).rejects.toMatchObject({ kind: 'ModelFailed' })
  })

  test('a build that is missing is said, not tried for ever', async () => {
    const inference = start({ entry: join(folder, 'no-such-worker.js') })
    expect(inference.state.value).toMatchObject({ status: 'failed', problem: expect.stringMatching(/npm run build/) })
    await expect(inference.predict(request('restore'))).rejects.toMatchObject({ kind: 'ModelFailed' })
  })

  test('another processor can be chosen while it runs', async () => {
    const inference = start()
    await inference.predict(request('restore'))
    const before = inference.pid
    inference.chooseProvider('auto')
    await inference.predict(request('restore'))
    expect(inference.pid).not.toBe(before)
    expect(inference.state.value.restarts).toBe(0)
  })

  test('ends with its owner, and requests end as cancelled', async () => {
    const inference = start()
    await until(inference, ({ status }) => status === 'ready')
    const pid = inference.pid ?? 0
    const running = expect(inference.predict(delayed(1e9))).rejects.toMatchObject({ name: 'AbortError' })
    await sleep(100)
    await inference[Symbol.asyncDispose]()
    await running
    await expect.poll(() => isAlive(pid)).toBe(false)
  })
})

describe('the order of work', () => {
  test('cancelling takes effect after the present tile', async () => {
    const inference = start()
    await until(inference, ({ status }) => status === 'ready')
    const abort = new AbortController()
    const fractions: number[] = []
    const many = inference.predict(
      delayed(2e4, 3000, {
        onProgress: (fraction) => {
          fractions.push(fraction)
          if (fractions.length === 2) abort.abort()
        },
      }),
      abort.signal,
    )
    await expect(many).rejects.toMatchObject({ name: 'AbortError' })
    expect(fractions).toHaveLength(2)
    const begun = performance.now()
    await inference.predict(request('restore'))
    expect(performance.now() - begun).toBeLessThan(2000)
    expect(inference.state.value.restarts).toBe(0)
  })

  test('a request cancelled before it is sent never runs', async () => {
    await expect(start().predict(request('restore'), AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
  })

  test('live images overtake a batch between its tiles', async () => {
    const inference = start()
    await until(inference, ({ status }) => status === 'ready')
    const order: string[] = []
    const note = (name: string) => (result: Prediction) => {
      order.push(name)
      return result
    }
    let tiles = 0
    const batch = inference.predict(delayed(2e4, 3000, { onProgress: () => tiles++ })).then(note('batch'))
    const second = inference.predict(request('restore')).then(note('second batch'))
    await expect.poll(() => tiles).toBeGreaterThan(0)
    const live = inference.predict(request('restore', 32, { priority: 'live' })).then(note('live'))
    await Promise.all([batch, second, live])
    expect(order).toEqual(['live', 'batch', 'second batch'])
  })

  test('the queue has an end', async () => {
    const inference = start()
    const all = Array.from({ length: 80 }, () => inference.predict(request('restore')))
    const results = await Promise.allSettled(all)
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.every((result) => result.status === 'rejected' && result.reason.kind === 'Busy')).toBe(true)
  })
})

function worst(a: Float32Array | null | undefined, b: Float32Array): number {
  expect(a?.length).toBe(b.length)
  return b.reduce((most, value, i) => Math.max(most, Math.abs(value - (a?.[i] as number))), 0)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
