/** The shipped networks that refocus: what they need beside the picture, and what the map of distances may hold. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { beyondRange, type DistanceMap, needOf } from '#main/inference/distance-map.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { enhanceFile } from '#main/processing/enhance-file.ts'
import { Inspector } from '#main/processing/inspect.ts'
import { distancesOf, type Surfaces, surfacesFrom } from '#shared/surfaces.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { pythonInput, runPython } from '#test/storage/python.ts'

const map: DistanceMap = { input: 'dpm', channel: 1, unitUm: 10, rangeUm: [-10, 10], inverse: true, shared: false }

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
      `A surface at ${distance} is asked for, and the network was trained for -10 to 10 µm: nothing is promised there.`,
    )
  })
})

describe('surfaces', () => {
  test.each([
    ['4', { fromUm: 4, toUm: 4, stepUm: 1 }, [4]],
    ['-1:1:0.5', { fromUm: -1, toUm: 1, stepUm: 0.5 }, [-1, -0.5, 0, 0.5, 1]],
    ['2:-1:1', { fromUm: 2, toUm: -1, stepUm: 1 }, [2, 1, 0, -1]],
    ['0:1:0.3', { fromUm: 0, toUm: 1, stepUm: 0.3 }, [0, 0.3, 0.6, 0.9]],
  ])('“%s” are the distances that it says', (text, surfaces, distances) => {
    expect(surfacesFrom(text)).toEqual(surfaces)
    expect(distancesOf(surfaces)).toEqual(distances)
  })

  test.each(['', 'near', '1:2', '1:2:x', '1:2:3:4', ':2:1'])('“%s” are none', (text) => {
    expect(surfacesFrom(text)).toBeNull()
  })
})

describe('a file through deep-z', () => {
  let worker: Bundle
  let trust: Bundle
  let inference: RunningInference
  let folder: string

  beforeAll(async () => {
    worker = await bundle('src-main/inference/worker.ts')
    trust = await bundle('src-main/analysis/trust/worker.ts')
    inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu', entry: worker.path })
  })
  afterAll(async () => {
    await inference?.[Symbol.asyncDispose]()
    await worker?.[Symbol.asyncDispose]()
    await trust?.[Symbol.asyncDispose]()
  })
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deepscope-refocus-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** The picture of the package's own test, 64 pixels of it, beside maps that say `distances` (µm). */
  function makeTiff(distances: readonly number[], tiltUm = 0): Promise<string> {
    return runPython(
      `${pythonInput}
import tifffile
raw = np.load(given['raw'])[0, 0]
data = np.stack([raw] + [np.full_like(raw, d / 10) + np.linspace(0, given['tiltUm'] / 10, len(raw))[:, None] for d in given['distances']])
tifffile.imwrite(given['path'], data.astype(np.float32), ome=True, metadata={'axes': 'CYX', 'PhysicalSizeX': 0.325, 'PhysicalSizeXUnit': 'µm', 'PhysicalSizeY': 0.325, 'PhysicalSizeYUnit': 'µm'})
print(json.dumps(given['path']))`,
      { path: join(folder, 'worm.ome.tif'), raw: join(rootFolder, 'models', 'deep-z', 'test-raw.npy'), distances, tiltUm },
    )
  }

  const enhance = async (path: string, refocus: Surfaces | null = null, model = 'deep-z') => {
    await using judge = new TrustThread(trust.path)
    return await enhanceFile({ path, model, refocus, outFolder: join(folder, 'out'), preview: false }, { inference, judge })
  }

  /** What tifffile reads of a result: (Z, C, Y, X) at least, and what the file says of itself. */
  const readBack = (path: string) =>
    runPython<{ shape: number[]; finite: boolean; leastScale: number; same: number; slope: number; xml: string }>(
      `${pythonInput}
import tifffile
with tifffile.TiffFile(given['path']) as file:
    image, xml = file.series[0].asarray(), file.ome_metadata
image = image.reshape((-1,) + image.shape[-3:])
raw = np.load(given['raw'])[0, 0]
slope = float(np.polyfit(raw.ravel(), image[len(image) // 2, 0].ravel(), 1)[0])
print(json.dumps({'slope': slope, 'shape': list(image.shape), 'finite': bool(np.isfinite(image).all()), 'leastScale': float(image[:, 1].min()),
  'same': float(np.corrcoef(image[len(image) // 2, 0].ravel(), raw.ravel())[0, 1]), 'xml': xml}))`,
      { path, raw: join(rootFolder, 'models', 'deep-z', 'test-raw.npy') },
    )

  test('the picture alone is refused with what is missing, and leaves nothing', async () => {
    await expect(enhance(await makeTiff([]))).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: `The network "deep-z" takes 2 channels at once, and worm.ome.tif has 1. ${needOf(map)}`,
    })
    expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([])
  })

  test('in the live view, which has no map, it says the same', async () => {
    const plane = { width: 32, height: 32, data: new Uint16Array(1024).fill(100), pixelSizeUm: 0.325, priority: 'live' as const }
    await expect(inference.predict({ model: 'deep-z', ...plane })).rejects.toMatchObject({
      message: expect.stringContaining('needs a map of distances beside the picture'),
    })
  })

  test('picture and map give the image at the surface and its error scale', async () => {
    const { output, warnings, verdict, judged } = await enhance(await makeTiff([4]))
    const found = await runPython<{ shape: number[]; finite: boolean; least: number }>(
      `${pythonInput}
import tifffile
image = tifffile.imread(given['path'])
print(json.dumps({'shape': list(image.shape), 'finite': bool(np.isfinite(image).all()), 'least': float(image[1].min())}))`,
      { path: output },
    )
    expect(found).toMatchObject({ shape: [2, 128, 128], finite: true })
    expect(found.least).toBeGreaterThan(0)
    expect(warnings).toEqual([])
    expect(judged).toBe('The plane was judged as a surface at 4 µm, the farthest distance of its map.')
    // As the same surface is judged that was asked for without a map.
    const asked = await enhance(await makeTiff([]), { fromUm: 4, toUm: 4, stepUm: 1 })
    expect(verdict).toEqual(asked.verdict)
    expect((await readBack(output)).xml).toContain('judged as a surface at 4 µm')
  })

  test('a tilted map is judged by its end that lies nearest to, or beyond, what the network was trained for', async () => {
    const within = await enhance(await makeTiff([-6], 8))
    expect(within.judged).toMatch(/^The plane was judged as a surface at -6 µm/)
    const beyond = await enhance(await makeTiff([-12], 14))
    expect(beyond.judged).toMatch(/^The plane was judged as a surface at -12 µm/)
    expect(beyond.verdict?.level).toBe('do-not-use')
  })

  test('a picture alone becomes a stack of the surfaces that are asked for, each judged', async () => {
    const result = await enhance(await makeTiff([]), { fromUm: -4, toUm: 4, stepUm: 2 })
    const found = await readBack(result.output)
    expect(found).toMatchObject({ shape: [5, 2, 128, 128], finite: true })
    expect(found.leastScale).toBeGreaterThan(0)
    expect(found.same).toBeGreaterThan(0.9) // at 0 it is the picture itself, cleaned, in its own units
    expect(found.slope).toBeGreaterThan(0.5)
    expect(found.slope).toBeLessThan(1.5)
    expect(found.xml).toContain('PhysicalSizeZ="2"')
    expect(found.xml).toContain('-4, -2, 0, 2, 4 µm from the plane in focus')
    const table = (await readFile(result.table ?? '', 'utf8')).trim().split('\r\n')
    expect(table).toHaveLength(6)
    const column = (table[0] ?? '').split(',').indexOf('metadata distance (µm)')
    expect(table.slice(1).map((row) => row.split(',')[column])).toEqual(['-4', '-2', '0', '2', '4'])
    // One stack, brought back through the optics, explains all of them.
    const explained = (table[0] ?? '').split(',').indexOf('explanation rsp-share')
    const shares = table.slice(1).map((row) => Number(row.split(',')[explained]))
    expect(shares[0]).toBeGreaterThan(0.8)
    expect(new Set(shares).size).toBe(1)
    expect(result).toMatchObject({ judged: 'Every surface was judged.', verdict: { level: expect.any(String) }, others: [] })
  })

  test('one surface is what a map of that distance gives', async () => {
    const single = await enhance(await makeTiff([]), { fromUm: 3, toUm: 3, stepUm: 1 })
    const mapped = await enhance(await makeTiff([3]))
    const largest = await runPython<number>(
      `${pythonInput}
import tifffile
a, b = (tifffile.imread(path).astype(np.float64) for path in given['paths'])
print(json.dumps(float(np.abs(a - b).max() / np.ptp(b))))`,
      { paths: [single.output, mapped.output] },
    )
    expect(largest).toBeLessThan(1e-5)
  })

  test('a film keeps its brightness: all times share one normalisation', async () => {
    const film = await runPython<string>(
      `${pythonInput}
import tifffile
raw = np.load(given['raw'])[0, 0, :64, :64]
ground = np.percentile(raw, 1)
data = np.stack([raw, ground + 0.5 * (raw - ground)])
tifffile.imwrite(given['path'], data.astype(np.float32), ome=True, metadata={'axes': 'TYX', 'PhysicalSizeX': 0.325, 'PhysicalSizeXUnit': 'µm'})
print(json.dumps(given['path']))`,
      { path: join(folder, 'film.ome.tif'), raw: join(rootFolder, 'models', 'deep-z', 'test-raw.npy') },
    )
    const { output, judged } = await enhance(film, { fromUm: -2, toUm: 2, stepUm: 2 })
    expect(judged).toBe('Every surface of the first time was judged.')
    const { shape, slope } = await runPython<{ shape: number[]; slope: number[] }>(
      `${pythonInput}
import tifffile
with tifffile.TiffFile(given['path']) as file:
    image = file.series[0].asarray()
slopes = [float(np.polyfit(image[0, z, 0].ravel(), image[1, z, 0].ravel(), 1)[0]) for z in range(3)]
print(json.dumps({'shape': list(image.shape), 'slope': slopes}))`,
      { path: output },
    )
    expect(shape).toEqual([2, 3, 2, 64, 64])
    for (const value of slope) expect(value).toBeCloseTo(0.5, 1)
  })

  test('every channel of a picture is refocused by itself', async () => {
    const picture = await runPython<string>(
      `${pythonInput}
import tifffile
raw = np.load(given['raw'])[0, 0, :64, :64]
data = np.stack([raw, raw[::-1] * 3])
tifffile.imwrite(given['path'], data.astype(np.float32), ome=True, metadata={'axes': 'CYX', 'PhysicalSizeX': 0.325, 'PhysicalSizeXUnit': 'µm'})
print(json.dumps(given['path']))`,
      { path: join(folder, 'two.ome.tif'), raw: join(rootFolder, 'models', 'deep-z', 'test-raw.npy') },
    )
    const { output, table } = await enhance(picture, { fromUm: 0, toUm: 2, stepUm: 2 })
    const { shape, alike } = await runPython<{ shape: number[]; alike: number[] }>(
      `${pythonInput}
import tifffile
with tifffile.TiffFile(given['path']) as file:
    image = file.series[0].asarray()
# Of the second channel, its picture, upside down, over that of the first; and the same of the errors.
parts = [(image[z, 2 + k][::-1], image[z, k]) for z in range(2) for k in range(2)]
print(json.dumps({'shape': list(image.shape), 'alike': [float(np.median(a / b)) for a, b in parts]}))`,
      { path: output },
    )
    expect(shape).toEqual([2, 4, 64, 64])
    for (const value of alike) expect(value).toBeCloseTo(3, 0)
    const rows = (await readFile(table ?? '', 'utf8')).trim().split('\r\n').slice(1)
    expect(rows.map((row) => row.split(',').slice(0, 4).join(' '))).toEqual(['0 0 0 0', '1 1 0 0', '2 0 1 0', '3 1 1 0'])
  })

  test('an inspection asks for the same surface, and sees whether the stack explains the picture', async () => {
    await using judge = new TrustThread(trust.path)
    const raw = await runPython<number[]>(
      `${pythonInput}
print(json.dumps(np.load(given['raw'])[0, 0].ravel().tolist()))`,
      { raw: join(rootFolder, 'models', 'deep-z', 'test-raw.npy') },
    )
    const side = Math.sqrt(raw.length)
    const facts = { pixelSizeUm: 0.325, numericalAperture: 0.75, emissionNm: 525, modality: 'widefield', bitDepth: 16, structure: null }
    const picture = { width: side, height: side, data: Float32Array.from(raw) }
    const asked = { model: 'deep-z', picture, second: null, facts }
    const { report, prediction } = await new Inspector({ inference, judge }).inspect({ ...asked, distanceUm: 3 })
    expect(prediction).toMatchObject({ width: side, height: side })
    const instrument = (id: string) => report.instruments.find((each) => each.id === id)
    expect(instrument('metadata')?.readings.find(({ id }) => id === 'distance')).toMatchObject({ value: 3, status: 'fine' })
    expect(instrument('explanation')?.readings.find(({ id }) => id === 'rsp-share')?.value).toBeGreaterThan(0.8)
    expect(instrument('uncertainty')?.readings.map(({ id }) => id)).toContain('disagreement')
    await expect(new Inspector({ inference, judge }).inspect({ ...asked, model: 'widefield-sr', distanceUm: 3 })).rejects.toMatchObject({
      message: 'This network does not refocus.',
    })
  })

  test('of a stack that leaves the range that is said once, and its verdict is theirs', async () => {
    const { warnings, verdict, output } = await enhance(await makeTiff([]), { fromUm: -14, toUm: 4, stepUm: 6 })
    expect(warnings).toEqual([beyondRange(map, [-1.4])])
    expect(verdict?.level).toBe('do-not-use')
    expect(verdict?.reasons.filter(({ message }) => message.includes('lies outside'))).toHaveLength(1)
    expect((await readBack(output)).xml).toContain('A surface at -14 µm is asked for')
  })

  test('what would not fit into memory, and a stack, are refused with a sentence', async () => {
    const stack = await runPython<string>(
      `${pythonInput}
import tifffile
tifffile.imwrite(given['path'], np.zeros((3, 64, 64), np.uint16), ome=True, metadata={'axes': 'ZYX'})
print(json.dumps(given['path']))`,
      { path: join(folder, 'deep.ome.tif') },
    )
    await expect(enhance(stack, { fromUm: 1, toUm: 1, stepUm: 1 })).rejects.toMatchObject({
      message: 'deep.ome.tif is a stack of 3 planes already. Refocusing makes a stack of one plane: give that plane alone.',
    })
    const wide = await runPython<string>(
      `${pythonInput}
import tifffile
# Pixels of 50 µm, which the network's grid makes 154 times as many along each side.
tifffile.imwrite(given['path'], np.zeros((128, 128), np.uint16), ome=True, metadata={'axes': 'YX', 'PhysicalSizeX': 50, 'PhysicalSizeXUnit': 'µm'})
print(json.dumps(given['path']))`,
      { path: join(folder, 'wide.ome.tif') },
    )
    await expect(enhance(wide, { fromUm: 1, toUm: 1, stepUm: 1 })).rejects.toMatchObject({
      message: 'One surface of wide.ome.tif would have 776 million values, too many at once. Crop it.',
    })
  })

  test('a surface beyond the range is not to be used, and the file says so', async () => {
    const { verdict, warnings, output } = await enhance(await makeTiff([]), { fromUm: 15, toUm: 15, stepUm: 1 })
    expect(warnings).toEqual([beyondRange(map, [1.5])])
    expect(verdict?.level).toBe('do-not-use')
    expect(verdict?.reasons[0]?.message).toContain('A surface 15 µm from the focus lies outside')
    expect((await readBack(output)).xml).toContain('A surface 15 µm from the focus lies outside')
  })

  test('a network that does not refocus cannot be asked for surfaces, and a step must lead somewhere', async () => {
    const path = await makeTiff([])
    await expect(enhance(path, { fromUm: 2, toUm: 2, stepUm: 1 }, 'widefield-sr')).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: 'The network "widefield-sr" does not refocus, so it cannot be asked for other surfaces.',
    })
    await expect(enhance(path, { fromUm: 0, toUm: 2, stepUm: 0 })).rejects.toMatchObject({ kind: 'OutOfRange' })
    await expect(enhance(path, { fromUm: -10, toUm: 10, stepUm: 0.01 })).rejects.toMatchObject({ kind: 'OutOfRange' })
    expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([])
  })

  test('a map beyond the range is flagged', async () => {
    const { warnings } = await enhance(await makeTiff([15]))
    expect(warnings).toEqual([beyondRange(map, [1.5])])
  })
})
