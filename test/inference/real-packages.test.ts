/**
 * Packages that nobody on this project made: the examples of bioimageio.spec, valid and invalid, formats 0.4 and 0.5. They are read
 * where they lie, and never copied into the project.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { readPackage } from '#main/inference/catalog.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'

vi.setConfig({ testTimeout: 60_000 })

const data = process.env.DEEPSCOPE_REAL_DATA ?? join(rootFolder, '..', 'shared', 'data')
const packages = join(data, 'models', 'bioimage-io')
const there = existsSync(packages)
const absent = there ? '' : ` (skipped: no packages at ${packages}; set DEEPSCOPE_REAL_DATA)`

/** What each description deserves: usable, valid without ONNX weights, or the field that is at fault. */
const verdicts: Readonly<Record<string, 'usable' | 'no onnx' | RegExp>> = {
  'unet2d_nuclei_broad/bioimageio.yaml': 'usable',
  'unet2d_nuclei_broad/v0_4_0.bioimageio.yaml': 'usable',
  'unet2d_nuclei_broad/v0_4_9.bioimageio.yaml': 'usable',
  'unet2d_nuclei_broad/expand_output_shape.bioimageio.yaml': 'no onnx',
  'unet2d_nuclei_broad/expand_output_shape_v0_4.bioimageio.yaml': 'no onnx',
  'unet2d_nuclei_broad/invalid_v0_4_0_duplicate_tensor_names.bioimageio.yaml': /^outputs\[0\]\.name$/,
  'stardist_example_model/v0_4.bioimageio.yaml': 'no onnx',
  // Its offset would make the batch three times as large.
  'stardist_example_model/rdf_wrong_shape_v0_4.yaml': /^outputs\[0\]\.shape\.offset\[0\]$/,
  // Its own test input has 512 pixels, which are not 80 + n·17.
  'stardist_example_model/rdf_wrong_shape2_v0_4.yaml': /^inputs\[0\]\.shape\[1\]$/,
  'unet2d_fixed_shape/v0_4.bioimageio.yaml': 'no onnx',
  'unet2d_diff_output_shape/bioimageio.yaml': 'no onnx',
  'unet2d_multi_tensor/bioimageio.yaml': 'no onnx',
  'upsample_test_model/v0_4.bioimageio.yaml': 'no onnx',
}

describe.skipIf(!there)(`descriptions of bioimageio.spec${absent}`, () => {
  test('every description there has its verdict here', () => {
    const found = readdirSync(packages, { withFileTypes: true })
      .filter((each) => each.isDirectory())
      .flatMap(({ name }) => readdirSync(join(packages, name)).map((file) => `${name}/${file}`))
      .filter((path) => path.endsWith('.yaml') && !path.endsWith('environment.yaml'))
    expect(found.sort()).toEqual(Object.keys(verdicts).sort())
  })

  test.each(Object.entries(verdicts))('%s: %s', async (path, verdict) => {
    const entry = await readPackage(join(packages, path))
    const summary = entry?.summary
    if (verdict === 'usable') {
      expect(summary).toMatchObject({ valid: true, usable: true, images: true, problem: null, testable: true })
    } else if (verdict === 'no onnx') {
      expect(summary).toMatchObject({ valid: true, usable: false, field: 'weights.onnx' })
      expect(summary?.problem).toMatch(/^valid, but cannot be run, because weights\.onnx: .* no ONNX weights \(it has: \w+/)
    } else {
      expect(summary).toMatchObject({ valid: false, usable: false, field: expect.stringMatching(verdict) })
      expect(summary?.problem).toContain(`${summary?.field}: `)
    }
  })

  test('a description says what its network takes, in words', async () => {
    const takes = async (path: string) => (await readPackage(join(packages, path)))?.summary.takes
    expect(await takes('unet2d_nuclei_broad/bioimageio.yaml')).toBe('planes of one channel')
  })
})

describe.skipIf(!there)(`the networks of bioimageio.spec${absent}`, () => {
  let worker: Bundle
  let inference: RunningInference
  beforeAll(async () => {
    worker = await bundle('src-main/inference/worker.ts')
    inference = startInference({ modelsFolders: [packages], provider: 'cpu', entry: worker.path })
  })
  afterAll(async () => {
    await inference?.[Symbol.asyncDispose]()
    await worker?.[Symbol.asyncDispose]()
  })

  test('unet2d_nuclei_broad passes its own test', async () => {
    const result = await inference.testModel('unet2d_nuclei_broad')
    expect(result).toMatchObject({ passed: true, problem: null, provider: 'cpu' })
    expect(result.outputs).toMatchObject([{ id: 'probability', elements: 512 * 512, allowed: 26, relative: 1e-3, absolute: 1e-3 }])
    expect(inference.models.value.find(({ id }) => id === 'unet2d_nuclei_broad')?.test).toEqual(result)
  })

  test('unet2d_nuclei_broad runs on an image of another size than its own', async () => {
    const [width, height] = [700, 530]
    const data = Float32Array.from({ length: width * height }, (_, i) => ((i * 7919) % 251) + (i % width > 300 ? 400 : 0))
    const { image, provenance, ...size } = await inference.predict({
      model: 'unet2d_nuclei_broad',
      width,
      height,
      data,
      pixelSizeUm: null,
      priority: 'batch',
    })
    expect(size).toMatchObject({ width, height, scale: null })
    expect(provenance.model).toBe('unet2d_nuclei_broad')
    expect(image.every((value) => value >= 0 && value <= 1)).toBe(true)
    expect(Math.max(...image.subarray(0, 10_000)) - Math.min(...image.subarray(0, 10_000))).toBeGreaterThan(0)
  })

  test('a network without ONNX weights fails its test with the reason', async () => {
    expect(await inference.testModel('unet2d_multi_tensor')).toMatchObject({
      passed: false,
      problem: expect.stringContaining('weights.onnx'),
    })
  })
})
