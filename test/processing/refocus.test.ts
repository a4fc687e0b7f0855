/** The shipped networks that refocus: what they need beside the picture, and what the map of distances may hold. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { beyondRange, type DistanceMap, needOf } from '#main/inference/distance-map.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { enhanceFile } from '#main/processing/enhance-file.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { pythonInput, runPython } from '#test/storage/python.ts'

const map: DistanceMap = { input: 'dpm', channel: 1, unitUm: 10, rangeUm: [-10, 10] }

describe('a map of distances', () => {
  test('within the range nothing is said, up to rounding', () => {
    expect(beyondRange(map, [-1, 0, 0.5, 1.0000001])).toBeNull()
  })

  test.each([
    [[0, 1.2], '12 µm'],
    [[-2, 1.1], '-20 µm'],
    [[1.5], '15 µm'],
  ])('%j is flagged with the farthest distance', (values, distance) => {
    expect(beyondRange(map, values)).toBe(
      `The map asks for ${distance}, and the network was trained for -10 to 10 µm: nothing is promised there.`,
    )
  })
})

describe('a file through deep-z', () => {
  let worker: Bundle
  let inference: RunningInference
  let folder: string

  beforeAll(async () => {
    worker = await bundle('src-main/inference/worker.ts')
    inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu', entry: worker.path })
  })
  afterAll(async () => {
    await inference?.[Symbol.asyncDispose]()
    await worker?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deepscope-refocus-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** The picture of the package's own test, 64 pixels of it, beside maps that say `distances` (µm). */
  function makeTiff(distances: readonly number[]): Promise<string> {
    return runPython(
      `${pythonInput}
import tifffile
raw = np.load(given['raw'])[0, 0, :64, :64]
data = np.stack([raw] + [np.full_like(raw, d / 10) for d in given['distances']])
tifffile.imwrite(given['path'], data.astype(np.float32), ome=True, metadata={'axes': 'CYX', 'PhysicalSizeX': 0.325, 'PhysicalSizeXUnit': 'µm', 'PhysicalSizeY': 0.325, 'PhysicalSizeYUnit': 'µm'})
print(json.dumps(given['path']))`,
      { path: join(folder, 'worm.ome.tif'), raw: join(rootFolder, 'models', 'deep-z', 'test-raw.npy'), distances },
    )
  }

  const enhance = (path: string) =>
    enhanceFile({ path, model: 'deep-z', outFolder: join(folder, 'out'), preview: false }, { inference, judge: new TrustThread() })

  test('the picture alone is refused with what is missing, and leaves nothing', async () => {
    await expect(enhance(await makeTiff([]))).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: `The network "deep-z" takes 2 channels at once, and worm.ome.tif has 1. ${needOf(map)}`,
    })
    expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([])
  }, 60_000)

  test('in the live view, which has no map, it says the same', async () => {
    const plane = { width: 32, height: 32, data: new Uint16Array(1024).fill(100), pixelSizeUm: 0.325, priority: 'live' as const }
    await expect(inference.predict({ model: 'deep-z', ...plane })).rejects.toMatchObject({
      message: expect.stringContaining('needs a map of distances beside the picture'),
    })
  }, 60_000)

  test('picture and map give the image at the surface and its error scale', async () => {
    const { output, warnings } = await enhance(await makeTiff([4]))
    const found = await runPython<{ shape: number[]; finite: boolean; least: number }>(
      `${pythonInput}
import tifffile
image = tifffile.imread(given['path'])
print(json.dumps({'shape': list(image.shape), 'finite': bool(np.isfinite(image).all()), 'least': float(image[1].min())}))`,
      { path: output },
    )
    expect(found).toMatchObject({ shape: [2, 64, 64], finite: true })
    expect(found.least).toBeGreaterThan(0)
    expect(warnings).toEqual([])
  }, 60_000)

  test('a map beyond the range is flagged', async () => {
    const { warnings } = await enhance(await makeTiff([15]))
    expect(warnings).toEqual([beyondRange(map, [1.5])])
  }, 60_000)
})
