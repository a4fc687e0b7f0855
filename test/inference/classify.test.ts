/** What a picture shows: brought to the network's grid as PyTorch does it, cut into windows, and named as the package's own test says. */
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { onGrid } from '#main/inference/area-resample.ts'
import { readPackage } from '#main/inference/catalog.ts'
import { chooseClassifier } from '#main/inference/choose-model.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { noPlace, nothing, placeWords, rankedPlaces } from '#shared/places.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { mitochondria } from '#test/helpers/localization.ts'

vi.setConfig({ testTimeout: 60_000 })

const cases = JSON.parse(readFileSync(join(rootFolder, 'test', 'cases', 'models', 'area-resample.json'), 'utf8')) as {
  readonly height: number
  readonly width: number
  readonly cases: readonly { readonly ratio: number; readonly height: number; readonly width: number; readonly values: readonly number[] }[]
}

describe('a picture on another grid', () => {
  const { width, height } = cases
  const data = Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return ((37 * x + 91 * y + x * y) % 53) + (x > 12 ? 40 : 0)
  })

  test.each(cases.cases)('is what PyTorch makes of it where a pixel is $ratio times as large', ({ ratio, values, ...size }) => {
    const made = onGrid({ width, height, data }, ratio)
    expect(made).toMatchObject(size)
    expect(Math.max(...values.map((value, i) => Math.abs(value - (made.data[i] as number))))).toBeLessThan(2e-4)
  })

  test('keeps a flat picture flat to the edge', () => {
    const flat = onGrid({ width: 50, height: 41, data: new Uint16Array(50 * 41).fill(700) }, 2.3)
    for (const value of flat.data) expect(value).toBeCloseTo(700, 3)
  })
})

describe('the shipped network of protein location', () => {
  let worker: Bundle
  let inference: RunningInference
  beforeAll(async () => {
    worker = await bundle('src-main/inference/worker.ts')
    inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu', entry: worker.path })
  })
  afterAll(async () => {
    await inference?.[Symbol.asyncDispose]()
    await worker?.[Symbol.asyncDispose]()
  })
  const ask = (side: number, data: Float32Array, pixelSizeUm: number | null = 0.3) =>
    inference.classify({ model: 'localization', width: side, height: data.length / side, data, pixelSizeUm, priority: 'batch' })

  test('is the one that is taken where nobody has chosen, and says what it tells apart', async () => {
    expect(await inference.chosenClassifier()).toBe('localization')
    expect(await inference.classifierOf('localization')).toMatchObject({
      classes: expect.arrayContaining(['mitochondria', 'nucleoli']),
      step: 16,
    })
    expect(await inference.classifierOf('widefield-sr')).toBeNull()
    expect(() => chooseClassifier([{ id: 'widefield-sr', usable: true, classes: null }])).toThrow('tells what an image shows is installed')
  })

  test('names the package’s own test picture as the package says, in one window, with its evidence', async () => {
    const { side, data, probabilities, novelty } = await mitochondria()
    const { windows, grid, activation, provenance, pixelSizeUm, classes } = await ask(side, data)
    expect(windows).toHaveLength(1)
    expect(windows[0]).toMatchObject({ x: 0, y: 0, width: side, height: side })
    for (const [i, probability] of probabilities.entries()) expect(windows[0]?.probabilities[i]).toBeCloseTo(probability, 3)
    expect(windows[0]?.novelty).toBeCloseTo(novelty, 3)
    expect(grid.data).toEqual(data)
    expect(activation).toMatchObject({ width: side / 16, height: side / 16 })
    expect(activation?.data).toHaveLength(classes.length * (side / 16) ** 2)
    expect(pixelSizeUm).toBe(0.3)
    expect(provenance).toMatchObject({ model: 'localization', warnings: [] })
  })

  test('tells a larger picture window by window, each as if it were alone, from the middle of what is on the grid', async () => {
    const { side, data } = await mitochondria()
    // 394 × 203 pixels, of which 384 × 192 are told: two windows, the picture repeated in each.
    const [width, height] = [394, 203]
    const wide = Float32Array.from(
      { length: width * height },
      (_, i) => data[(Math.floor(i / width) % side) * side + ((i % width) % side)] as number,
    )
    const request = { model: 'localization', pixelSizeUm: 0.3, priority: 'batch' } as const
    const { windows, grid, activation } = await inference.classify({ ...request, width, height, data: wide })
    expect(windows.map(({ x, y, width: w, height: h }) => [x, y, w, h])).toEqual([
      [0, 0, 192, 192],
      [192, 0, 192, 192],
    ])
    expect(grid).toMatchObject({ width: 384, height: 192, left: 5, top: 5, columns: width, rows: height })
    for (const [index, { x, probabilities }] of windows.entries()) {
      const part = new Float32Array(192 * 192)
      for (let y = 0; y < 192; y++) part.set(wide.subarray((y + 5) * width + x + 5, (y + 5) * width + x + 5 + 192), y * 192)
      const alone = await inference.classify({ ...request, width: 192, height: 192, data: part })
      for (const [i, probability] of alone.windows[0]?.probabilities.entries() ?? []) expect(probabilities[i]).toBeCloseTo(probability, 4)
      const [whole, own] = [activation, alone.activation]
      for (const c of [0, 6]) {
        const last = own?.data[c * 144 + 11 * 12 + 11] as number
        expect(whole?.data[(c * 12 + 11) * 24 + index * 12 + 11]).toBeCloseTo(last, 3)
      }
    }
  })

  test('an unknown pixel size is taken for the network’s own, with a warning', async () => {
    const { side, data, probabilities } = await mitochondria()
    const { windows, pixelSizeUm, provenance } = await ask(side, data, null)
    expect(windows[0]?.probabilities[0]).toBeCloseTo(probabilities[0] ?? 0, 3)
    expect(pixelSizeUm).toBeNull()
    expect(provenance.warnings).toEqual([expect.stringContaining('The pixel size is unknown')])
  })

  test('refuses what is too small on its grid, and what holds no numbers', async () => {
    const { side, data } = await mitochondria()
    await expect(ask(side, data, 0.1)).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: expect.stringContaining('43 × 43 pixels of 0.3 µm'),
    })
    const holed = data.slice()
    holed[777] = Number.NaN
    await expect(ask(side, holed)).rejects.toMatchObject({ kind: 'OutOfRange', message: expect.stringContaining('not finite') })
    const { model: _, ...image } = { model: '', width: side, height: side, data, pixelSizeUm: 0.3, priority: 'batch' as const }
    await expect(inference.classify({ model: 'widefield-sr', ...image })).rejects.toMatchObject({ kind: 'ModelInvalid' })
  })

  test('is given up at once when it is cancelled', async () => {
    const { side, data } = await mitochondria()
    const large = Float32Array.from({ length: 64 * side * side }, (_, i) => data[i % data.length] as number)
    const abort = new AbortController()
    const request = { model: 'localization', width: 8 * side, height: 8 * side, data: large, pixelSizeUm: 0.3, priority: 'batch' } as const
    const answer = inference.classify({ ...request, onProgress: (share) => share > 0 && abort.abort() }, abort.signal)
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
    expect((await ask(side, data)).windows).toHaveLength(1)
  })

  test('refuses what would be too large on its grid, before it is made', async () => {
    const { side, data } = await mitochondria()
    await expect(ask(side, data, 30)).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: expect.stringContaining('Check its pixel size'),
    })
  })
})

describe('a package that says what it tells apart', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deepscope-classes-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test.each([
    [
      'an output that is not there',
      '      probabilities: probabilities',
      '      probabilities: other',
      'config.deepscope.outputs.probabilities',
    ],
    [
      'two classes that look alike',
      '    - golgi\n    - lysosome\n    - endosome\n    - mitochondria\n    - actin\n    - microtubules\n    shown',
      '    - golgi\n    - Golgi\n    shown',
      'config.deepscope.classes',
    ],
    [
      'a class named as what there is not',
      '    - golgi\n    - lysosome\n    - endosome\n    - mitochondria\n    - actin\n    - microtubules\n    shown',
      '    - golgi\n    - none-of-these\n    shown',
      'config.deepscope.classes',
    ],
    ['sides that are no multiples of a step', 'min: 64\n      step: 16', 'min: 48\n      step: 40', 'inputs[0].axes'],
  ])('and %s is refused with the name of the field', async (_, from, to, field) => {
    const path = join(folder, field.replaceAll(/\W/g, '-'))
    await rm(path, { recursive: true, force: true })
    await cp(join(rootFolder, 'models', 'localization'), path, { recursive: true })
    const text = await readFile(join(path, 'rdf.yaml'), 'utf8')
    expect(text).toContain(from)
    await writeFile(join(path, 'rdf.yaml'), text.replace(from, to))
    expect((await readPackage(path))?.summary).toMatchObject({ usable: false, field, classes: null })
  })

  test('and nothing amiss is listed with its classes, and not as one that enhances', async () => {
    const entry = await readPackage(join(rootFolder, 'models', 'localization'))
    expect(entry?.summary).toMatchObject({ classes: expect.arrayContaining(['golgi']), images: false, notes: [] })
  })
})

describe('places in words', () => {
  const window = (place: string, ...odds: number[]) => ({
    x: 0,
    y: 0,
    width: 1,
    height: 1,
    place,
    novelty: null,
    ranked: rankedPlaces(['a-b', 'c'], odds),
  })

  test.each([
    [[window('a b', 0.9, 0.1)], 'a b, 90 %'],
    [[window('c', 0.002, 0.998)], 'c, over 99 %'],
    [[window(noPlace, 0.3, 0.6)], 'none of these; least unlike c'],
    [[window(nothing, 0.5, 0.5)], 'nothing there'],
    [[window('c', 0.1, 0.9), window('c', 0.2, 0.8), window(noPlace, 0.5, 0.5)], 'c in 2, none of these in 1 of 3 windows'],
    [[], 'nothing there'],
  ])('%#: a line for a person', (windows, words) => {
    expect(placeWords(windows)).toBe(words)
  })
})
