import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readPackage } from '#main/inference/catalog.ts'
import { ModelLibrary } from '#main/inference/library.ts'
import { loadTests } from '#main/inference/load-tests.ts'
import { loadWeights } from '#main/inference/load-weights.ts'
import { makeZip, type ZipEntry } from '#test/helpers/zip.ts'
import { caseFolder, writePackage } from './packages.ts'

let folder: string
let own: string
let library: ModelLibrary
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-import-'))
  own = join(folder, 'own')
  await writePackage(join(folder, 'application'), 'bundled', { network: 'restore' })
  library = new ModelLibrary([join(folder, 'application'), own])
  await library.ready
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const half = join(caseFolder, 'packages', 'half')
const ids = () => library.index.value.map(({ id, usable }) => `${id}${usable ? '' : ' (unusable)'}`)
const leftovers = () => readdir(own).catch(() => [])

async function entriesOf(path: string, prefix = ''): Promise<ZipEntry[]> {
  const names = await readdir(path)
  return Promise.all(names.map(async (name) => ({ name: `${prefix}${name}`, data: await readFile(join(path, name)) })))
}

async function zipAt(name: string, entries: readonly ZipEntry[]): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, makeZip(entries))
  return path
}

describe('importing', () => {
  test('a folder: it is copied, listed as the user’s own, and works when the original is gone', async () => {
    const source = await writePackage(folder, 'mine', { network: 'restore' })
    expect(await library.import(source)).toBe('mine')
    await rm(source, { recursive: true })
    expect(ids()).toEqual(['bundled', 'mine'])
    expect(library.index.value.map(({ origin }) => origin)).toEqual(['application', 'user'])
    expect((await loadWeights(await library.network('mine'))).bytes.length).toBeGreaterThan(1000)
    expect(await leftovers()).toEqual(['mine'])
  })

  test.each([
    ['with the files at its top', ''],
    ['with one folder around them', 'half-1.0/'],
  ])('a zip %s: it stays a zip, and weights, external weights and test tensors are read from it', async (_name, prefix) => {
    const path = await zipAt('half.zip', await entriesOf(half, prefix))
    expect(await library.import(path)).toBe('half')
    expect(await leftovers()).toEqual(['half.zip'])
    const network = await library.network('half')
    const { bytes, external } = await loadWeights(network)
    expect(bytes.equals(await readFile(join(half, 'network.onnx')))).toBe(true)
    expect(external[0]?.path).toBe('network.data')
    expect(external[0]?.data.equals(await readFile(join(half, 'network.data')))).toBe(true)
    expect((await loadTests(network)).inputs[0]?.dims).toEqual([1, 1, 24, 32])
  })

  test('a description file stands for its folder', async () => {
    const source = await writePackage(folder, 'mine', { network: 'restore' })
    expect(await library.import(join(source, 'rdf.yaml'))).toBe('mine')
  })

  test('an upload gets its id from the name it had, made harmless', async () => {
    const path = await zipAt('0.upload', await entriesOf(half))
    expect(await library.import(path, { name: '..\\..\\Ünet  (final).zip' })).toBe('U-net-final')
    expect(await library.import(path, { name: 'CON.zip' })).toBe('model-CON')
    expect(await library.import(path, { name: 'x.zip', as: '../../etc/passwd' })).toBe('etc-passwd')
    expect(await leftovers()).toEqual(['U-net-final.zip', 'etc-passwd.zip', 'model-CON.zip'])
  })

  test('an id that is taken is refused, whatever its case, until another is given', async () => {
    const source = await writePackage(folder, 'Bundled', { network: 'echo' })
    await expect(library.import(source)).rejects.toMatchObject({ kind: 'ModelInvalid', info: { field: 'id' } })
    expect(await leftovers()).toEqual([])
    expect(await library.import(source, { as: 'second' })).toBe('second')
    await expect(library.import(source, { as: 'second' })).rejects.toMatchObject({ info: { field: 'id' } })
  })

  test('two imports at once do not take the same id', async () => {
    const source = await writePackage(folder, 'mine', { network: 'restore' })
    const outcomes = await Promise.allSettled([library.import(source), library.import(source)])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(await leftovers()).toEqual(['mine'])
  })

  test('a package without ONNX weights is refused as valid, with the field', async () => {
    const source = await writePackage(folder, 'torch', {
      network: 'restore',
      change: (description) => {
        description.weights = { torchscript: { source: 'x.pt' } }
      },
    })
    await expect(library.import(source)).rejects.toMatchObject({
      kind: 'ModelInvalid',
      info: { field: 'weights.onnx' },
      message: expect.stringMatching(/“torch” was not imported: it is valid, but cannot be run, because weights\.onnx/),
    })
    expect(await leftovers()).toEqual([])
  })

  test('a damaged package is refused with the field, and nothing of it stays', async () => {
    const source = await writePackage(folder, 'bad', { network: 'restore', damage: (onnx) => onnx.subarray(0, 100) })
    await expect(library.import(source)).rejects.toMatchObject({ info: { field: 'weights.onnx.sha256' } })
    expect(await leftovers()).toEqual([])
    expect(ids()).toEqual(['bundled'])
  })

  test('a link in a folder is refused, not followed', async () => {
    const source = await writePackage(folder, 'linked', { network: 'restore' })
    await symlink('/etc/hostname', join(source, 'notes.txt'))
    await expect(library.import(source)).rejects.toMatchObject({ info: { field: 'package' }, message: expect.stringContaining('link') })
    expect(await leftovers()).toEqual([])
  })

  test('what is no package is refused with a sentence', async () => {
    await mkdir(join(folder, 'empty'))
    await expect(library.import(join(folder, 'empty'))).rejects.toMatchObject({
      kind: 'ModelInvalid',
      message: expect.stringContaining('rdf.yaml'),
    })
    await expect(library.import(join(folder, 'nowhere'))).rejects.toMatchObject({ kind: 'ModelInvalid' })
    await writeFile(join(folder, 'text.zip'), 'not a zip')
    await expect(library.import(join(folder, 'text.zip'))).rejects.toMatchObject({ info: { field: 'zip' } })
    expect(await leftovers()).toEqual([])
  })

  test('an import that was given up leaves nothing', async () => {
    const source = await writePackage(folder, 'mine', { network: 'restore' })
    await expect(library.import(source, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(await leftovers()).toEqual([])
  })

  test('what a killed program left half-copied is never listed, and swept away when it is a day old', async () => {
    await mkdir(own, { recursive: true })
    const [fresh, stale] = [join(own, '.import-fresh'), join(own, '.import-stale')]
    for (const path of [fresh, stale]) await cp(join(folder, 'application', 'bundled'), path, { recursive: true })
    const long = new Date(Date.now() - 48 * 3600 * 1000)
    await utimes(stale, long, long)
    await library.refresh()
    expect(ids()).toEqual(['bundled'])
    await library.import(await writePackage(folder, 'mine', { network: 'restore' }))
    expect((await leftovers()).sort()).toEqual(['.import-fresh', 'mine'])
  })
})

describe('hostile zips', () => {
  const rdf = { name: 'rdf.yaml', data: Buffer.from('type: model') }
  const text = Buffer.from('x')
  const zeros = Buffer.alloc(4 * 2 ** 20)
  test.each<[string, ZipEntry[], RegExp]>([
    ['a name that climbs out', [rdf, { name: '../escaped.txt', data: text }], /hostile/],
    ['a name that climbs inside', [rdf, { name: 'a/../../b', data: text }], /hostile/],
    ['an absolute name', [rdf, { name: '/tmp/x', data: text }], /hostile/],
    ['a drive', [rdf, { name: 'C:/x', data: text }], /hostile/],
    ['a backslash', [rdf, { name: 'a\\..\\b', data: text }], /hostile/],
    ['a line break in a name', [rdf, { name: 'a\nb', data: text }], /no name of a file/],
    ['a link', [rdf, { name: 'link', data: Buffer.from('/etc/passwd'), mode: 0o120777 }], /link/],
    ['a device', [rdf, { name: 'device', data: text, mode: 0o020644 }], /device/],
    ['two files of one name', [rdf, { name: 'RDF.yaml', data: text }], /two files/],
    ['a bomb', [rdf, { name: 'zeros', data: zeros }], /times its size/],
    [
      'files that share their bytes',
      [
        { ...rdf, data: Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 256)) },
        ...Array.from({ length: 4 }, (_, i) => ({
          name: `copy${i}`,
          data: Buffer.from(Array.from({ length: 3000 }, (_, j) => (j * 7919) % 256)),
          shares: 'rdf.yaml',
        })),
      ],
      /over each other/,
    ],
    ['an encrypted file', [rdf, { name: 'secret', data: text, flags: 1 }], /encrypted/],
    ['more than it states', [{ ...rdf, stated: { size: 3 } }], /cannot be read/],
  ])('%s: the whole is refused', async (_name, entries, problem) => {
    const path = await zipAt('hostile.zip', entries)
    expect((await readPackage(path))?.summary).toMatchObject({ usable: false, problem: expect.stringMatching(problem) })
    await expect(library.import(path)).rejects.toMatchObject({ kind: 'ModelInvalid', message: expect.stringMatching(problem) })
    expect(await leftovers()).toEqual([])
  })

  test('five thousand files are too many', async () => {
    const path = await zipAt('many.zip', [rdf, ...Array.from({ length: 5000 }, (_, i) => ({ name: `f${i}`, data: text }))])
    await expect(library.import(path)).rejects.toMatchObject({ info: { field: 'zip' }, message: expect.stringContaining('4096') })
  })
})

describe('removing', () => {
  test('a folder and a zip of the user’s own are deleted', async () => {
    await library.import(await writePackage(folder, 'mine', { network: 'restore' }))
    await library.import(await zipAt('half.zip', await entriesOf(half)))
    await library.remove('mine')
    expect(ids()).toEqual(['bundled', 'half'])
    await library.remove('half')
    expect(ids()).toEqual(['bundled'])
    expect(await leftovers()).toEqual([])
  })

  test('what belongs to the application stays', async () => {
    await expect(library.remove('bundled')).rejects.toMatchObject({
      kind: 'ModelInvalid',
      message: expect.stringContaining('belongs to the application'),
    })
    expect(ids()).toEqual(['bundled'])
  })

  test('a damaged package can be removed too', async () => {
    await writePackage(own, 'bad', { network: 'restore', damage: (onnx) => onnx.subarray(0, 10) })
    await library.refresh()
    expect(ids()).toEqual(['bundled', 'bad (unusable)'])
    await library.remove('bad')
    expect(await leftovers()).toEqual([])
  })

  test('where a package is a link, the link goes and what it points to stays', async () => {
    const elsewhere = await writePackage(join(folder, 'elsewhere'), 'real', { network: 'restore' })
    await mkdir(own, { recursive: true })
    await symlink(elsewhere, join(own, 'pointer'))
    await library.refresh()
    await library.remove('pointer')
    expect(await leftovers()).toEqual([])
    expect(await readdir(elsewhere)).toContain('rdf.yaml')
  })
})

describe('details', () => {
  test('say sizes and operations in words', async () => {
    const details = await library.details('bundled')
    expect(details.inputs[0]).toMatchObject({
      id: 'raw',
      operations: ['values as float32', 'percentiles 1 and 99.9 to 0 and 1, over y, x'],
    })
    expect(details.inputs[0]?.axes.map(({ id, size, scale }) => [id, size, scale])).toEqual([
      ['batch', 'any', ''],
      ['channel', '1', ''],
      ['y', '16 + n·4', '0.325 µm'],
      ['x', '16 + n·4', '0.325 µm'],
    ])
    expect(details.outputs[0]?.axes[2]).toMatchObject({ size: 'as y of raw', halo: 8 })
    expect(details.training).toContainEqual({ label: 'Pixels of the input', value: '0.65 µm' })
  })
})
