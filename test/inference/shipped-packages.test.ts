/** Every package in models/: it loads, proves itself by its own tensors, declares what it was made for, and its card hides nothing. */
import { readdirSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { readPackage } from '#main/inference/catalog.ts'
import { loadTests } from '#main/inference/load-tests.ts'
import { compareWithTest } from '#main/inference/tensors/self-test.ts'
import { rootFolder } from '#main/processes.ts'
import { openNetwork } from './network.ts'

vi.setConfig({ testTimeout: 60_000 })

interface Bar {
  readonly name: string
  readonly value: number
  readonly holds: boolean
}

/** Whether a text says of a bar that its value is so; the card may write 0 as 0.0. */
const says = (text: string, before: string, value: number, after: string) =>
  [String(value), value.toFixed(1)].some((shown) => text.includes(before + shown + after))

const models = join(rootFolder, 'models')
const names = readdirSync(models, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'training')
  .map(({ name }) => name)

test('the super-resolution network that the application begins with is there', () => {
  expect(names).toContain('widefield-sr')
})

describe.each(names)('the package %s', (name) => {
  const folder = join(models, name)
  const text = (file: string) => readFile(join(folder, file), 'utf8')

  test('is accepted by the catalog, and gives its own test outputs to 1e-3', async () => {
    const entry = await readPackage(folder)
    expect(entry?.summary).toMatchObject({ id: name, usable: true, problem: null })
    const { model, run } = await openNetwork(folder)
    for (const output of await compareWithTest(model, await loadTests(model), run)) {
      expect(output.tolerance, output.id).toMatchObject({ relative: 1e-3, absolute: 1e-3 })
      expect(output.outside, output.id).toBeLessThanOrEqual(output.allowed)
    }
  })

  test('is compact: at most 8 MiB', async () => {
    expect((await stat(join(folder, 'model.onnx'))).size).toBeLessThanOrEqual(8 << 20)
  })

  test('declares its task, modality, pixel size, aperture, index, light and structures, whom it cites and under which licence it is', async () => {
    const description = parse(await text('rdf.yaml'))
    expect(description).toMatchObject({
      format_version: expect.stringMatching(/^0\.5/),
      license: expect.any(String),
      documentation: 'CARD.md',
    })
    expect(description.cite[0].doi).toMatch(/^10\./)
    expect(description.weights.onnx.opset_version).toBeGreaterThanOrEqual(17)
    const own = description.config.deepscope
    expect(own).toMatchObject({ task: expect.any(String), modality: expect.any(String), pixel_size_um: expect.anything() })
    expect(own.numerical_aperture.input).toBeGreaterThan(0)
    expect(own.sample_index).toBeGreaterThanOrEqual(1)
    expect(own.wavelengths_um.length).toBeGreaterThan(0)
    for (const wavelength of own.wavelengths_um) expect(wavelength).toSatisfy((um: number) => um > 0.35 && um < 0.85)
    expect(own.photons).toHaveLength(2)
    expect(own.structures.length).toBeGreaterThan(0)
  })

  test('the application knows which of its bars are missed', async () => {
    const { bars } = JSON.parse(await text('metrics.json')) as { readonly bars: readonly Bar[] }
    const missed = bars.filter(({ holds }) => !holds)
    const { measured } = (await readPackage(folder))?.summary ?? {}
    expect(measured?.bars).toBe(bars.length)
    expect(measured?.missed.map(({ name, value }) => [name, value])).toEqual(missed.map(({ name: bar, value }) => [bar, String(value)]))
  })

  test('its card begins with the bars it misses, each with the measured value', async () => {
    const { bars } = JSON.parse(await text('metrics.json')) as { readonly bars: readonly Bar[] }
    expect(bars.length).toBeGreaterThan(3)
    const card = await text('CARD.md')
    const first = card.slice(0, card.indexOf('\n## '))
    for (const bar of bars.filter(({ holds }) => !holds))
      expect(says(first, `\`${bar.name}\` is `, bar.value, '; it must be'), bar.name).toBe(true)
    for (const bar of bars) expect(says(card, `| \`${bar.name}\` | `, bar.value, ' |'), bar.name).toBe(true)
  })
})
