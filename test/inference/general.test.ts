/** Networks with any axes, inputs and outputs, against what PyTorch and numpy computed for them (test/cases/models/make_packages.py). */
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { parse, stringify } from 'yaml'
import { readNpy } from '#main/inference/bioimage-io/npy.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { allocate, type NdArray, permute } from '#main/inference/tensors/nd-array.ts'
import { type RunTensors, runImage } from '#main/inference/tensors/run-image.ts'
import { rootFolder } from '#main/processes.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { finish, openNetwork } from './network.ts'
import { caseFolder } from './packages.ts'

vi.setConfig({ testTimeout: 60_000 })

const packages = join(caseFolder, 'packages')
const names = ['volume', 'two-inputs', 'twice', 'valid', 'half'] as const
const whole = { t: 4096, z: 4096, y: 4096, x: 4096 }

async function tensor(name: string, file: string): Promise<NdArray> {
  return readNpy(await readFile(join(packages, name, `${file}.npy`)), file)
}

const open = (name: string) => openNetwork(join(packages, name))

/** [t, c, z, y, x], bright blobs on a slope. */
function picture(dims: readonly [number, number, number, number, number]): NdArray {
  const image = allocate('float32', dims)
  for (let i = 0; i < image.data.length; i++) image.data[i] = ((i * 7919) % 251) + ((i * 31) % 977 > 900 ? 800 : 0)
  return image
}

function largestDifference(a: NdArray, b: NdArray): number {
  expect(a.dims).toEqual(b.dims)
  let worst = 0
  for (let i = 0; i < a.data.length; i++) worst = Math.max(worst, Math.abs((a.data[i] as number) - (b.data[i] as number)))
  return worst
}

describe('the self-test', () => {
  let worker: Bundle
  let inference: RunningInference
  let folder: string
  beforeAll(async () => {
    worker = await bundle('src-main/inference/worker.ts')
    folder = await mkdtemp(join(tmpdir(), 'deepscope-general-'))
    await cp(packages, folder, { recursive: true })
    await cp(join(rootFolder, 'models', 'widefield-sr'), join(folder, 'widefield-sr'), { recursive: true })
    inference = startInference({ modelsFolders: [folder], provider: 'cpu', entry: worker.path })
  })
  afterAll(async () => {
    await inference?.[Symbol.asyncDispose]()
    await worker?.[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  })

  test.each([...names, 'widefield-sr'])('%s gives its test tensors', async (name) => {
    const { passed, problem, outputs } = await inference.testModel(name)
    expect({ passed, problem }).toEqual({ passed: true, problem: null })
    for (const { outside, elements } of outputs) {
      expect(elements).toBeGreaterThan(0)
      expect(outside).toBe(0)
    }
  })

  test('a tolerance that the package states is the one used', async () => {
    expect((await inference.testModel('half')).outputs[0]).toMatchObject({ absolute: 1e-4, relative: 1e-4, perMillion: 100 })
  })

  test('test tensors of another network fail it, with numbers', async () => {
    const path = join(folder, 'volume', 'test-output-0.npy')
    const bytes = await readFile(path)
    const changed = Buffer.from(bytes)
    for (let at = bytes.length - 400; at < bytes.length; at += 4) changed.writeFloatLE(changed.readFloatLE(at) + 0.01, at)
    await writeFile(path, changed)
    const result = await inference.testModel('volume')
    expect(result).toMatchObject({ passed: false, problem: expect.stringContaining('100 of 2880 values of “labels”') })
    expect(result.outputs[0]?.largestDifference).toBeCloseTo(0.01, 4)
    expect(inference.models.value.find(({ id }) => id === 'volume')).toMatchObject({ usable: true, test: { passed: false } })
  })

  test('an image of several channels is brought to the pixels that the network was made for, and it is said', async () => {
    // A slope, which the resampling (Catmull–Rom) keeps exactly but for the edges; pixels are areas, so they meet at their borders.
    const slope = (width: number, height: number, size: number) =>
      Float32Array.from({ length: 2 * width * height }, (_, i) => {
        const [x, y] = [(i % width) + 0.5, (Math.floor(i / width) % height) + 0.5]
        return 50 + size * (3 * x + 2 * y)
      })
    const ask = { model: 'twice', priority: 'batch' } as const
    const fine = await inference.predictImage({ ...ask, dims: [1, 2, 1, 40, 56], data: slope(56, 40, 0.4), pixelSizeUm: 0.4 })
    const coarse = await inference.predictImage({ ...ask, dims: [1, 2, 1, 20, 28], data: slope(28, 20, 0.8), pixelSizeUm: 0.8 })
    const [a, b] = [fine.images[0], coarse.images[0]]
    expect(b).toMatchObject({ dims: [1, 2, 1, 80, 112], pixelSizeUm: 0.2 })
    expect(coarse.provenance.warnings).toEqual([expect.stringMatching(/0\.8 µm were resampled to the network's 0\.4 µm/)])
    expect(fine.provenance.warnings).toEqual([])
    for (let c = 0; c < 2; c++)
      for (let y = 24; y < 56; y++)
        for (let x = 24; x < 88; x++) {
          const at = (c * 80 + y) * 112 + x
          expect(b?.data[at]).toBeCloseTo(a?.data[at] as number, 3)
        }
  })

  test('a network that only tells what an image shows is described so, is tested, and enhances nothing', async () => {
    const path = join(folder, 'teller')
    await cp(join(packages, 'valid'), path, { recursive: true })
    const own = { task: 'classification', modality: 'widefield', pixel_sizes_um: [0.1, 0.4], numerical_aperture: { input: 0.95 } }
    const file = join(path, 'rdf.yaml')
    const description = parse(await readFile(file, 'utf8'))
    await writeFile(file, stringify({ ...description, config: { deepscope: own } }))
    await inference.library.refresh()
    expect(inference.models.value.find(({ id }) => id === 'teller')).toMatchObject({
      ...{ usable: true, images: false, task: 'classification', modality: 'widefield' },
      purpose: 'Tells what an image shows, widefield, NA 0.95, pixels of 0.1 to 0.4 µm',
      notes: [expect.stringMatching(/makes no image/)],
    })
    expect(await inference.testModel('teller')).toMatchObject({ passed: true })
    await expect(inference.useOf('teller')).rejects.toMatchObject({
      kind: 'ModelInvalid',
      message: expect.stringMatching(/tells what an image shows .* cannot be enhanced with it/),
    })
  })

  test('an image of several axes goes through the process, and comes back with its pixels’ size', async () => {
    const { images, provenance } = await inference.predictImage({
      model: 'twice',
      dims: [1, 2, 1, 20, 28],
      data: Float32Array.from((await tensor('twice', 'test-input-0')).data),
      pixelSizeUm: 0.4,
      priority: 'batch',
    })
    const [fine] = images
    expect(fine).toMatchObject({ id: 'fine', dims: [1, 2, 1, 40, 56], pixelSizeUm: 0.2, channels: ['c0', 'c1'] })
    expect(provenance).toMatchObject({ model: 'twice', provider: 'cpu', warnings: [] })
    const expected = await tensor('twice', 'test-output-0')
    expect(fine?.data.length).toBe(expected.data.length)
    fine?.data.forEach((value, i) => {
      expect(value).toBeCloseTo(expected.data[i] as number, 3)
    })
  })

  test('pixels of another size than the network’s are told, as is an unknown one', async () => {
    const ask = async (pixelSizeUm: number | null) => {
      const data = new Float32Array(2 * 16 * 16).map((_, i) => i)
      const { provenance } = await inference.predictImage({ model: 'twice', dims: [1, 2, 1, 16, 16], data, pixelSizeUm, priority: 'batch' })
      return provenance.warnings.join()
    }
    expect(await ask(0.65)).toMatch(/0\.65 µm were resampled to the network's 0\.4 µm.*with care/)
    expect(await ask(null)).toMatch(/unknown/)
  })

  test('one plane through such a network is shown by its first channel, and says so', async () => {
    const data = Float32Array.from({ length: 40 * 40 }, (_, i) => i % 97)
    const result = await inference.predict({ model: 'half', width: 40, height: 40, data, pixelSizeUm: 0.3, priority: 'live' })
    expect(result).toMatchObject({ width: 20, height: 20, pixelSizeUm: 0.6 })
    expect(result.provenance.warnings.join()).toMatch(/first channel of “coarse”/)
  })

  test('an image with another number of channels is refused with a sentence', async () => {
    const request = { model: 'volume', width: 16, height: 16, data: new Float32Array(256), pixelSizeUm: null, priority: 'batch' } as const
    await expect(inference.predict(request)).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: expect.stringMatching(/takes 2 channels .* has 1/),
    })
  })

  test('external weights that changed after they were listed are not loaded', async () => {
    await truncate(join(folder, 'half', 'network.data'), 100)
    await cp(join(packages, 'half'), join(folder, 'half-cut'), { recursive: true })
    await inference.library.refresh()
    await truncate(join(folder, 'half-cut', 'network.data'), 100)
    expect(inference.models.value.find(({ id }) => id === 'half')).toMatchObject({
      usable: false,
      field: 'weights.onnx.external_data.sha256',
    })
    expect(await inference.testModel('half-cut')).toMatchObject({
      passed: false,
      problem: expect.stringContaining('weights.onnx.external_data'),
    })
  })
})

describe('images', () => {
  test('the axes of an image find those of the network: channels last, z', async () => {
    const { model, run } = await open('volume')
    // b z y x c → t c z y x
    const image = permute(await tensor('volume', 'test-input-0'), [0, 4, 1, 2, 3])
    const { results } = await finish(runImage(model, image, run, whole))
    expect(largestDifference(results[0]?.image as NdArray, permute(await tensor('volume', 'test-output-0'), [0, 4, 1, 2, 3]))).toBeLessThan(
      1e-4,
    )
  })

  test('channels are handed out to the inputs in order, and every output is an image', async () => {
    const { model, run } = await open('two-inputs')
    const [first, second] = [await tensor('two-inputs', 'test-input-0'), await tensor('two-inputs', 'test-input-1')]
    const image = { dtype: 'float32', dims: [1, 3, 1, 24, 20], data: Float32Array.from([...first.data, ...second.data]) } as const
    const { results } = await finish(runImage(model, image, run, whole))
    expect(results.map(({ id }) => id)).toEqual(['mask', 'shade'])
    for (const [index, { image: found }] of results.entries()) {
      const { dims, data } = await tensor('two-inputs', `test-output-${index}`)
      const expected = { dtype: 'float32', dims: [1, dims[1] as number, 1, 24, 20], data } as const
      expect(largestDifference(found, expected)).toBeLessThan(index === 0 ? 1e-5 : 0.05)
    }
  })

  test('where convolutions cut off the border, the image is continued, so that the result covers it all', async () => {
    const { model, run } = await open('valid')
    const counts = await tensor('valid', 'test-input-0')
    const image = { ...counts, dims: [1, 1, 1, 32, 28] }
    const { results } = await finish(runImage(model, image, run, whole))
    expect(results[0]?.image.dims).toEqual([1, 2, 1, 32, 28])
    // Four pixels from the border on, nothing depends on how it was continued.
    const expected = await tensor('valid', 'test-output-0')
    let different = 0
    for (let c = 0; c < 2; c++)
      for (let y = 0; y < 24; y++)
        for (let x = 0; x < 20; x++) {
          const found = results[0]?.image.data[(c * 32 + y + 4) * 28 + x + 4]
          if (found !== expected.data[(c * 24 + y) * 20 + x]) different++
        }
    expect(different).toBe(0)
  })

  test.each([
    ['volume', [1, 2, 7, 37, 50], { t: 1, z: 5, y: 20, x: 16 }],
    ['two-inputs', [1, 3, 1, 61, 47], { t: 1, z: 1, y: 20, x: 24 }],
    ['twice', [1, 2, 1, 45, 83], { t: 1, z: 1, y: 24, x: 32 }],
    ['valid', [1, 1, 1, 70, 41], { t: 1, z: 1, y: 24, x: 32 }],
    ['half', [1, 1, 1, 66, 90], { t: 1, z: 1, y: 24, x: 20 }],
  ] as const)('%s in blocks is as in one piece', async (name, dims, largest) => {
    const { model, run } = await open(name)
    const image = picture([...dims])
    const pieces = await finish(runImage(model, image, run, largest))
    const once = await finish(runImage(model, image, run, whole))
    expect(pieces.fractions.length).toBeGreaterThan(3)
    expect(pieces.fractions.at(-1)).toBe(1)
    expect(once.fractions).toEqual([1])
    pieces.results.forEach(({ image: found }, index) => {
      const expected = once.results[index]?.image as NdArray
      // Statistics of an output are of all of it, so a last digit of one value moves all.
      expect(largestDifference(found, expected)).toBeLessThan(name === 'two-inputs' ? 1e-2 : 1e-4)
    })
  })

  test('planes that a network takes one by one share their normalisation, so that a series does not flicker', async () => {
    const { model, run } = await open('two-inputs')
    const dims = [2, 3, 2, 20, 20] as const
    const image = picture([...dims])
    // The second moment is twice as bright: a normalisation for each plane would hide it.
    for (let i = image.data.length / 2; i < image.data.length; i++) image.data[i] = (image.data[i - image.data.length / 2] as number) * 2
    const seen: number[] = []
    const watching: RunTensors = (inputs) => {
      seen.push(Math.max(...(inputs[0] as NdArray).data))
      return run(inputs)
    }
    const { results } = await finish(runImage(model, image, watching, whole))
    expect(results[0]?.image.dims).toEqual([2, 2, 2, 20, 20])
    expect(seen).toHaveLength(4)
    expect(Math.max(...seen)).toBeCloseTo(1, 4)
    expect((seen[0] as number) / (seen[2] as number)).toBeCloseTo(0.5, 1)
  })

  test('a network that gives another shape than its description says is refused, naming the field', async () => {
    const { model, run } = await open('half')
    const lying: RunTensors = async (inputs) =>
      (await run(inputs)).map((each) => ({ ...each, dims: [1, 1, each.dims[2] as number, 2 * (each.dims[3] as number)] }))
    await expect(finish(runImage(model, picture([1, 1, 1, 32, 32]), lying, whole))).rejects.toMatchObject({
      kind: 'ModelInvalid',
      info: { field: 'outputs[0].axes' },
    })
  })

  test('values that are no numbers are thrown away with a sentence', async () => {
    const { model, run } = await open('half')
    const broken: RunTensors = async (inputs) => (await run(inputs)).map((each) => ({ ...each, data: each.data.map(() => Number.NaN) }))
    await expect(finish(runImage(model, picture([1, 1, 1, 32, 32]), broken, whole))).rejects.toMatchObject({ kind: 'ModelFailed' })
  })
})
