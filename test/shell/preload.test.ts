import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { StandInPage } from './electron-stand-in.ts'
import { loadScript, projectRoot } from './scripts.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepscope-preload-'))
const fresh = join(folder, 'preload.cjs')
const files = [fresh, join(projectRoot, 'build/main/preload.cjs')]

beforeAll(async () => {
  const { buildPreload } = await loadScript<{ buildPreload(outfile: string): Promise<void> }>('build.mjs')
  await buildPreload(fresh)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the built preload is CommonJS and requires nothing but electron', () => {
  for (const file of files.filter((path) => existsSync(path))) {
    const code = readFileSync(file, 'utf8')
    const required = [...code.matchAll(/\brequire\(\s*(["'`])(.*?)\1\s*\)/g)].map((match) => match[2])
    expect(required, file).toEqual(['electron'])
    expect(code, file).not.toMatch(/\bimport\s*\(|^\s*(import|export)\s/m)
  }
})

test('the preload lends the page one function and nothing of Electron', () => {
  const page = new StandInPage(fresh, () => undefined)
  expect(page.required).toEqual(['electron'])
  expect(Object.keys(page.bridge)).toEqual(['deepscope'])
  expect(Object.keys(page.bridge.deepscope ?? {})).toEqual(['pathForFile'])
  expect(page.bridge.deepscope?.pathForFile?.({ path: '/images/cells.tif' })).toBe('/images/cells.tif')
})

test('the preload asks for a port only when the page has loaded', async () => {
  const sent: string[] = []
  const page = new StandInPage(fresh, (channel) => sent.push(channel))
  await new Promise(setImmediate)
  expect(sent).toEqual([])
  page.loaded()
  await new Promise(setImmediate)
  expect(sent).toEqual(['deepscope:connect'])
})
