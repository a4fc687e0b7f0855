/** Files through networks that take more than one channel of a plane, read back by tifffile. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { enhanceFile } from '#main/processing/enhance-file.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { caseFolder } from '#test/inference/packages.ts'
import { pythonInput, runPython } from '#test/storage/python.ts'

let worker: Bundle
let inference: RunningInference
let folder: string

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  inference = startInference({ modelsFolders: [join(caseFolder, 'packages')], provider: 'cpu', entry: worker.path })
})
afterAll(async () => {
  await inference?.[Symbol.asyncDispose]()
  await worker?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-whole-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** The test input of a package as a TIFF whose axes are in the order of OME (t z c y x), and 0.4 µm pixels. */
function makeTiff(name: string, npy: readonly string[], order: readonly number[], axes: string): Promise<string> {
  const path = join(folder, name)
  return runPython(
    `${pythonInput}
import tifffile
data = np.concatenate([np.load(p) for p in given['npy']], axis=given['joined'])
data = data.transpose(given['order']).reshape([n for n in np.array(data.shape)[given['order']] if n > 1])
tifffile.imwrite(given['path'], data.astype(np.float32), ome=True, metadata={'axes': given['axes'], 'PhysicalSizeX': 0.4, 'PhysicalSizeXUnit': 'µm', 'PhysicalSizeY': 0.4, 'PhysicalSizeYUnit': 'µm'})
print(json.dumps(given['path']))`,
    { path, npy: npy.map((file) => join(caseFolder, 'packages', file)), order, axes, joined: 1 },
  )
}

/** Shape and axes of a result, and its largest difference from a test output whose axes are put in the same order. */
function compare(
  path: string,
  npy: string,
  order: readonly number[],
): Promise<{ axes: string; shape: number[]; difference: number; ome: string }> {
  return runPython(
    `${pythonInput}
import tifffile
with tifffile.TiffFile(given['path']) as f:
    series = f.series[0]
    found = series.asarray()
    expected = np.squeeze(np.load(given['npy']).transpose(given['order'])).astype(np.float64)
    print(json.dumps({'axes': series.axes, 'shape': list(found.shape), 'difference': float(np.abs(np.squeeze(found) - expected).max()), 'ome': f.ome_metadata}))`,
    { path, npy: join(caseFolder, 'packages', npy), order },
  )
}

const enhance = (path: string, model: string) =>
  enhanceFile({ path, model, outFolder: join(folder, 'out'), preview: true }, { inference, judge: new TrustThread() })

describe('a file through a network of several axes', () => {
  test('a stack with channels: every plane of the result is where PyTorch has it', async () => {
    const path = await makeTiff('stack.ome.tif', ['volume/test-input-0.npy'], [0, 1, 4, 2, 3], 'ZCYX')
    const result = await enhance(path, 'volume')
    const found = await compare(result.output, 'volume/test-output-0.npy', [0, 1, 4, 2, 3])
    expect(found).toMatchObject({ axes: 'ZCYX', shape: [5, 3, 16, 12] })
    expect(found.difference).toBeLessThan(1e-4)
    expect(found.ome).toContain('Made by a neural network, not measured.')
    expect(result).toMatchObject({ others: [], planes: 10, provenance: { model: 'volume' } })
    // Never silently absent: neither here nor in the file.
    expect(result).toMatchObject({ verdict: null, judged: expect.stringMatching(/^Not judged, because .*do not cover how this network/) })
    expect(found.ome).toMatch(/K="Judged">Not judged, because/)
    expect((await readdir(join(folder, 'out'))).sort()).toEqual(['stack-volume.ome.tif', 'stack-volume.png'])
  })

  test('two inputs and two outputs: a file for each output, with its pixel size', async () => {
    const path = await makeTiff('cells.ome.tif', ['two-inputs/test-input-0.npy', 'two-inputs/test-input-1.npy'], [0, 1, 2, 3], 'CYX')
    const { output, others } = await enhance(path, 'two-inputs')
    expect([output, ...others].map((each) => basename(each))).toEqual(['cells-two-inputs-mask.ome.tif', 'cells-two-inputs-shade.ome.tif'])
    expect((await compare(output, 'two-inputs/test-output-0.npy', [0, 1, 2, 3])).difference).toBeLessThan(1e-4)
    const shade = await compare(others[0] as string, 'two-inputs/test-output-1.npy', [0, 1, 2, 3])
    expect(shade.difference).toBeLessThan(0.05)
    expect(shade.ome).toMatch(/PhysicalSizeX="0\.4"/)
  })

  test('a finer result has smaller pixels; one of one channel goes through channel by channel', async () => {
    const path = await makeTiff('cells.ome.tif', ['two-inputs/test-input-0.npy', 'two-inputs/test-input-1.npy'], [0, 1, 2, 3], 'CYX')
    const { output, warnings } = await enhance(path, 'half')
    const { shape, ome } = await runPython<{ shape: number[]; ome: string }>(
      `${pythonInput}
import tifffile
with tifffile.TiffFile(given['path']) as f:
    print(json.dumps({'shape': list(f.series[0].shape), 'ome': f.ome_metadata}))`,
      { path: output },
    )
    expect(shape).toEqual([6, 12, 10])
    expect(ome).toMatch(/PhysicalSizeX="0\.8"/)
    expect(warnings).toEqual([])
  })

  test('another number of channels is refused with a sentence, and leaves nothing', async () => {
    const path = await makeTiff('cells.ome.tif', ['two-inputs/test-input-0.npy', 'two-inputs/test-input-1.npy'], [0, 1, 2, 3], 'CYX')
    await expect(enhance(path, 'twice')).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: expect.stringMatching(/takes 2 channels at once, and cells\.ome\.tif has 3/),
    })
    expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([])
  })
})
