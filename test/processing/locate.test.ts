/** Files whose protein is located: the table, the maps, the verdict, and what is refused. */
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { locateCommand } from '#main/processing/commands.ts'
import { enhanceFile } from '#main/processing/enhance-file.ts'
import { openTiff } from '#main/storage/tiff/open.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { mitochondria, writeCells } from '#test/helpers/localization.ts'

vi.setConfig({ testTimeout: 60_000 })

let worker: Bundle
let trust: Bundle
let inference: RunningInference
let judge: TrustThread
let folder: string
const modelsFolders = [join(rootFolder, 'models')]

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  trust = await bundle('src-main/analysis/trust/worker.ts')
  inference = startInference({ modelsFolders, provider: 'cpu', entry: worker.path })
  judge = new TrustThread(trust.path)
})
afterAll(async () => {
  await inference?.[Symbol.asyncDispose]()
  await judge?.[Symbol.asyncDispose]()
  await worker?.[Symbol.asyncDispose]()
  await trust?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-locate-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const located = (path: string, change: object = {}) =>
  enhanceFile({ path, outFolder: folder, model: 'localization', preview: false, ...change }, { inference, judge })

async function cells(planes = 1, pixelSizeUm: number | null = 0.3): Promise<string> {
  const { side, data } = await mitochondria()
  return await writeCells(join(folder, 'cells.ome.tif'), new Array<Uint16Array>(planes).fill(Uint16Array.from(data)), side, pixelSizeUm)
}

test('a picture of mitochondria is named so, in a table with every probability, and its maps cover the picture', async () => {
  const result = await located(await cells(2))
  expect(result.places?.words).toBe('mitochondria in 2 of 2 windows')
  expect(result.places?.windows).toHaveLength(1)
  expect(result.places?.windows[0]).toMatchObject({ x: 0, y: 0, width: 128, height: 128, place: 'mitochondria' })
  expect(result.output).toMatch(/cells-localization-places\.csv$/)
  const lines = (await readFile(result.output, 'utf8')).trimEnd().split('\r\n')
  const [header, first] = lines.map((line) => line.split(','))
  expect(lines).toHaveLength(3)
  const value = (name: string) => first?.[header?.indexOf(name) ?? -1]
  expect(value('place')).toBe('mitochondria')
  const { probabilities } = await mitochondria()
  expect(Number(value('mitochondria'))).toBeCloseTo(Math.max(...probabilities), 2)
  expect(Number(value('probability'))).toBe(Number(value('mitochondria')))
  expect(value('verdict')).toBe(result.verdict?.level)
  await using maps = await openTiff(result.others[0] ?? '')
  expect(maps).toMatchObject({ width: 8, height: 8, sizeC: 9, sizeT: 2 })
  expect(maps.pixelSizeUm).toBeCloseTo(0.3 * 16, 6)
  expect(maps.channels[6]).toBe('protein (evidence for mitochondria)')
  expect(result).toMatchObject({ judged: 'Every plane was judged.', inputUnits: false, provenance: { model: 'localization' } })
})

test('finer pixels are averaged to the network’s grid with a caution, never called meaningless; windows are told in the picture’s own pixels', async () => {
  const { side, data } = await mitochondria()
  const fine = new Uint16Array(9 * side * side)
  for (let i = 0; i < fine.length; i++) {
    const [x, y] = [i % (3 * side), Math.floor(i / (3 * side))]
    fine[i] = data[Math.floor(y / 3) * side + Math.floor(x / 3)] as number
  }
  const result = await located(await writeCells(join(folder, 'fine.ome.tif'), [fine], 3 * side, 0.1))
  expect(result.places?.windows[0]).toMatchObject({ x: 0, width: 3 * side, place: 'mitochondria' })
  expect(result.places?.frame).toEqual({ x: 0, y: 0, width: 3 * side, height: 3 * side })
  expect(result.verdict?.level).toBe('caution')
  expect(result.verdict?.reasons.map(({ message }) => message).join()).toContain('trained on 0.18 µm to 0.571 µm')
})

/** Noise of a camera, the same in every run. */
function noiseOf(pixels: number): Uint16Array {
  let state = 1
  const random = () => {
    state = (state * 16807) % 2147483647
    return state / 2147483647
  }
  return Uint16Array.from({ length: pixels }, () => 500 + 20 * (random() + random() + random() + random() - 2))
}

test.each([
  [null, 144],
  [0.108, 256],
  [0.2, 192],
  [0.5, 160],
])('noise alone is no place, whatever the pixel size (%s µm)', async (pixelSizeUm, side) => {
  const result = await located(await writeCells(join(folder, 'noise.ome.tif'), [noiseOf(side * side)], side, pixelSizeUm))
  const { windows = [], frame } = result.places ?? {}
  expect(windows.map(({ place }) => place)).toEqual(windows.map(() => 'nothing there'))
  // The windows fill what was told of the picture, and what was told lies within it.
  expect(windows.reduce((sum, { width, height }) => sum + width * height, 0)).toBe((frame?.width ?? 0) * (frame?.height ?? 0))
  expect((frame?.x ?? 0) + (frame?.width ?? 0)).toBeLessThanOrEqual(side)
  const said = result.verdict?.reasons.map(({ message }) => message).join(' ')
  expect(said).toContain('nothing in the picture but noise')
  expect(said?.includes('The pixel size is unknown')).toBe(pixelSizeUm === null)
  expect(result.places?.report.instruments.map(({ id }) => id)).toHaveLength(6)
})

test('of two channels each has its own clause, and the maps name both', async () => {
  const { side, data } = await mitochondria()
  const path = join(folder, 'two.ome.tif')
  const channels = ['protein', 'other'].map((name) => ({ name, color: '#ffffff', acquisitionMode: 'WideField' as const }))
  const size = { width: side, height: side, sizeZ: 1, sizeC: 2, sizeT: 1 }
  {
    await using writer = await createOmeTiff(path, { name: 'two', ...size, pixelType: 'uint16', pixelSizeUm: 0.3, channels })
    for (const plane of [Uint16Array.from(data), noiseOf(side * side)]) await writer.writePlane(plane)
    await writer.close()
  }
  const result = await located(path, { preview: true })
  expect(result.places?.words).toMatch(/^protein: mitochondria, (over )?\d+ %; other: nothing there$/)
  expect(result.verdict?.reasons.map(({ message }) => message).join()).toContain('nothing in the picture but noise')
  expect(result.places?.report.instruments[0]?.readings).toContainEqual(
    expect.objectContaining({ id: 'modality', value: 'widefield', expected: 'widefield or confocal', status: 'fine' }),
  )
  await using maps = await openTiff(result.others[0] ?? '')
  expect(maps.channels[9 + 6]).toBe('other (evidence for mitochondria)')
  expect(result.preview).toMatch(/two-localization\.png$/)
})

test('a table that cannot be written leaves no maps, and neither is overwritten while the other is gone', async () => {
  const file = await cells()
  await mkdir(join(folder, 'cells-localization-places.csv.partial'))
  await expect(located(file)).rejects.toThrow()
  expect((await readdir(folder)).filter((name) => /localization/.test(name))).toEqual(['cells-localization-places.csv.partial'])
  await rm(join(folder, 'cells-localization-places.csv.partial'), { recursive: true })
  const first = await located(file)
  await rm(first.others[0] ?? '')
  expect((await located(file)).output).toMatch(/cells-localization-2-places\.csv$/)
})

test('a lone cell in the middle of a wide field of noise is no noise', async () => {
  // Pixels of 0.1 µm: the cell is 128 × 0.3 µm wide, in a window of 512 camera pixels.
  const { side, data } = await mitochondria()
  const field = noiseOf(576 * 576)
  for (let y = 0; y < 220; y++)
    for (let x = 0; x < 220; x++)
      field[(178 + y) * 576 + 178 + x] = data[Math.floor((y * side) / 384) * side + Math.floor((x * side) / 384)] as number
  const result = await located(await writeCells(join(folder, 'lone.ome.tif'), [field], 576, 0.1))
  expect(result.places?.windows).toHaveLength(1)
  expect(result.places?.words).not.toBe('nothing there')
})

test('of two windows the empty one is told so, and names from outside become no path', async () => {
  const { side, data } = await mitochondria()
  const field = noiseOf(384 * 192)
  for (let y = 0; y < 192; y++) for (let x = 0; x < 192; x++) field[y * 384 + x] = data[(y % side) * side + (x % side)] as number
  const path = await writeCells(join(folder, 'half.ome.tif'), [field], 384)
  const result = await located(path, { name: '../../drug A/B:1.ome.tif' })
  expect(result.places?.words).toMatch(/ in 1, nothing there in 1 of 2 windows$/)
  expect(result.places?.windows[1]).toMatchObject({ x: 192, place: 'nothing there' })
  expect(result.output).toBe(join(folder, 'drug A-B-1-localization-places.csv'))
  expect(result.verdict?.reasons.map(({ message }) => message).join()).not.toContain('nothing in the picture')
})

test('other surfaces cannot be asked of it, and nothing is left of what failed', async () => {
  await expect(located(await cells(), { refocus: { fromUm: -1, toUm: 1, stepUm: 1 } })).rejects.toMatchObject({ kind: 'OutOfRange' })
  await expect(located(await cells(1, 0.1), {})).rejects.toMatchObject({ kind: 'OutOfRange' })
  expect((await readdir(folder)).filter((name) => name.includes('localization'))).toEqual([])
})

test('the command prints a line a file, or its JSON, and refuses a network that names nothing', async () => {
  const said = { out: [] as string[], error: [] as string[] }
  const io = { out: (line: string) => said.out.push(line), error: (line: string) => said.error.push(line), progress: () => undefined }
  const options = { out: folder, model: null, modelsFolders, provider: 'cpu', entry: worker.path, trustEntry: trust.path } as const
  const file = await cells()
  expect(await locateCommand([file], { ...options, json: false }, io)).toBe(0)
  expect(said.out).toEqual([expect.stringMatching(/^cells\.ome\.tif: mitochondria, (over )?\d+ %$/)])
  expect(said.error.join('\n')).toMatch(/network: Protein location in cells \d/)
  expect(said.error.join('\n')).toMatch(/written: .*cells-localization-places\.csv/)
  expect(await locateCommand([file], { ...options, json: true }, io)).toBe(0)
  expect(JSON.parse(said.out[1] ?? '')).toMatchObject({
    file: 'cells.ome.tif',
    model: 'localization',
    windows: [{ place: 'mitochondria' }],
  })
  expect(await locateCommand([file], { ...options, model: 'widefield-sr', json: false }, io)).toBe(1)
  expect(said.error.at(-1)).toContain('does not tell what a picture shows')
})
