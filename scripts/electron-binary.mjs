/** Electron's program on this disk: finding it, and fetching it. The `electron` package is never imported: that would start a download that blocks. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './fresh.mjs'

/** Path of the executable, or null where it is not installed. The same places as the package's own `index.js`. */
export function findElectron(folder = join(root, 'node_modules', 'electron'), env = process.env) {
  let name
  try {
    name = readFileSync(join(folder, 'path.txt'), 'utf8').trim()
  } catch {
    name = ''
  }
  const override = env.ELECTRON_OVERRIDE_DIST_PATH
  if (!override && !name) return null
  const path = override ? join(override, name || 'electron') : join(folder, 'dist', name)
  return existsSync(path) ? path : null
}

/**
 * Fetches Electron in a child process and says how far it is. Gives up `silenceMs` after the last byte.
 * Resolves to null when it is there, otherwise to the reason why it is not.
 */
export function fetchElectron({ say, silenceMs = 10_000, command = [process.execPath, fileURLToPath(import.meta.url), '--fetch'] }) {
  return new Promise((resolve) => {
    const [program, ...args] = command
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: root })
    let timer
    let reason = ''
    let problem = ''
    const heard = () => {
      clearTimeout(timer)
      timer = setTimeout(() => {
        reason = `nothing was received for ${silenceMs / 1000} s`
        child.kill('SIGKILL')
      }, silenceMs)
    }
    heard()
    let bytes = 0
    let shown = -1
    let pending = ''
    child.stdout.on('data', (chunk) => {
      const lines = (pending + chunk).split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) {
        const [word, transferred, total] = line.split(' ')
        if (word === 'bytes' && Number(transferred) > bytes) {
          bytes = Number(transferred)
          heard()
          const percent = Number(total) > 0 ? Math.floor((100 * bytes) / Number(total)) : -1
          if (percent >= shown + 5) {
            shown = percent
            say(`  ${percent} % of ${Math.round(Number(total) / 2 ** 20)} MiB`)
          }
        } else if (word === 'unpacking') {
          clearTimeout(timer)
          say('  unpacking …')
        }
      }
    })
    child.stderr.on('data', (chunk) => {
      problem = `${problem}${chunk}`.slice(-2000)
    })
    child.on('error', (error) => {
      reason = error.message
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve(code === 0 ? null : reason || problem.trim().split('\n').at(-1) || `the download ended with code ${code}`)
    })
  })
}

/** The child: downloads into Electron's own cache with checksums, then the package's installer unpacks it from there. */
async function fetchHere() {
  const { createRequire } = await import('node:module')
  const require = createRequire(join(root, 'node_modules', 'electron', 'install.js'))
  const { downloadArtifact } = require('@electron/get')
  await downloadArtifact({
    version: require('./package.json').version,
    artifactName: 'electron',
    platform: process.platform,
    arch: process.arch,
    cacheRoot: process.env.electron_config_cache,
    checksums: require('./checksums.json'),
    downloadOptions: {
      quiet: true,
      getProgressCallback: async ({ transferred, total }) => {
        process.stdout.write(`bytes ${transferred} ${total ?? 0}\n`)
      },
    },
  })
  process.stdout.write('unpacking\n')
  require('./install.js')
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2] === '--fetch') {
  fetchHere().catch((error) => {
    const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
    console.error(`${error.message}${cause}`)
    process.exit(1)
  })
}
