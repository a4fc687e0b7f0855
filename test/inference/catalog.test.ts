import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readCatalog, readPackage } from '#main/inference/catalog.ts'
import { useOf } from '#main/inference/image-answers.ts'
import type { NetworkModel } from '#main/inference/package.ts'
import { rootFolder } from '#main/processes.ts'
import { writePackage } from './packages.ts'

type Change = (description: Record<string, unknown>) => void
type Tree = Record<string, unknown>

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-models-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Sets a value deep inside a description; undefined removes it. */
function set(path: string, value: unknown): Change {
  return (description) => {
    const keys = path.split('.')
    const last = keys.pop() as string
    const parent = keys.reduce<Tree>((tree, key) => tree[key] as Tree, description)
    if (value === undefined) delete parent[last]
    else parent[last] = value
  }
}

describe('the catalog', () => {
  test('lists a sound package as usable, with its card, size and hash', async () => {
    await writePackage(folder, 'good', { network: 'restore' })
    const [entry] = await readCatalog([folder])
    expect(entry?.summary).toMatchObject({
      id: 'good',
      version: '1.2.3',
      usable: true,
      problem: null,
      pixelSizeUm: 0.325,
      license: 'MIT',
      card: '# good\n',
    })
    expect(entry?.summary.bytes).toBeGreaterThan(1000)
    expect(entry?.model).toMatchObject({ halo: 8, channels: 2, imageChannel: 0, scaleChannel: 1, inverse: true, trainedUm: [0.65, 0.325] })
  })

  test('reads the package that comes with the application', async () => {
    const entry = await readPackage(join(rootFolder, 'models', 'widefield-sr'))
    expect(entry?.summary.problem).toBeNull()
    expect(entry?.model).toMatchObject({ gridUm: 0.325, trainedUm: [0.65, 0.325], scaleChannel: 1 })
    expect(entry?.summary.card).toContain('#')
  })

  test('the network of protein location that comes with the application is no network for enhancing, and says so', async () => {
    const entry = await readPackage(join(rootFolder, 'models', 'localization'))
    expect(entry?.summary).toMatchObject({ usable: true, images: false, problem: null, task: 'classification' })
    expect(entry?.model).toBeNull()
    expect(() => useOf(entry?.network as NetworkModel)).toThrow(
      '“Protein location in cells”: It tells what an image shows and makes no image of it',
    )
  })

  test('a package without an evaluation, or with another program’s, claims nothing and works all the same', async () => {
    const path = await writePackage(folder, 'good', { network: 'restore' })
    expect((await readPackage(path))?.summary).toMatchObject({ usable: true, measured: null })
    for (const foreign of ['{', '[]', '{"bars": []}', '{"bars": [{"name": "psnr", "value": 30}]}', `"${'x'.repeat(1 << 20)}"`]) {
      await writeFile(join(path, 'metrics.json'), foreign)
      expect((await readPackage(path))?.summary).toMatchObject({ usable: true, measured: null })
    }
    const bar = (name: string, value: number | string, holds: boolean) => ({ name, value, holds, must: '≥ 1' })
    await writeFile(join(path, 'metrics.json'), JSON.stringify({ bars: [bar('a', 2, true), bar('b', 'not measurable', false)] }))
    expect((await readPackage(path))?.summary.measured).toEqual({
      bars: 2,
      missed: [{ name: 'b', value: 'not measurable', must: '≥ 1' }],
    })
  })

  test('passes over missing folders, files and folders without a description', async () => {
    await mkdir(join(folder, 'training'))
    await writeFile(join(folder, 'notes.txt'), 'not a model')
    expect(await readCatalog([join(folder, 'nowhere'), folder])).toEqual([])
  })

  test('a second model of the same name is listed as unusable, and the first stays', async () => {
    await writePackage(join(folder, 'a'), 'twin', { network: 'restore' })
    await writePackage(join(folder, 'b'), 'twin', { network: 'echo' })
    const entries = await readCatalog([join(folder, 'a'), join(folder, 'b')])
    expect(entries.map(({ summary }) => summary.usable)).toEqual([true, false])
    expect(entries[1]?.summary.problem).toMatch(/^id: /)
    expect(new Set(entries.map(({ summary }) => summary.id)).size).toBe(2)
  })

  const hostile: readonly [string, Change, RegExp][] = [
    ['another format', set('format_version', '0.3.2'), /^format_version: /],
    ['another type', set('type', 'dataset'), /^type: /],
    ['no name', set('name', undefined), /^name: /],
    ['no inputs', set('inputs', undefined), /^inputs: /],
    ['no weights', set('weights', undefined), /^weights: /],
    ['weights of no kind', set('weights', {}), /^weights: /],
    ['a hash of the wrong length', set('weights.onnx.sha256', 'abc'), /^weights\.onnx\.sha256: /],
    ['the hash of another file', set('weights.onnx.sha256', '0'.repeat(64)), /^weights\.onnx\.sha256: .*damaged/],
    ['weights above the folder', set('weights.onnx.source', '../other/model.onnx'), /^weights\.onnx\.source: .*outside/],
    ['weights at an absolute path', set('weights.onnx.source', '/etc/passwd'), /^weights\.onnx\.source: .*outside/],
    ['weights behind a backslash', set('weights.onnx.source', '..\\model.onnx'), /^weights\.onnx\.source: .*outside/],
    ['weights on the network', set('weights.onnx.source', 'https://example.org/m.onnx'), /^weights\.onnx\.source: .*address/],
    ['weights that are a folder', set('weights.onnx.source', '.'), /^weights\.onnx\.source: /],
    ['weights that are missing', set('weights.onnx.source', 'none.onnx'), /^weights\.onnx\.source: .*missing/],
    ['an axis of an unknown type', set('inputs.0.axes.0.type', 'spice'), /^inputs\[0\]\.axes\[0\]\.type: /],
    ['an axis twice', set('inputs.0.axes.3.id', 'y'), /^inputs\[0\]\.axes\[3\]\.id: /],
    ['an output that refers to an axis that is not there', set('outputs.0.axes.3.size.axis_id', 'w'), /^outputs\[0\]\.axes\[3\]\.size/],
    [
      'a size that refers to itself',
      set('inputs.0.axes.3.size', { tensor_id: 'raw', axis_id: 'x' }),
      /^inputs\[0\]\.axes\[3\]\.size: .*itself/,
    ],
    ['an output in other units than its input', set('outputs.0.axes.2.unit', 'nanometer'), /^outputs\[0\]\.axes\[2\]\.unit: /],
    [
      'statistics over an axis that is not there',
      set('inputs.0.preprocessing.1.kwargs.axes', ['z']),
      /^inputs\[0\]\.preprocessing\[1\]\.kwargs\.axes: /,
    ],
    [
      'more gains than channels',
      set('inputs.0.preprocessing.1', { id: 'scale_linear', kwargs: { axis: 'channel', gain: [1, 2] } }),
      /^inputs\[0\]\.preprocessing\[1\]\.kwargs\.gain: /,
    ],
    [
      'a halo that leaves nothing of a fixed size',
      (d) => {
        set('inputs.0.axes.2.size', 32)(d)
        set('outputs.0.axes.2.halo', 16)(d)
      },
      /^outputs\[0\]\.axes\[2\]\.halo: /,
    ],
    ['a step of zero', set('inputs.0.axes.2.size.step', 0), /^inputs\[0\]\.axes\[2\]\.size/],
    ['a negative halo', set('outputs.0.axes.2.halo', -4), /^outputs\[0\]\.axes\[2\]\.halo: /],
    ['an output that refers to nothing', set('outputs.0.axes.3.size.tensor_id', 'other'), /^outputs\[0\]\.axes\[3\]\.size\.tensor_id: /],
    [
      'an output of twice the size that is said to be one channel of a plane',
      set('outputs.0.axes.2.scale', 0.1625),
      /^config\.deepscope: /,
    ],
    ['preprocessing that nobody knows', set('inputs.0.preprocessing', [{ id: 'magic' }]), /^inputs\[0\]\.preprocessing\[0\]\.id: /],
    [
      'percentiles the wrong way round',
      set('inputs.0.preprocessing.1.kwargs.min_percentile', 99.95),
      /^inputs\[0\]\.preprocessing\[1\]\.kwargs/,
    ],
    ['another resampling', set('config.deepscope.resample.kernel', 'nearest'), /^config\.deepscope\.resample\.kernel: /],
    ['a pixel size that is text', set('config.deepscope.pixel_size_um', 'small'), /^config\.deepscope\.pixel_size_um: /],
    ['more roles than channels', set('config.deepscope.outputs', ['image', 'scale', 'image']), /^config\.deepscope\.outputs: /],
    ['two inputs of one name', set('outputs.0.id', 'raw'), /^outputs\[0\]\.id: /],
  ]
  test.each(hostile)('%s: unusable, and the field is named', async (_name, change, problem) => {
    await writePackage(folder, 'bad', { network: 'restore', change })
    const [entry] = await readCatalog([folder])
    expect(entry?.model).toBeNull()
    expect(entry?.summary).toMatchObject({ id: 'bad', usable: false })
    expect(entry?.summary.problem).toMatch(problem)
  })

  test('a truncated network is unusable', async () => {
    await writePackage(folder, 'cut', { network: 'restore', damage: (onnx) => onnx.subarray(0, onnx.length / 2) })
    const [entry] = await readCatalog([folder])
    expect(entry?.summary.problem).toMatch(/^weights\.onnx\.sha256: .*cut short/)
  })

  test('a link that leads out of the package is not followed', async () => {
    const outside = await writePackage(join(folder, 'elsewhere'), 'real', { network: 'restore' })
    const path = await writePackage(join(folder, 'models'), 'linked', { network: 'restore' })
    await rm(join(path, 'model.onnx'))
    await symlink(join(outside, 'model.onnx'), join(path, 'model.onnx'))
    const [entry] = await readCatalog([join(folder, 'models')])
    expect(entry?.summary.problem).toMatch(/^weights\.onnx\.source: .*outside/)
  })

  test.each([
    ['empty', ''],
    ['not YAML', 'a: [b: {'],
    ['a list', '- 1\n- 2\n'],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x,x]\n${[...'bcdefghi'].map((c, i) => `${c}: &${c} [${`*${'abcdefgh'[i]},`.repeat(9)}]`).join('\n')}\n`,
    ],
    ['two megabytes', `a: "${'x'.repeat(2 << 20)}"\n`],
  ])('a description that is %s is refused with a sentence', async (_name, text) => {
    await mkdir(join(folder, 'odd'))
    await writeFile(join(folder, 'odd', 'rdf.yaml'), text)
    const [entry] = await readCatalog([folder])
    expect(entry?.summary).toMatchObject({ usable: false })
    expect(entry?.summary.problem?.length).toBeGreaterThan(10)
  })

  test('a package with its description under the other usual name is found', async () => {
    const path = await writePackage(folder, 'other', { network: 'restore' })
    await cp(join(path, 'rdf.yaml'), join(path, 'bioimageio.yaml'))
    await rm(join(path, 'rdf.yaml'))
    expect((await readPackage(path))?.summary.usable).toBe(true)
  })
})
