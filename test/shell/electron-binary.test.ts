import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadScript, projectRoot } from './scripts.ts'

const { findElectron, fetchElectron } = await loadScript<{
  findElectron(folder: string, env: NodeJS.ProcessEnv): string | null
  fetchElectron(options: { say: (text: string) => void; silenceMs?: number; command: readonly string[] }): Promise<string | null>
}>('electron-binary.mjs')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'deepscope-electron-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('Electron’s program', () => {
  test('is where path.txt says, below dist', () => {
    expect(findElectron(folder, {})).toBeNull()
    writeFileSync(join(folder, 'path.txt'), 'electron\n')
    expect(findElectron(folder, {})).toBeNull()
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist', 'electron'), '')
    expect(findElectron(folder, {})).toBe(join(folder, 'dist', 'electron'))
  })

  test('can be another one, as for the electron package itself', () => {
    mkdirSync(join(folder, 'own'))
    writeFileSync(join(folder, 'own', 'electron'), '')
    expect(findElectron(folder, { ELECTRON_OVERRIDE_DIST_PATH: join(folder, 'own') })).toBe(join(folder, 'own', 'electron'))
    expect(findElectron(folder, { ELECTRON_OVERRIDE_DIST_PATH: join(folder, 'nowhere') })).toBeNull()
  })

  test('is looked for without importing the package, which would start a download', () => {
    for (const script of ['start.mjs', 'electron-binary.mjs', 'fresh.mjs', 'build.mjs'])
      expect(readFileSync(join(projectRoot, 'scripts', script), 'utf8')).not.toMatch(/(from|import\(|require\()\s*['"]electron['"]/)
  })
})

describe('fetching Electron', () => {
  const program = (code: string) => [process.execPath, '-e', code]

  test('tells how far it is', async () => {
    const said: string[] = []
    const code = 'for (let n = 1; n <= 20; n++) console.log("bytes " + n * 5242880 + " 104857600"); console.log("unpacking")'
    expect(await fetchElectron({ say: (text) => said.push(text), command: program(code) })).toBeNull()
    expect(said[0]).toBe('  5 % of 100 MiB')
    expect(said.at(-2)).toBe('  100 % of 100 MiB')
    expect(said.at(-1)).toContain('unpacking')
  })

  test('gives up when no byte has come for a while, though the program still talks', async () => {
    const code = 'setInterval(() => console.log("bytes 100 1000"), 20)'
    const begun = Date.now()
    expect(await fetchElectron({ say: () => undefined, silenceMs: 400, command: program(code) })).toBe('nothing was received for 0.4 s')
    expect(Date.now() - begun).toBeLessThan(10_000)
  })

  test('goes on for as long as bytes come', async () => {
    const code = 'let n = 0; const t = setInterval(() => { console.log("bytes " + ++n + " 1000"); if (n === 30) clearInterval(t) }, 150)'
    expect(await fetchElectron({ say: () => undefined, silenceMs: 4000, command: program(code) })).toBeNull()
  })

  test('passes on why it failed', async () => {
    expect(await fetchElectron({ say: () => undefined, command: program('console.error("no route to host"); process.exit(1)') })).toBe(
      'no route to host',
    )
    expect(await fetchElectron({ say: () => undefined, command: [join(folder, 'nothing')] })).toContain('ENOENT')
  })
})
