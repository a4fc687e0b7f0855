import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { appFolders, defaultSettings, modelFolders, openSettings } from '#main/settings.ts'

let folder: string
let path: string
const defaults = defaultSettings('/data/sessions')

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-settings-'))
  path = join(folder, 'deeper', 'settings.json')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function given(content: string) {
  await mkdir(join(folder, 'deeper'), { recursive: true })
  await writeFile(path, content)
}

describe('settings', () => {
  test('start from the defaults without a file and without a warning', async () => {
    await using settings = await openSettings(path, defaults)
    expect(settings.state.value).toEqual(defaults)
    expect(settings.warnings).toEqual([])
    expect(existsSync(path)).toBe(false)
  })

  test('are there again after closing', async () => {
    const settings = await openSettings(path, defaults)
    settings.change({ theme: 'light', stageStep: 25 })
    await settings[Symbol.asyncDispose]()
    await using again = await openSettings(path, defaults)
    expect(again.state.value).toEqual({ ...defaults, theme: 'light', stageStep: 25 })
    expect(await readdir(join(folder, 'deeper'))).toEqual(['settings.json'])
  })

  test('announce a change at once and write many changes as one', async () => {
    const settings = await openSettings(path, defaults)
    const seen: number[] = []
    settings.state.watch((value) => seen.push(value.focusStep))
    for (let step = 2; step < 50; step++) settings.change({ focusStep: step })
    expect(seen.at(-1)).toBe(49)
    expect(existsSync(path)).toBe(false)
    await settings.flush()
    expect(JSON.parse(await readFile(path, 'utf8')).focusStep).toBe(49)
  })

  test('save themselves without being asked', async () => {
    const settings = await openSettings(path, defaults)
    settings.change({ colorMap: 'inferno' })
    await expect.poll(() => existsSync(path)).toBe(true)
    await settings[Symbol.asyncDispose]()
  })

  test.each([
    ['cut short', '{"theme": "li'],
    ['empty', ''],
    ['a list', '[1, 2]'],
    ['null', 'null'],
    ['binary', '\u0000\u0001\u0002'],
  ])('fall back to the defaults for a file that is %s, warn and keep it aside', async (_, content) => {
    await given(content)
    const settings = await openSettings(path, defaults)
    expect(settings.state.value).toEqual(defaults)
    expect(settings.warnings[0]).toContain(path)
    settings.change({ theme: 'light' })
    await settings[Symbol.asyncDispose]()
    expect(await readFile(`${path}.unreadable`, 'utf8')).toBe(content)
  })

  test('keep what is valid of a file with a wrong and an unknown value, and name both', async () => {
    await given(JSON.stringify({ theme: 'light', stageStep: 'far', fromTheFuture: 1, dataFolder: 'relative/path' }))
    await using settings = await openSettings(path, defaults)
    expect(settings.state.value).toEqual({ ...defaults, theme: 'light' })
    expect(settings.warnings[0]).toContain('stageStep, fromTheFuture, dataFolder')
  })

  test('do not take names from the prototype', async () => {
    await given('{"constructor": {"x": 1}, "__proto__": {"theme": "light"}, "toString": "x"}')
    await using settings = await openSettings(path, defaults)
    expect(settings.state.value).toEqual(defaults)
  })

  test('refuse a value out of range, naming it, and change nothing', async () => {
    await using settings = await openSettings(path, defaults)
    expect(() => settings.change({ stageStep: -3, theme: 'light' })).toThrow(/stageStep/)
    expect(() => settings.change({ stageStep: Number.NaN })).toThrow(/stageStep/)
    expect(() => settings.change({ dataFolder: 'Pictures' })).toThrow(/full path/)
    expect(settings.state.value).toEqual(defaults)
  })

  test('leave a field alone that is given as undefined', async () => {
    await using settings = await openSettings(path, defaults)
    settings.change({ theme: undefined, stageStep: 5 })
    expect(settings.state.value).toEqual({ ...defaults, stageStep: 5 })
  })

  test('say so when the file cannot be written, and hold for this run', async () => {
    await writeFile(join(folder, 'deeper'), 'a file where the folder should be')
    const settings = await openSettings(path, defaults)
    settings.change({ theme: 'light' })
    await expect(settings.flush()).rejects.toThrow(/could not be saved in/)
    expect(settings.state.value.theme).toBe('light')
    await rm(join(folder, 'deeper'))
    await settings.flush()
    expect(JSON.parse(await readFile(path, 'utf8')).theme).toBe('light')
  })

  test('read a file that nobody may read as a warning', async () => {
    await given('{}')
    await chmod(path, 0)
    const settings = await openSettings(path, defaults)
    // The superuser may read everything.
    if (process.getuid?.() !== 0) expect(settings.warnings[0]).toContain(path)
    await settings[Symbol.asyncDispose]()
  })
})

describe('folders', () => {
  test('follow the manners of each platform', () => {
    expect(appFolders({}, 'linux', '/home/ada').config).toBe('/home/ada/.config/deepscope')
    expect(appFolders({ XDG_CONFIG_HOME: '/cfg', XDG_STATE_HOME: 'relative' }, 'linux', '/home/ada')).toMatchObject({
      config: '/cfg/deepscope',
      logs: '/home/ada/.local/state/deepscope/logs',
      data: '/home/ada/Deepscope',
    })
    expect(appFolders({}, 'darwin', '/Users/ada').config).toBe('/Users/ada/Library/Application Support/Deepscope')
    expect(appFolders({ APPDATA: '/roaming' }, 'win32', '/u').config).toBe('/roaming/Deepscope')
  })

  test('all move with DEEPSCOPE_HOME', () => {
    expect(Object.values(appFolders({ DEEPSCOPE_HOME: '/own' }, 'darwin')).every((path) => path.startsWith('/own/'))).toBe(true)
  })

  test('of models are the project’s or the installed application’s, and the user’s', () => {
    const folders = { config: '/cfg', logs: '/logs', data: '/data' }
    expect(modelFolders(folders, '/src/deepscope')).toEqual(['/src/deepscope/models', '/cfg/models'])
    expect(modelFolders(folders, '/opt/Deepscope/resources/app.asar')[0]).toBe('/opt/Deepscope/resources/models')
    expect(modelFolders(folders, '/opt/Deepscope/resources/app.asar.unpacked')[0]).toBe('/opt/Deepscope/resources/models')
  })
})
