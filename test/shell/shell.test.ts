import { EventEmitter } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { spawnInference, startShell } from '#main/electron/shell.ts'
import type { Host } from '#main/host.ts'
import { electronPortTransport } from '#main/ipc/message-port.ts'
import { renderPage } from '#main/ipc/page.ts'
import { openLog } from '#main/log.ts'
import { Cell } from '#shared/emitter.ts'
import type { Transport } from '#shared/rpc/transport.ts'
import { StandIn, StandInPort } from './electron-stand-in.ts'
import { loadScript } from './scripts.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepscope-shell-'))
const preload = join(folder, 'preload.cjs')
const renderer = join(folder, 'renderer')
mkdirSync(renderer)
writeFileSync(join(renderer, 'index.html'), '<!doctype html>')

beforeAll(async () => {
  const { buildPreload } = await loadScript<{ buildPreload(outfile: string): Promise<void> }>('build.mjs')
  await buildPreload(preload)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What the shell asks of a host, written down in the order it was asked. */
class Recording {
  readonly asked: string[] = []
  readonly transports: Transport[] = []
  readonly recorder = new Cell({ recording: false })
  readonly log = openLog({ file: null })
  closing: () => Promise<void> = async () => undefined

  readonly host = {
    attach: (transport: Transport) => {
      this.transports.push(transport)
      transport.onMessage((message) => transport.send({ echo: message }))
      transport.onClose(() => this.asked.push('client gone'))
    },
    close: () => {
      this.asked.push('close')
      return this.closing()
    },
    parts: {
      log: this.log,
      control: {
        halt: async () => void this.asked.push('halt'),
        stop: async () => void this.asked.push('stop'),
      },
      recorder: {
        state: this.recorder,
        recording: false,
      },
      settings: { state: new Cell({ model: 'widefield-sr', dataFolder: '/data' }) },
      jobs: { start: ({ path, model }: { path: string; model: string }) => this.asked.push(`enhance ${path} with ${model}`) },
      changeSettings: async (change: object) => {
        if (JSON.stringify(change).includes('full')) throw new Error('The disk of “/full” is full.')
        this.asked.push(`settings ${JSON.stringify(change)}`)
      },
    },
  }

  record(recording: boolean): void {
    this.host.parts.recorder.recording = recording
    this.recorder.set({ recording })
  }
}

let world: StandIn
let recording: Recording
let ends: EventEmitter

beforeEach(() => {
  world = new StandIn()
  recording = new Recording()
  ends = new EventEmitter()
})

function start(createHost: () => Promise<unknown> = async () => recording.host) {
  const starting = startShell(world.electron, {
    createHost: createHost as () => Promise<Host>,
    transport: (port) => electronPortTransport(port),
    page: (path) => renderPage(renderer, path),
    preload,
    logFolder: '/logs',
    process: ends as unknown as NodeJS.Process,
    closeTimeoutMs: 200,
  })
  world.app.becomeReady()
  return starting
}

async function running() {
  await start()
  const [window] = world.windows
  if (!window) throw new Error('No window was opened.')
  await expect.poll(() => window.webContents.page?.received.length).toBe(1)
  return window
}

const turns = () => new Promise((resolve) => setTimeout(resolve, 20))

describe('the window', () => {
  test('gets no Node, is sandboxed, and shows the page of the application’s own scheme', async () => {
    const window = await running()
    expect(window.options.webPreferences).toMatchObject({
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      webviewTag: false,
    })
    expect(world.app.sandboxed).toBe(true)
    expect(world.schemes).toEqual(['app'])
    expect(window.webContents.mainFrame.url).toBe('app://deepscope/index.html#/live')
    expect(window.shown).toBe(true)
  })

  test('gets the same content security policy as over HTTP', async () => {
    await running()
    const policy = (await world.request('app://deepscope/index.html')).headers.get('Content-Security-Policy')
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect((await world.request('app://deepscope/../../package.json')).status).toBe(404)
  })

  test('serves nothing to another host of the scheme', async () => {
    await running()
    expect((await world.request('app://elsewhere/index.html')).status).toBe(404)
    expect((await world.request('app://deepscope.evil/index.html')).status).toBe(404)
  })

  test('may not be led elsewhere, open another window, or be granted anything', async () => {
    const window = await running()
    const navigate = (url: string) => {
      const details = {
        url,
        prevented: false,
        preventDefault: () => {
          details.prevented = true
        },
      }
      window.webContents.emit('will-navigate', details)
      return details.prevented
    }
    expect(navigate('https://example.org/')).toBe(true)
    expect(navigate('file:///etc/passwd')).toBe(true)
    expect(navigate('app://deepscope.evil/')).toBe(true)
    expect(navigate('app://deepscope/index.html#/sessions')).toBe(false)
    expect(window.webContents.openHandler?.({ url: 'https://example.org/' })).toEqual({ action: 'deny' })
    const granted: boolean[] = []
    world.permissions.request?.(window.webContents, 'serial', (answer) => granted.push(answer))
    expect([...granted, world.permissions.check?.(), world.permissions.device?.()]).toEqual([false, false, false])
  })

  test('saves only what its page made itself', async () => {
    await running()
    const download = (url: string) => {
      const item = {
        cancelled: false,
        getURL: () => url,
        cancel: () => {
          item.cancelled = true
        },
      }
      world.defaultSession.emit('will-download', {}, item)
      return item.cancelled
    }
    expect(download('https://example.org/a.exe')).toBe(true)
    expect(download('blob:app://deepscope/4f2a')).toBe(false)
  })

  test('is connected by a port that the preload hands to the page, and both directions work', async () => {
    const window = await running()
    const [{ data, port } = { data: null, port: null }] = window.webContents.page?.received ?? []
    expect(data).toBe('deepscope:port')
    const answers: unknown[] = []
    port?.addEventListener('message', (event) => answers.push((event as MessageEvent).data))
    port?.start()
    port?.postMessage({ pixels: new Uint16Array([1, 65535]) })
    await expect.poll(() => answers).toEqual([{ echo: { pixels: new Uint16Array([1, 65535]) } }])
  })

  test('gets a new port when it is loaded again, and the line of the old page is gone', async () => {
    const window = await running()
    window.webContents.reload()
    await expect.poll(() => recording.transports.length).toBe(2)
    await expect.poll(() => recording.asked).toEqual(['client gone'])
    await expect.poll(() => window.webContents.page?.received.length).toBe(1)
  })

  test('gets a new port when its line broke while it lives', async () => {
    const window = await running()
    recording.transports[0]?.close('A malformed message.')
    await expect.poll(() => window.webContents.page?.received.length).toBe(2)
    expect(recording.transports).toHaveLength(2)
  })

  test('gets no port for a frame that is not the page', async () => {
    const window = await running()
    const { webContents } = window
    world.ipcMain.emit('deepscope:connect', { sender: webContents, senderFrame: { url: 'app://deepscope/index.html' } })
    world.ipcMain.emit('deepscope:connect', { sender: webContents, senderFrame: null })
    world.ipcMain.emit('deepscope:connect', { sender: {}, senderFrame: webContents.mainFrame })
    await turns()
    expect(recording.transports).toHaveLength(1)
  })

  test('whose process dies is loaded again with motion halted, until it keeps dying and a person is asked', async () => {
    const window = await running()
    for (let crash = 1; crash <= 3; crash++) {
      window.webContents.die('crashed')
      await expect.poll(() => window.webContents.loads).toBe(crash + 1)
      await expect.poll(() => window.webContents.page).not.toBeNull()
    }
    expect(recording.asked.filter((each) => each === 'halt')).toHaveLength(3)
    world.answers.push(1)
    window.webContents.die('oom')
    await expect.poll(() => world.app.exitCode).toBe(0)
    expect(world.questions).toEqual(['The window keeps failing.'])
  })

  test('that hangs is kept from steering, and loads again if the person says so', async () => {
    const window = await running()
    world.answers.push(0, 1)
    window.emit('unresponsive')
    expect(recording.asked).toEqual(['halt'])
    await turns()
    expect(window.webContents.loads).toBe(1)
    window.emit('unresponsive')
    await expect.poll(() => window.webContents.loads).toBe(2)
  })
})

describe('one instance', () => {
  test('a second one quits without a window or a host', async () => {
    world.app.firstInstance = false
    expect(await start()).toBeNull()
    expect(world.app.exitCode).toBe(0)
    expect(world.windows).toHaveLength(0)
    expect(recording.asked).toEqual([])
  })

  test('the first one comes to the front', async () => {
    const window = await running()
    window.minimized = true
    world.app.emit('second-instance')
    expect([window.minimized, window.focused]).toEqual([false, 1])
    expect(world.windows).toHaveLength(1)
  })
})

describe('the end', () => {
  test('by closing the window: the host is closed before the exit', async () => {
    const window = await running()
    let finish: () => void = () => undefined
    recording.closing = () =>
      new Promise((resolve) => {
        finish = resolve
      })
    window.close()
    await turns()
    expect(recording.asked).toContain('close')
    expect(world.app.exitCode).toBeNull()
    finish()
    await expect.poll(() => world.app.exitCode).toBe(0)
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'])('by %s: the host is closed', async (signal) => {
    await running()
    ends.emit(signal)
    await expect.poll(() => world.app.exitCode).toBe(0)
    expect(recording.asked.filter((each) => each === 'close')).toHaveLength(1)
  })

  test.each(['uncaughtException', 'unhandledRejection'])('by an %s: the host is closed, a sentence shown, exit code 1', async (event) => {
    await running()
    ends.emit(event, new Error('boom'))
    ends.emit(event, new Error('and again'))
    await expect.poll(() => world.app.exitCode).toBe(1)
    expect(recording.asked.filter((each) => each === 'close')).toHaveLength(1)
    expect(world.errors).toHaveLength(1)
    expect(world.errors[0]?.[1]).toContain('boom')
    expect(recording.log.recent.value.at(-1)?.message).toContain('boom')
  })

  test('a cancelled task that nobody caught is not an end', async () => {
    await running()
    ends.emit('unhandledRejection', new DOMException('Cancelled.', 'AbortError'))
    await turns()
    expect(world.app.exitCode).toBeNull()
  })

  test('is not held up by a host that does not close', async () => {
    await running()
    recording.closing = () => new Promise(() => undefined)
    const begun = performance.now()
    world.app.quit()
    await expect.poll(() => world.app.exitCode).toBe(0)
    expect(performance.now() - begun).toBeLessThan(2000) // by far: the limit where none is named is 8 s
  })

  test('is not held up by a host that fails to close', async () => {
    await running()
    recording.closing = () => Promise.reject(new Error('The port is gone.'))
    world.app.quit()
    await expect.poll(() => world.app.exitCode).toBe(0)
    recording.log.flushSync()
    expect(recording.log.recent.value.at(-1)?.message).toContain('The port is gone.')
  })

  test('while starting: the host that comes up late is closed', async () => {
    let come: (host: unknown) => void = () => undefined
    const starting = start(
      () =>
        new Promise((resolve) => {
          come = resolve
        }),
    )
    await turns()
    world.app.quit()
    come(recording.host)
    await starting
    await expect.poll(() => world.app.exitCode).toBe(0)
    expect(recording.asked).toEqual(['close'])
    expect(world.windows).toHaveLength(0)
  })

  test('of a start that failed says why and exits with 1', async () => {
    await start(() => Promise.reject(new Error('The data folder is gone.')))
    expect(world.errors).toEqual([['Deepscope cannot start', 'The data folder is gone.']])
    expect(world.app.exitCode).toBe(1)
  })
})

describe('a computer', () => {
  test('that goes to sleep has motion and light stopped first', async () => {
    await running()
    world.powerMonitor.emit('suspend')
    expect(recording.asked).toEqual(['stop'])
  })

  test('that shuts down waits until the host is closed', async () => {
    await running()
    let held = false
    world.powerMonitor.emit('shutdown', {
      preventDefault: () => {
        held = true
      },
    })
    expect(held).toBe(true)
    await expect.poll(() => world.app.exitCode).toBe(0)
    expect(recording.asked).toContain('close')
  })
})

describe('closing the window while recording', () => {
  test('asks, and stays open on cancel', async () => {
    const window = await running()
    recording.record(true)
    world.answers.push(0)
    window.close()
    await turns()
    expect(world.questions).toEqual(['A recording is running.'])
    expect(world.windows).toHaveLength(1)
  })

  test('can stop the recording and quit', async () => {
    const window = await running()
    recording.record(true)
    world.answers.push(1)
    window.close()
    await expect.poll(() => world.app.exitCode).toBe(0)
    expect(recording.asked).toContain('close')
  })

  test('can go on without a window, which opens again when asked for', async () => {
    const window = await running()
    recording.record(true)
    world.answers.push(2)
    window.close()
    await expect.poll(() => world.windows.length).toBe(0)
    expect(world.app.exitCode).toBeNull()
    world.app.emit('second-instance')
    expect(world.windows).toHaveLength(1)
    recording.record(false)
    await turns()
    expect(world.app.exitCode).toBeNull()
  })

  test('without a window the application ends with the recording', async () => {
    const window = await running()
    recording.record(true)
    world.answers.push(2)
    window.close()
    await expect.poll(() => world.windows.length).toBe(0)
    recording.record(false)
    await expect.poll(() => world.app.exitCode).toBe(0)
  })
})

describe('the menu', () => {
  test('enhances the chosen images and shows the jobs without loading the page again', async () => {
    const window = await running()
    world.openDialog = { canceled: false, filePaths: ['/images/a.tif', '/images/b.tif'] }
    world.click('Enhance images …')
    await expect.poll(() => window.webContents.mainFrame.url).toBe('app://deepscope/index.html#/files')
    expect(recording.asked).toEqual(['enhance /images/a.tif with widefield-sr', 'enhance /images/b.tif with widefield-sr'])
    expect(window.webContents.loads).toBe(1)
  })

  test('does nothing when a dialog is cancelled', async () => {
    await running()
    world.click('Enhance images …')
    world.click('Data folder …')
    await turns()
    expect(recording.asked).toEqual([])
  })

  test('changes the data folder, and says so when that fails', async () => {
    await running()
    world.openDialog = { canceled: false, filePaths: ['/elsewhere'] }
    world.click('Data folder …')
    await expect.poll(() => recording.asked).toEqual(['settings {"dataFolder":"/elsewhere"}'])
    world.openDialog = { canceled: false, filePaths: ['/full'] }
    world.click('Data folder …')
    await expect.poll(() => world.errors).toEqual([['That did not work', 'The disk of “/full” is full.']])
  })

  test('stops motion and light, also where the page hangs', async () => {
    await running()
    world.click('Stop motion, light off')
    expect(recording.asked).toEqual(['stop'])
  })
})

test('inference runs in a utility process with piped output', () => {
  const child = spawnInference(world.electron)('/build/main/inference-worker.js')
  expect(world.forked).toMatchObject([{ entry: '/build/main/inference-worker.js', options: { stdio: 'pipe' } }])
  expect(child.pid).toBe(4711)
})

describe('the stand-in', () => {
  test('copies data, moves only ports, and holds messages back until start', async () => {
    const [one, two] = StandInPort.pair()
    const buffer = new ArrayBuffer(4)
    expect(() => one.postMessage(buffer, [buffer])).toThrow(/not a valid port/)
    one.postMessage(buffer)
    expect(buffer.byteLength).toBe(4)
    const got: unknown[] = []
    two.on('message', (event) => got.push(event))
    await turns()
    expect(got).toEqual([])
    two.start()
    await expect.poll(() => got).toEqual([{ data: new ArrayBuffer(4), ports: [] }])
  })
})
