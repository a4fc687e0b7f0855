import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { projectRoot } from './scripts.ts'

/** A small project with the real script and a build that only counts. It lies below node_modules, where nothing looks for sources. */
let folder: string

beforeEach(() => {
  const cache = join(projectRoot, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  folder = mkdtempSync(join(cache, 'deepscope-fresh-'))
  for (const name of ['scripts', 'src-main', 'src-shared', 'src-renderer', 'node_modules']) mkdirSync(join(folder, name))
  cpSync(join(projectRoot, 'scripts/fresh.mjs'), join(folder, 'scripts/fresh.mjs'))
  writeFileSync(join(folder, 'src-main/a.ts'), '1')
  writeFileSync(join(folder, 'src-shared/b.ts'), '1')
  writeFileSync(join(folder, 'src-renderer/c.vue'), '1')
  writeFileSync(
    join(folder, 'scripts/build.mjs'),
    `import { appendFileSync, mkdirSync, existsSync, writeFileSync } from 'node:fs'
const make = async (name, file) => {
  if (existsSync('fail')) throw new Error('a sentence about the mistake')
  appendFileSync('built.txt', name + '\\n')
  await new Promise((resolve) => setTimeout(resolve, 300))
  mkdirSync('build/' + name, { recursive: true })
  writeFileSync('build/' + name + '/' + file, '')
}
export const buildMain = () => make('main', 'cli.js')
export const buildRenderer = () => make('renderer', 'index.html')
`,
  )
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function ensure(options = '{}'): Promise<{ code: number | null; stderr: string }> {
  const code = `import('./scripts/fresh.mjs').then((m) => m.ensureFresh(${options})).catch((e) => { console.error(e.message); process.exit(1) })`
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', code], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.on('close', (exit) => resolve({ code: exit, stderr }))
  })
}

const builds = () => {
  const text = existsSync(join(folder, 'built.txt')) ? readFileSync(join(folder, 'built.txt'), 'utf8').trim() : ''
  rmSync(join(folder, 'built.txt'), { force: true })
  return text === '' ? [] : text.split('\n')
}

test('what is stale is built, and nothing else', async () => {
  await ensure()
  expect(builds()).toEqual(['main', 'renderer'])
  await ensure()
  expect(builds()).toEqual([])
  writeFileSync(join(folder, 'src-renderer/c.vue'), '2')
  await ensure()
  expect(builds()).toEqual(['renderer'])
  writeFileSync(join(folder, 'src-shared/b.ts'), '2')
  await ensure("{ only: 'main' }")
  expect(builds()).toEqual(['main'])
  await ensure()
  expect(builds()).toEqual(['renderer'])
})

test('touched files, as after a checkout, are not stale; new, removed and renamed ones are', async () => {
  await ensure()
  builds()
  utimesSync(join(folder, 'src-main/a.ts'), new Date(), new Date())
  await ensure()
  expect(builds()).toEqual([])
  writeFileSync(join(folder, 'src-main/d.ts'), '')
  await ensure()
  expect(builds()).toEqual(['main'])
  rmSync(join(folder, 'src-main/d.ts'))
  await ensure()
  expect(builds()).toEqual(['main'])
})

test('a build that is gone is made again', async () => {
  await ensure()
  builds()
  rmSync(join(folder, 'build/main/cli.js'))
  await ensure()
  expect(builds()).toEqual(['main'])
})

test('two at once build once', async () => {
  await Promise.all([ensure(), ensure(), ensure()])
  expect(builds()).toEqual(['main', 'renderer'])
})

test('a failed build says why, leaves no lock, and is tried again', async () => {
  writeFileSync(join(folder, 'fail'), '')
  expect(await ensure()).toMatchObject({ code: 1, stderr: expect.stringContaining('a sentence about the mistake') })
  rmSync(join(folder, 'fail'))
  expect((await ensure()).code).toBe(0)
  expect(builds()).toEqual(['main', 'renderer'])
})

test('the lock of a program that died is taken over', async () => {
  const lock = join(folder, 'node_modules/.cache/deepscope/build.lock')
  mkdirSync(lock, { recursive: true })
  const dead = spawn(process.execPath, ['-e', ''])
  await new Promise((resolve) => dead.on('close', resolve))
  writeFileSync(join(lock, 'pid'), String(dead.pid))
  expect((await ensure()).code).toBe(0)
  expect(builds()).toEqual(['main', 'renderer'])
})

test('links in the sources do not make it fail', async () => {
  symlinkSync(join(folder, 'src-main/a.ts'), join(folder, 'src-main/link.ts'))
  symlinkSync(join(folder, 'nowhere'), join(folder, 'src-main/broken.ts'))
  expect((await ensure()).code).toBe(0)
})
