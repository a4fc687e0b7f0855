import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseConfiguration } from '#main/devices/configuration.ts'
import { Configurations } from '#main/devices/configurations.ts'

let folder: string
let configurations: Configurations
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-microscopes-'))
  configurations = new Configurations(folder)
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const objective = { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 }
const stage = { driver: 'asi-ms2000', path: '/dev/ttyUSB0', baudRate: 115_200 }
const write = (name: string, value: unknown) => writeFile(join(folder, name), JSON.stringify(value))

describe('the folder of microscopes', () => {
  it('is listed by name, with devices and ports in words', async () => {
    await write('room 12.json', { name: 'Room 12, left', stage, focus: stage, camera: { driver: 'simulated' }, objectives: [objective] })
    await write('Süd.json', { name: 'South', objectives: [objective] })
    await writeFile(join(folder, 'notes.txt'), 'not a microscope')
    expect(await configurations.list()).toEqual([
      {
        id: 'room 12',
        name: 'Room 12, left',
        parts: ['XY stage: ASI MS-2000 on /dev/ttyUSB0', 'Focus drive: ASI MS-2000 on /dev/ttyUSB0', 'Camera: simulated'],
        problem: null,
      },
      { id: 'Süd', name: 'South', parts: [], problem: null },
    ])
  })

  it('lists a file that cannot be used with the reason, and the others all the same', async () => {
    await writeFile(join(folder, 'broken.json'), '{"name": ')
    await write('demo.json', { name: 'Mine', objectives: [objective] })
    await write('good.json', { name: 'Good', objectives: [objective] })
    await write('wrong.json', { name: 'Wrong', stage: { ...stage, baudRate: 12_345 }, objectives: [objective] })
    await mkdir(join(folder, 'folder.json'))
    const problems = Object.fromEntries((await configurations.list()).map(({ id, problem }) => [id, problem]))
    expect(problems).toMatchObject({
      broken: expect.stringContaining('is not JSON'),
      demo: expect.stringContaining('Rename this file'),
      folder: expect.stringContaining('cannot be read'),
      good: null,
      wrong: expect.stringContaining('stage.baudRate: must be 9600'),
    })
  })

  it('that is not there is empty', async () => {
    expect(await new Configurations(join(folder, 'absent')).list()).toEqual([])
  })

  it('is not left by any name', () => {
    expect(configurations.pathOf('room 12')).toBe(join(folder, 'room 12.json'))
    expect(configurations.pathOf('demo')).toBe('demo')
    for (const name of ['../../etc/passwd', '/etc/passwd', 'a/b', 'a\\b', '..', '.hidden', '', ' ', 'a\0b', 'a\nb', 'x'.repeat(200)])
      expect(() => configurations.pathOf(name), JSON.stringify(name)).toThrow(/is not the name of a microscope/)
  })

  it('says which microscopes there are where one is asked for that is not', async () => {
    await write('bench.json', { name: 'Bench', objectives: [objective] })
    await configurations.demand('bench')
    await configurations.demand('demo')
    await expect(configurations.demand('bank')).rejects.toMatchObject({
      kind: 'ConfigurationInvalid',
      message: expect.stringMatching(/There is no microscope “bank” in .*; there is demo, bench\.$/),
    })
  })
})

describe('a new microscope', () => {
  const plan = {
    name: '  Room 12 (left)/../x ',
    stage: { path: '/dev/ttyUSB0', baudRate: 115_200 },
    focus: { path: '/dev/ttyUSB0', baudRate: 115_200 },
    light: { path: '/dev/ttyACM0', baudRate: 57_600 },
  }

  it('is a file like one that a person writes, named safely, and overwrites nothing', async () => {
    const first = await configurations.create(plan)
    const second = await configurations.create({ ...plan, light: null })
    expect([first.id, second.id]).toEqual(['Room 12 left..x', 'Room 12 left..x-2'])
    expect((await readdir(folder)).sort()).toEqual(['Room 12 left..x-2.json', 'Room 12 left..x.json'])
    const written = parseConfiguration(JSON.parse(await readFile(join(folder, `${first.id}.json`), 'utf8')), 'test')
    expect(written).toMatchObject({
      name: 'Room 12 (left)/../x',
      stage: { driver: 'asi-ms2000', path: '/dev/ttyUSB0', baudRate: 115_200 },
      light: { driver: 'coolled-pe300', path: '/dev/ttyACM0', baudRate: 57_600 },
      camera: { driver: 'simulated' },
    })
    expect(first).toMatchObject({ problem: null, parts: expect.arrayContaining(['Light source: CoolLED pE-300 on /dev/ttyACM0']) })
    expect(configurations.pathOf(first.id)).toBe(join(folder, `${first.id}.json`))
  })

  it('has a name of its own where nothing of what was typed can be one', async () => {
    for (const name of ['///', '💡', 'demo', '...'])
      expect((await configurations.create({ ...plan, name })).id).toMatch(/^microscope(-\d)?$/)
  })

  it('that cannot be is refused, naming the field, and leaves no file', async () => {
    const wrong = { ...plan, light: { path: '/dev/ttyUSB0', baudRate: 57_600 } }
    await expect(configurations.create(wrong)).rejects.toMatchObject({
      kind: 'ConfigurationInvalid',
      message: expect.stringContaining('light.path'),
    })
    expect(await readdir(folder)).toEqual([])
  })

  it('that cannot be written says where and why', async () => {
    const absent = new Configurations(join(folder, 'absent'))
    await expect(absent.create(plan)).rejects.toMatchObject({ kind: 'StorageRefused', message: expect.stringContaining('absent') })
  })
})
