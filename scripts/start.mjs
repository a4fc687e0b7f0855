/**
 * `npm start`: the application in its window; where there is no Electron or no display, the same application in the default
 * browser or at a printed address. `npm start -- --browser` asks for the browser at once.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { fetchElectron, findElectron } from './electron-binary.mjs'
import { ensureFresh, root } from './fresh.mjs'

const args = process.argv.slice(2)
const say = (text) => console.error(text)
const wantsBrowser = args.includes('--browser')
const rest = args.filter((arg) => arg !== '--browser')

/** A window that ends with a failure so soon after its start never came up: a missing system library, mostly. */
const startFailureMs = 8000

const hasDisplay =
  process.platform === 'win32' || process.platform === 'darwin' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY)

/** Electron's path, or null with the reason said. */
async function electronToUse() {
  if (wantsBrowser) return null
  if (!hasDisplay) {
    say('There is no display here, so no window can be opened.')
    return null
  }
  if (process.platform === 'linux' && process.getuid?.() === 0) {
    say('Electron’s sandbox does not run as root, so no window is opened.')
    return null
  }
  const found = findElectron()
  if (found) return found
  say('Electron’s program is not on this machine.')
  if (process.env.CI) {
    say('It is not fetched under CI.')
    return null
  }
  say('Fetching it (about 110 MB, once) …')
  const problem = await fetchElectron({ say })
  if (problem) say(`It could not be fetched: ${problem}.`)
  return findElectron()
}

/** Resolves to the exit code, or to null if the window could not come up. */
function runElectron(path) {
  return new Promise((resolve) => {
    const started = Date.now()
    const child = spawn(path, [root, ...rest], { stdio: 'inherit' })
    // The window gets the terminal's Ctrl+C itself and closes safely; this process only waits for it.
    const forward = (signal) => child.kill(signal)
    const wait = () => undefined
    process.on('SIGINT', wait)
    process.on('SIGTERM', forward)
    const end = (result) => {
      process.off('SIGINT', wait)
      process.off('SIGTERM', forward)
      resolve(result)
    }
    child.on('error', (error) => {
      say(`Electron could not be started: ${error.message}.`)
      end(null)
    })
    child.on('exit', (code, signal) => {
      const early = Date.now() - started < startFailureMs
      if (early && (code === 127 || signal === 'SIGTRAP' || signal === 'SIGABRT' || signal === 'SIGSEGV')) {
        say(
          `Electron ended at once (${signal ?? `code ${code}`}); a system library may be missing. “npm run -s deepscope -- doctor” tells more.`,
        )
        end(null)
      } else end(code ?? 1)
    })
  })
}

try {
  await ensureFresh()
} catch (error) {
  say(`Deepscope cannot be built: ${error.message}`)
  process.exit(1)
}
const electron = await electronToUse()
const code = electron ? await runElectron(electron) : null
if (code !== null) process.exitCode = code
else {
  say(hasDisplay ? 'Opening Deepscope in the browser instead.' : 'Open this address in a browser:')
  const { main } = await import(pathToFileURL(join(root, 'build/main/cli.js')).href)
  process.exitCode = await main(['serve', ...(hasDisplay ? ['--open'] : []), ...rest])
}
