/**
 * Makes sure that the build is of the present sources; some 20 ms when it is. Sources are compared by content, so a checkout or
 * a copy that touches every file rebuilds nothing. Two programs that find the build stale at once build it once.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What each half of the build is made of, and a file that is there when it was made. */
const halves = {
  main: { sources: ['src-main', 'src-shared'], product: 'build/main/cli.js' },
  renderer: { sources: ['src-renderer', 'src-shared', 'vite.config.ts'], product: 'build/renderer/index.html' },
}
const common = ['scripts/build.mjs', 'package.json', 'package-lock.json', 'tsconfig.json']
const stampFile = join(root, 'build', 'stamp.json')
const lockFolder = join(root, 'node_modules', '.cache', 'deepscope', 'build.lock')

/** Longest wait for another program's build, ms. */
const lockTimeoutMs = 300_000

/**
 * Rebuilds what is stale. `only`: 'main' or 'renderer'; both by default. `say` receives one sentence for each half that is built.
 * Throws with a sentence if it cannot be built.
 */
export async function ensureFresh({ only, say = (text) => console.error(text) } = {}) {
  const wanted = only ? [only] : Object.keys(halves)
  if ((await staleHalves(wanted)).length === 0) return
  const unlock = await lock(say)
  try {
    // The one who had the lock may have built it.
    for (const half of await staleHalves(wanted)) {
      say(half === 'main' ? 'Building the host …' : 'Building the page …')
      const before = await hashOf(half)
      const build = await import('./build.mjs')
      await (half === 'main' ? build.buildMain() : build.buildRenderer())
      await stamp(half, before)
    }
  } finally {
    await unlock()
  }
}

async function staleHalves(wanted) {
  const stamps = await readStamps()
  const stale = await Promise.all(
    wanted.map(async (half) => !existsSync(join(root, halves[half].product)) || stamps[half] !== (await hashOf(half))),
  )
  return wanted.filter((_, index) => stale[index])
}

async function readStamps() {
  try {
    return JSON.parse(await readFile(stampFile, 'utf8'))
  } catch {
    return {}
  }
}

/** `hash` is of the sources before the build: what changed meanwhile is built the next time. */
async function stamp(half, hash) {
  const stamps = { ...(await readStamps()), [half]: hash }
  await writeFile(`${stampFile}.new`, JSON.stringify(stamps))
  await rename(`${stampFile}.new`, stampFile)
}

async function hashOf(half) {
  const hash = createHash('sha256')
  for (const source of [...halves[half].sources, ...common]) {
    for (const file of await filesOf(join(root, source))) {
      hash.update(`${relative(root, file)}\0`)
      // A link that leads nowhere, or a file that was removed just now.
      hash.update(await readFile(file).catch(() => ''))
    }
  }
  return hash.digest('hex')
}

async function filesOf(path) {
  const found = await stat(path).catch(() => null)
  if (!found) return []
  if (found.isFile()) return [path]
  const children = await readdir(path, { withFileTypes: true })
  const lists = await Promise.all(
    children.map((child) => (child.isDirectory() ? filesOf(join(path, child.name)) : [join(path, child.name)])),
  )
  return lists.flat().sort()
}

/** A folder is made by one program only; it names its owner, so that the lock of a program that died is taken over. */
async function lock(say) {
  const owner = join(lockFolder, 'pid')
  await mkdir(dirname(lockFolder), { recursive: true })
  const end = Date.now() + lockTimeoutMs
  let told = false
  while (true) {
    try {
      await mkdir(lockFolder)
      await writeFile(owner, String(process.pid))
      return () => rm(lockFolder, { recursive: true, force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (await abandoned(owner)) {
      await rm(lockFolder, { recursive: true, force: true })
      continue
    }
    if (Date.now() > end)
      throw new Error(`Another program has been building for five minutes. If none is, remove the folder “${lockFolder}”.`)
    if (!told) say('Waiting for another build …')
    told = true
    await sleep(100)
  }
}

async function abandoned(owner) {
  const pid = Number(await readFile(owner, 'utf8').catch(() => Number.NaN))
  if (!Number.isInteger(pid) || pid <= 0) {
    // Made a moment ago, its owner not yet written; unless it stays so.
    const made = await stat(dirname(owner)).catch(() => null)
    return made !== null && Date.now() - made.mtimeMs > 5000
  }
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}
