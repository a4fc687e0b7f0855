import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { type CommandIo, type EnhanceOptions, enhanceCommand } from '#main/processing/commands.ts'
import { type EnhanceRequest, type EnhanceResult, enhanceFile } from '#main/processing/enhance-file.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { withoutNormalisation, writePackage } from '#test/inference/packages.ts'
import { pythonInput, runPython } from '#test/storage/python.ts'
import { absent, hasRealData, realData } from '#test/storage/real-data.ts'

let worker: Bundle
let models: string
let inference: RunningInference
let judgeProgram: Bundle
let judge: TrustThread
let folder: string

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  judgeProgram = await bundle('src-main/analysis/trust/worker.ts')
  judge = new TrustThread(judgeProgram.path)
  models = await mkdtemp(join(tmpdir(), 'deepscope-models-'))
  await writePackage(models, 'echo', { network: 'echo' })
  await writePackage(models, 'nan', { network: 'nan' })
  await writePackage(models, 'delay', { network: 'delay', change: withoutNormalisation })
  inference = startInference({ modelsFolders: [models, join(rootFolder, 'models')], provider: 'cpu', entry: worker.path })
})
afterAll(async () => {
  await inference?.[Symbol.asyncDispose]()
  await worker?.[Symbol.asyncDispose]()
  await judge?.[Symbol.asyncDispose]()
  await judgeProgram?.[Symbol.asyncDispose]()
  await rm(models, { recursive: true, force: true })
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-enhance-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Writes a TIFF with tifffile: values 100 + (a hash of the position) % 1000, of the given shape and type. */
async function makeTiff(name: string, options: { shape: number[]; dtype: string; save?: Record<string, unknown> }): Promise<string> {
  const path = join(folder, name)
  await runPython(
    `${pythonInput}
import tifffile
n = int(np.prod(given['shape']))
data = ((np.arange(n, dtype=np.int64) * 7919) % 251 + 3).reshape(given['shape']).astype(given['dtype'])
save = given['save']
if 'resolution' in save: save['resolution'] = tuple(save['resolution'])
tifffile.imwrite(given['path'], data, **save)
print('null')`,
    { path, ...options, save: options.save ?? {} },
  )
  return path
}

interface ReadBack {
  readonly shape: number[]
  readonly axes: string
  readonly dtype: string
  readonly ome: string
  /** Largest difference between the image channel and the input. */
  readonly difference: number
}

/** Opens a result with tifffile and compares its image channel with the input, where they are of one size. */
function readBack(path: string, input: string): Promise<ReadBack> {
  return runPython(
    `${pythonInput}
import tifffile
with tifffile.TiffFile(given['path']) as f:
    series = f.series[0]
    data = series.asarray()
    image = np.take(data, 0, axis=series.axes.index('C')) if 'C' in series.axes else data
    before = np.squeeze(tifffile.imread(given['input'])).astype(np.float64)
    same = image.shape == before.shape
    print(json.dumps({'shape': list(data.shape), 'axes': series.axes, 'dtype': str(data.dtype), 'ome': f.ome_metadata or '',
        'difference': float(np.abs(image - before).max()) if same else -1}))`,
    { path, input },
  )
}

function enhance(path: string, change: Partial<EnhanceRequest> = {}): Promise<EnhanceResult> {
  return enhanceFile({ path, outFolder: join(folder, 'out'), model: 'echo', preview: false, ...change }, { inference, judge })
}

describe('enhancing a TIFF', () => {
  const micron = { photometric: 'minisblack', metadata: { axes: 'YX', PhysicalSizeX: 0.325, PhysicalSizeY: 0.325 } }

  test.each(['uint8', 'uint16', 'float32'])('%s: tifffile reads what the network made, in the input’s units', async (dtype) => {
    const path = await makeTiff('cells.ome.tif', { shape: [48, 80], dtype, save: micron })
    const { output, warnings, provenance, planes } = await enhance(path)
    expect(output).toBe(join(folder, 'out', 'cells-echo.ome.tif'))
    expect([warnings, planes, provenance.model]).toEqual([[], 1, 'echo'])
    const read = await readBack(output, path)
    expect(read).toMatchObject({ shape: [2, 48, 80], axes: 'CYX', dtype: 'float32' })
    expect(read.difference).toBeLessThan(1e-3)
    expect(read.ome).toMatch(/PhysicalSizeX="0\.325"/)
    for (const fact of ['1.2.3', provenance.sha256, 'cpu', 'not measured']) expect(read.ome).toContain(fact)
  })

  test('a picture too large for memory is worked through in bands, and comes out as any other', async () => {
    const path = await makeTiff('large.ome.tif', { shape: [4300, 4200], dtype: 'uint16', save: micron })
    const progress: number[] = []
    const done: number[] = []
    const { output, before, after, warnings, judged, verdict } = await enhance(path, {
      onProgress: (fraction, { megapixels }) => {
        progress.push(fraction)
        done.push(megapixels)
      },
    })
    const read = await readBack(output, path)
    expect(read.shape).toEqual([2, 4300, 4200])
    expect(read.difference).toBeLessThan(1e-3)
    // What was judged is said, beside the verdict and in the file.
    expect(judged).toMatch(/^A window of 10\d\d × \d+ pixels in the middle of the plane was judged/)
    expect(verdict).not.toBeNull()
    expect(read.ome).toMatch(/K="Judged">A window of/)
    expect(read.ome).toMatch(/K="Verdict">/)
    expect(warnings).toEqual([])
    expect(Math.max(...done)).toBeCloseTo(4.3 * 4.2, 6)
    expect([before.width, before.height, after.width, after.height]).toEqual([1400, 1433, 1400, 1433])
    for (let i = 0; i < before.data.length; i += 997) {
      expect(Math.abs((before.data[i] as number) - (after.data[i] as number))).toBeLessThan(0.51)
    }
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
  })

  test('a 10× image comes out on the 20× grid', async () => {
    const path = await makeTiff('ten.tif', { shape: [40, 50], dtype: 'uint16' })
    const { output, warnings } = await enhance(path, { pixelSizeUm: 0.65 })
    const read = await readBack(output, path)
    expect(read.shape).toEqual([2, 80, 100])
    expect(read.ome).toMatch(/PhysicalSizeX="0\.325"/)
    expect(warnings).toEqual([])
  })

  test('a pixel size that nobody knows is not invented', async () => {
    const path = await makeTiff('plain.tif', { shape: [40, 50], dtype: 'uint16' })
    const { output, warnings } = await enhance(path)
    const read = await readBack(output, path)
    expect(read.shape).toEqual([2, 40, 50])
    expect(read.ome).not.toContain('PhysicalSize')
    expect(warnings.join()).toMatch(/pixel size is unknown/)
    expect(read.ome).toContain('pixel size is unknown')
  })

  test('a pixel size that no microscope has is refused where it is given, and not believed where a file says it', async () => {
    const save = {
      ome: true,
      metadata: { axes: 'YX', PhysicalSizeX: 1e-9, PhysicalSizeXUnit: 'µm', PhysicalSizeY: 1e-9, PhysicalSizeYUnit: 'µm' },
    }
    const path = await makeTiff('tiny-pixels.ome.tif', { shape: [40, 50], dtype: 'uint16', save })
    for (const pixelSizeUm of [1e-9, 1e9, Number.NaN])
      await expect(enhance(path, { pixelSizeUm })).rejects.toMatchObject({
        kind: 'OutOfRange',
        message: expect.stringContaining('0.001 to 100 µm'),
      })
    const { output, warnings } = await enhance(path)
    expect((await readBack(output, path)).ome).not.toContain('PhysicalSize')
    expect(warnings.join()).toMatch(/1e-9 µm wide, which no microscope has/)
  })

  test('an ImageJ stack is enhanced plane by plane with one normalisation', async () => {
    const save = { imagej: true, resolution: [1 / 0.325, 1 / 0.325], metadata: { axes: 'ZYX', unit: 'um', spacing: 1 } }
    const path = await makeTiff('stack.tif', { shape: [3, 32, 40], dtype: 'uint16', save })
    const { output, planes } = await enhance(path)
    expect(planes).toBe(3)
    const read = await readBack(output, path)
    expect(read).toMatchObject({ shape: [3, 2, 32, 40], axes: 'ZCYX' })
    expect(read.difference).toBeLessThan(1e-3)
    // numpy.percentile over all 3840 values, 1 and 99.9 percent.
    const [low, high] = await runPython<number[]>(
      `${pythonInput}
import tifffile
print(json.dumps(np.percentile(tifffile.imread(given), [1, 99.9]).tolist()))`,
      path,
    )
    const stored = JSON.parse(/K="normalisation">([^<]*)</.exec(read.ome)?.[1]?.replaceAll('&quot;', '"') ?? '[]') as {
      offset: number
      scale: number
    }[]
    expect(stored).toHaveLength(1)
    expect(stored[0]?.offset).toBeCloseTo(low as number, 5)
    expect(stored[0]?.scale).toBeCloseTo((high as number) - (low as number), 4)
  })

  test('the channels of a file are kept apart, each with its own normalisation', async () => {
    const save = { metadata: { axes: 'ZCYX', Channel: { Name: ['DAPI', 'FITC'] } } }
    const path = await makeTiff('channels.ome.tif', { shape: [2, 2, 32, 32], dtype: 'uint16', save })
    const { output } = await enhance(path)
    const read = await readBack(output, path)
    expect(read).toMatchObject({ shape: [2, 4, 32, 32], axes: 'ZCYX' })
    for (const name of ['DAPI (enhanced)', 'DAPI (error scale)', 'FITC (enhanced)', 'FITC (error scale)']) expect(read.ome).toContain(name)
  })

  test('two channels of one plane each have a normalisation of their own, and both are stored', async () => {
    const path = await makeTiff('two.ome.tif', { shape: [2, 32, 32], dtype: 'uint16', save: { metadata: { axes: 'CYX' } } })
    const { output } = await enhance(path)
    const read = await readBack(output, path)
    const stored = JSON.parse(/K="normalisation">([^<]*)</.exec(read.ome)?.[1]?.replaceAll('&quot;', '"') ?? '[]') as { offset: number }[]
    // numpy.percentile(channel, 1) of what `makeTiff` writes.
    const lows = await runPython<number[]>(
      `${pythonInput}
import tifffile
print(json.dumps([float(np.percentile(channel, 1)) for channel in tifffile.imread(given)]))`,
      path,
    )
    expect(stored.map(({ offset }) => offset)).toEqual(lows.map((low) => expect.closeTo(low, 5)))
  })

  test('the planes of a long stack are the same, and in the same order, as when each went by itself', async () => {
    const save = { imagej: true, resolution: [1 / 0.325, 1 / 0.325], metadata: { axes: 'TYX', unit: 'um' } }
    const path = await makeTiff('series.tif', { shape: [37, 48, 40], dtype: 'uint16', save })
    const fractions: number[] = []
    const { output, planes } = await enhance(path, { onProgress: (fraction) => fractions.push(fraction) })
    expect(planes).toBe(37)
    const read = await readBack(output, path)
    expect(read).toMatchObject({ shape: [37, 2, 48, 40], axes: 'TCYX' })
    expect(read.difference).toBeLessThan(1e-3)
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
    expect(fractions.at(-1)).toBe(1)
  })

  test('nothing is overwritten: the second result gets a number', async () => {
    const path = await makeTiff('twice.tif', { shape: [32, 32], dtype: 'uint8' })
    const first = await enhance(path)
    const bytes = await readFile(first.output)
    expect((await enhance(path)).output).toBe(join(folder, 'out', 'twice-echo-2.ome.tif'))
    expect((await readFile(first.output)).equals(bytes)).toBe(true)
  })

  test('cancelling leaves no file behind', async () => {
    const path = await makeTiff('slow.tif', { shape: [2, 16, 1100], dtype: 'float32' })
    const abort = new AbortController()
    const onProgress = (fraction: number) => {
      if (fraction > 0.6) abort.abort()
    }
    await expect(enhance(path, { model: 'delay', signal: abort.signal, onProgress })).rejects.toMatchObject({ name: 'AbortError' })
    // The folder itself may have been made by then, or not.
    expect(await readdir(join(folder, 'out')).catch(() => [])).toEqual([])
  })

  test('a network that fails leaves no file behind', async () => {
    const path = await makeTiff('fails.tif', { shape: [32, 32], dtype: 'uint8' })
    await expect(enhance(path, { model: 'nan' })).rejects.toMatchObject({ kind: 'ModelFailed' })
    expect((await readdir(folder)).sort()).toEqual(['fails.tif'])
  })
})

describe('the preview', () => {
  async function isOrange(png: string): Promise<number> {
    const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
    let count = 0
    for (let i = 0; i < data.length; i += 3) if (data[i] === 255 && data[i + 1] === 176 && data[i + 2] === 0) count++
    return count
  }

  test('shows both halves side by side, with the badge', async () => {
    const path = await makeTiff('look.tif', { shape: [64, 96], dtype: 'uint16' })
    const { preview } = await enhance(path, { preview: true })
    expect(preview).toBe(join(folder, 'out', 'look-echo.png'))
    const { width = 0, height = 0 } = await sharp(preview ?? '').metadata()
    expect(width).toBeGreaterThan(2 * height * (96 / 64) * 0.7)
    expect(await isOrange(preview ?? '')).toBeGreaterThan(1000)
    // The badge is 170 × 28 pixels, 12 from the right and 8 from the top; its words are dark and keep 8 pixels from its ends.
    const { data } = await sharp(preview ?? '')
      .raw()
      .toBuffer({ resolveWithObject: true })
    const dark: number[] = []
    for (let y = 12; y < 32; y++) {
      for (let x = width - 182 + 4; x < width - 12 - 4; x++) if ((data[(y * width + x) * 3] as number) < 100) dark.push(x - (width - 182))
    }
    expect(dark.length).toBeGreaterThan(200)
    expect(Math.min(...dark)).toBeGreaterThanOrEqual(7)
    expect(Math.max(...dark)).toBeLessThanOrEqual(163)
  })

  test.each([
    [3, 900],
    [900, 3],
    [1, 1],
  ])('can be made of a picture of %i × %i pixels', async (height, width) => {
    const path = await makeTiff('odd.tif', { shape: [height, width], dtype: 'uint8' })
    const { preview } = await enhance(path, { preview: true })
    const found = await sharp(preview ?? '').metadata()
    expect(found.width).toBeGreaterThanOrEqual(848)
    expect(Math.max(found.width ?? 0, found.height ?? 0)).toBeLessThan(2200)
    expect(await isOrange(preview ?? '')).toBeGreaterThan(1000)
  })

  test('has a scale bar only where the pixel size is known', async () => {
    const path = await makeTiff('bar.tif', { shape: [64, 64], dtype: 'uint16' })
    const bar = async (pixelSizeUm: number | null) => {
      const { preview } = await enhance(path, { preview: true, pixelSizeUm })
      const { data, info } = await sharp(preview ?? '')
        .raw()
        .toBuffer({ resolveWithObject: true })
      const row = (info.height - 28) * info.width * info.channels
      let longest = 0
      for (let x = 0, run = 0; x < info.width; x++) {
        run = data[row + x * info.channels] === 255 && data[row + x * info.channels + 2] === 255 ? run + 1 : 0
        longest = Math.max(longest, run)
      }
      return longest
    }
    expect(await bar(null)).toBeLessThan(20)
    // 64 pixels of 0.325 µm are shown 7 times as large: 2 µm are 2 / 0.325 · 7 = 43 pixels.
    expect(await bar(0.325)).toBe(43)
  })
})

describe('the command line', () => {
  function record(signal?: AbortSignal) {
    const lines = { out: [] as string[], error: [] as string[], progress: [] as string[] }
    const io: CommandIo = {
      out: (line) => lines.out.push(line),
      error: (line) => lines.error.push(line),
      progress: (text) => lines.progress.push(text),
      ...(signal ? { signal } : {}),
    }
    return { io, lines }
  }
  const options = (): EnhanceOptions => ({
    out: join(folder, 'out'),
    model: 'echo',
    preview: true,
    modelsFolders: [models],
    provider: 'cpu',
    entry: worker.path,
    trustEntry: judgeProgram.path,
  })

  test('prints results, warns on the other stream and says how far it is', async () => {
    const path = await makeTiff('a.tif', { shape: [32, 32], dtype: 'uint8' })
    const { io, lines } = record()
    expect(await enhanceCommand([path], options(), io)).toBe(0)
    expect(lines.out).toEqual([join(folder, 'out', 'a-echo.ome.tif'), join(folder, 'out', 'a-echo.png')])
    expect(lines.error.join()).toMatch(/a\.tif: warning: .*pixel size/)
    expect(lines.progress.at(-1)).toMatch(/a\.tif: 100 %/)
  })

  test('a bad file is told in a sentence, the others go on, and the exit code is 1', async () => {
    const good = await makeTiff('good.tif', { shape: [32, 32], dtype: 'uint8' })
    const cut = join(folder, 'cut.tif')
    await writeFile(cut, (await readFile(good)).subarray(0, 600))
    const empty = join(folder, 'empty.tif')
    await writeFile(empty, '')
    const text = join(folder, 'text.tif')
    await writeFile(text, 'this is no picture at all')
    const huge = join(folder, 'huge.tif')
    await writeFile(huge, withWidth(await readFile(good), 4_000_000_000))
    const { io, lines } = record()
    expect(await enhanceCommand([empty, cut, text, huge, join(folder, 'missing.tif'), good], options(), io)).toBe(1)
    for (const name of ['empty.tif', 'cut.tif', 'text.tif', 'huge.tif', 'missing.tif']) {
      const line = lines.error.find((error) => error.startsWith(name)) ?? ''
      expect(line).toMatch(/\.$/)
      expect(line).not.toMatch(/ENOENT|undefined|\bat .*:\d+/)
      expect(line.split(name)).toHaveLength(2)
    }
    expect(lines.out).toHaveLength(2)
    expect((await readdir(join(folder, 'out'))).sort()).toEqual(['good-echo.ome.tif', 'good-echo.png'])
  })

  test('an unknown model is named, with those that are known', async () => {
    const path = await makeTiff('a.tif', { shape: [32, 32], dtype: 'uint8' })
    const { io, lines } = record()
    expect(await enhanceCommand([path], { ...options(), model: 'magic' }, io)).toBe(1)
    expect(lines.error[0]).toMatch(/no model "magic".*echo/)
  })

  test('cancelled: it ends as cancelled', async () => {
    const path = await makeTiff('a.tif', { shape: [32, 32], dtype: 'uint8' })
    await expect(enhanceCommand([path], options(), record(AbortSignal.abort()).io)).rejects.toMatchObject({ name: 'AbortError' })
  })
})

describe(`real images${absent}`, () => {
  test.skipIf(!hasRealData).each(['dapi', 'fitc', 'txred'])(
    '%s: re-blurred, the result is the input; empty areas stay quiet',
    async (name) => {
      const path = join(realData, 'superres', 'wang2019', `${name}.tif`)
      const { output } = await enhance(path, { model: 'widefield-sr' })
      const { correlation, quieter } = await runPython<{ correlation: number; quieter: number }>(
        `${pythonInput}
import tifffile
a = tifffile.imread(given['input']).astype(float)
b = tifffile.imread(given['output'])[0].astype(float)
def blur(z, s):
    f = [np.fft.fftfreq(n) for n in z.shape]
    return np.fft.ifft2(np.fft.fft2(z) * np.exp(-2 * (np.pi * s) ** 2 * (f[0][:, None] ** 2 + f[1][None] ** 2))).real
blocks = sorted((a[y:y + 32, x:x + 32].mean(), y, x) for y in range(0, 993, 32) for x in range(0, 993, 32))[:50]
spread = lambda z: np.median([z[y:y + 32, x:x + 32].std() for _, y, x in blocks])
print(json.dumps({'correlation': max(np.corrcoef(blur(b, s).ravel(), a.ravel())[0, 1] for s in (0, 0.5, 1, 1.5, 2)), 'quieter': spread(b) / spread(a)}))`,
        { input: path, output },
      )
      expect(correlation).toBeGreaterThanOrEqual(0.98)
      expect(quieter).toBeLessThan(1.25)
    },
    60_000,
  )
})

/** A little-endian TIFF that claims another width and height. */
function withWidth(tiff: Buffer, pixels: number): Buffer {
  const changed = Buffer.from(tiff)
  const directory = changed.readUInt32LE(4)
  for (let entry = 0; entry < changed.readUInt16LE(directory); entry++) {
    const at = directory + 2 + 12 * entry
    if (![256, 257].includes(changed.readUInt16LE(at))) continue
    changed.writeUInt16LE(4, at + 2)
    changed.writeUInt32LE(pixels, at + 8)
  }
  return changed
}
