import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfiguration } from '#main/devices/configuration.ts'
import { openMicroscope } from '#main/devices/open.ts'
import { detect, openConfiguration } from '#main/devices/registry.ts'
import { SimulatedBinding } from '#main/devices/simulated/firmware/binding.ts'
import { isAbort, isError } from '#shared/errors.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { asiFirmware, lightFirmware } from './simulated.ts'

failOnLeaks()

const objective = { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 }
const stage = { driver: 'asi-ms2000', path: 'COM3', baudRate: 115_200 }
const light = { driver: 'coolled-pe300', path: 'COM4' }
const good = { name: 'Bench', stage, focus: stage, light, objectives: [objective], channels: {} }

describe('a microscope configuration', () => {
  it('fills in what need not be said', () => {
    const {
      stage: read,
      light: lamp,
      camera,
    } = parseConfiguration({ ...good, focus: null, stage: { driver: 'asi-ms2000', path: 'COM3' } }, 'test')
    expect(read).toMatchObject({ baudRate: 9600, invertX: false, invertY: false })
    expect(lamp).toMatchObject({ baudRate: 57_600 })
    expect(camera).toBeNull()
  })

  /** What is wrong, and the field that the message must name. */
  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['no object', 7, 'the whole: '],
    ['a driver that does not exist', { ...good, stage: { ...stage, driver: 'acme' } }, 'stage.driver: '],
    [
      'a baud rate that the controller has not',
      { ...good, stage: { ...stage, baudRate: 12_345 } },
      'stage.baudRate: must be 9600, 115200, 19200, 28800',
    ],
    ['no port', { ...good, light: { driver: 'coolled-pe300', path: '' } }, 'light.path: a port is needed'],
    [
      'limits the wrong way round',
      { ...good, stage: { ...stage, limitsX: { min: 5, max: -5 } } },
      'stage.limitsX: min must be less than max',
    ],
    ['a limit that is no number', { ...good, focus: { ...stage, limits: { min: 'low', max: 5 } } }, 'focus.limits.min: '],
    ['a misspelt field', { ...good, stage: { ...stage, invertx: true } }, 'stage: '],
    ['no objective', { ...good, objectives: [] }, 'objectives: at least one objective is needed'],
    ['the same objective twice', { ...good, objectives: [objective, objective] }, 'objectives.1.id: "10x" is there twice'],
    [
      'a colour that is none',
      { ...good, channels: { A: { name: 'DAPI', emissionNm: 460, color: 'blue' } } },
      'channels.A.color: must be a colour',
    ],
    ['two baud rates on one port', { ...good, focus: { ...stage, baudRate: 9600 } }, 'focus.baudRate: must equal stage.baudRate (115200)'],
    ['a port used twice', { ...good, light: { ...light, path: 'COM3' } }, 'light.path: COM3 is in use by asi-ms2000'],
  ]
  for (const [name, value, field] of wrong) {
    it(`with ${name} is refused, naming the field`, () => {
      const parse = () => parseConfiguration(value, 'bench.json')
      expect(parse).toThrow('The microscope configuration bench.json cannot be used: ')
      expect(parse).toThrow(field)
    })
  }

  describe('in a file', () => {
    let folder = ''
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'deepscope-configuration-'))
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))

    it('that is missing or broken is refused, naming the file', async () => {
      const missing = join(folder, 'missing.json')
      await expect(openConfiguration(missing)).rejects.toThrow(`The microscope configuration ${missing} is not there`)
      const broken = join(folder, 'broken.json')
      await writeFile(broken, '{"name": ')
      await expect(openConfiguration(broken)).rejects.toThrow(`The microscope configuration ${broken} is not JSON`)
      await expect(openConfiguration(broken)).rejects.toSatisfy((error) => isError(error, 'ConfigurationInvalid'))
    })

    it('names a port that is not there', async () => {
      const file = join(folder, 'bench.json')
      await writeFile(file, JSON.stringify({ ...good, stage: { ...stage, path: '/dev/ttyNoSuchPort' }, focus: null, light: null }))
      await expect(openConfiguration(file)).rejects.toThrow('The port /dev/ttyNoSuchPort could not be opened: there is no such port.')
    })
  })
})

describe('opening a microscope', () => {
  it('opens stage, focus and light, and knows how to make them safe', async () => {
    const binding = new SimulatedBinding({ COM3: asiFirmware(), COM4: lightFirmware() })
    const microscope = await openMicroscope(parseConfiguration(good, 'test'), { binding })
    expect(microscope.stage?.status.value).toMatchObject({ state: 'ready', connection: 'ASI MS-2000 on COM3' })
    expect(microscope.focus?.limits).toEqual({ min: -500, max: 500 })
    expect(microscope.light?.channels.value).toHaveLength(3)
    expect(microscope.camera).toBeNull()
    expect(microscope.safeStates.map(({ path, baudRate, bytes }) => [path, baudRate, Buffer.from(bytes).toString()])).toEqual([
      ['COM3', 115_200, '\r\\\r'],
      ['COM4', 57_600, '\rCSF\r'],
    ])
    await microscope[Symbol.asyncDispose]()
    await using again = await openMicroscope(parseConfiguration(good, 'test'), { binding })
    expect(again.stage).not.toBeNull()
  })

  it('closes what it had opened where a later device is missing', async () => {
    const binding = new SimulatedBinding({ COM3: asiFirmware() })
    const configuration = parseConfiguration(good, 'test')
    await expect(openMicroscope(configuration, { binding })).rejects.toThrow('The port COM4 could not be opened')
    await using stageOnly = await openMicroscope({ ...configuration, light: null }, { binding })
    expect(stageOnly.light).toBeNull()
  })

  it('opens nothing where that was cancelled', async () => {
    const binding = new SimulatedBinding({ COM3: asiFirmware(), COM4: lightFirmware() })
    await expect(openMicroscope(parseConfiguration(good, 'test'), { binding }, AbortSignal.abort())).rejects.toSatisfy(isAbort)
  })
})

describe('detection', () => {
  it('finds each controller at its own baud rate, and nothing where nobody answers', async () => {
    const silent = asiFirmware()
    silent.faults.mute = 1000
    const binding = new SimulatedBinding({ COM3: asiFirmware(19_200), COM4: lightFirmware(), COM5: silent })
    const asi = { driver: 'asi-ms2000', label: 'ASI MS-2000 (USB-9.2n)', baudRate: 19_200, kinds: ['xy-stage', 'focus'] }
    const lamp = { driver: 'coolled-pe300', label: 'CoolLED pE-300 (pE-300)', baudRate: 57_600, kinds: ['light'] }
    expect(await detect({ binding })).toMatchObject([
      { path: 'COM3', device: asi, problem: null },
      { path: 'COM4', device: lamp, problem: null },
      { path: 'COM5', device: null, problem: expect.stringMatching(/^No ASI MS-2000 or CoolLED pE-300 answers here\./) },
    ])
    await using found = await openMicroscope(parseConfiguration({ ...good, stage: null, focus: null }, 'test'), { binding })
    expect(found.light).not.toBeNull()
  })

  it('leaves a port alone that the connected microscope uses, and says why a port cannot be opened', async () => {
    const firmware = asiFirmware()
    let heard = 0
    firmware.onEvent = () => heard++
    const emulated = new SimulatedBinding({ COM3: firmware })
    const ports = [...(await emulated.list()), ...(await new SimulatedBinding({ COM9: lightFirmware() }).list())]
    const binding = { list: async () => ports, open: (options: { path: string; baudRate: number }) => emulated.open(options) }
    const [used, gone] = await detect({ binding, inUse: ['COM3'] })
    expect(used).toMatchObject({ path: 'COM3', device: null, problem: 'The microscope that is connected uses it.' })
    expect(heard).toBe(0)
    expect(gone).toMatchObject({ path: 'COM9', device: null, problem: expect.stringContaining('The port COM9 could not be opened') })
  })

  it('can be cancelled', async () => {
    const binding = new SimulatedBinding({ COM3: asiFirmware(28_800) })
    await expect(detect({ binding }, AbortSignal.timeout(60))).rejects.toSatisfy(isAbort)
  })
})

describe('the example in docs/configuration.md', () => {
  it('is a configuration', () => {
    const example = /^ {4}\{[\s\S]*?^ {4}\}/m.exec(readFileSync('docs/configuration.md', 'utf8'))?.[0] ?? ''
    expect(parseConfiguration(JSON.parse(example), 'docs/configuration.md').name).toBe('Room 12')
  })
})
