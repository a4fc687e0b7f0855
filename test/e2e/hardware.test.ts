/** A user's own microscope over real serial ports, misbehaving: what the page and the command line say, and what the devices then do. */
import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { demoChannels, demoObjectives } from '#main/devices/demo.ts'
import { rootFolder } from '#main/processes.ts'
import type { PageFaults } from '#test/helpers/chromium.ts'
import { startTestHeadless, type TestHeadless } from '#test/helpers/headless.ts'
import { openPage, type TestPage } from '#test/helpers/page.ts'
import { type EmulatorProcess, emulatorProcess } from '#test/helpers/pty.ts'

let app: TestHeadless
let opened: TestPage
let page: Page
let faults: PageFaults
let stage: EmulatorProcess
let light: EmulatorProcess
let file: string

beforeAll(async () => {
  ;[app, stage, light] = await Promise.all([
    startTestHeadless(),
    emulatorProcess('asi-ms2000', 115_200),
    emulatorProcess('coolled-pe300', 57_600),
  ])
  const motion = { driver: 'asi-ms2000', path: stage.path, baudRate: stage.baudRate }
  const configuration = {
    name: 'Bench',
    stage: motion,
    focus: motion,
    light: { driver: 'coolled-pe300', path: light.path, baudRate: light.baudRate },
    camera: { driver: 'simulated' },
    objectives: demoObjectives,
    channels: demoChannels,
  }
  file = join(app.folder, 'config', 'microscopes', 'bench.json')
  await mkdir(join(app.folder, 'config', 'microscopes'), { recursive: true })
  await writeFile(file, JSON.stringify(configuration))
  opened = await openPage(app.url)
  ;({ page, faults } = opened)
})

afterAll(async () => {
  await opened?.[Symbol.asyncDispose]()
  await app?.[Symbol.asyncDispose]()
  await stage?.[Symbol.asyncDispose]()
  await light?.[Symbol.asyncDispose]()
})

const state = () => app.host.parts.control.state.value
const lit = async () => Object.values(await light.state()).some((level) => level > 0)
const toast = (text: RegExp) => page.getByTestId('toast').filter({ hasText: text }).first()

async function standing(): Promise<void> {
  await expect.poll(() => state().stage?.moving).toBe(false)
}

/** Runs the command line with a home of its own. */
function deepscope(...args: string[]): Promise<{ code: number | null; error: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(rootFolder, 'scripts/deepscope.mjs'), ...args], {
      cwd: app.folder,
      env: { ...process.env, DEEPSCOPE_HOME: join(app.folder, 'cli'), NO_COLOR: '1' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let error = ''
    child.stderr.on('data', (chunk) => {
      error += chunk
    })
    child.on('close', (code) => resolve({ code, error }))
  })
}

/** One sentence, no stack. */
function expectSentence({ code, error }: { code: number | null; error: string }, words: RegExp): void {
  expect(error).toMatch(words)
  expect(error).not.toMatch(/^\s+at .*:\d+:\d+/m)
  expect(code).toBe(1)
}

describe('the command line, with devices that misbehave', () => {
  const snap = (...args: string[]) => deepscope('snap', '--configuration', file, '--out', 'snaps', ...args)

  it('says that a move was rejected, with the controller’s own answer, and leaves the light off', async () => {
    stage.faults({ refuse: 4 })
    expectSentence(await snap('--x', '100'), /rejected "M X=1000 Y=0": a value is out of its range \(it answered ":N-4"\)/)
    expect(await lit()).toBe(false)
  })

  it('says that nobody answers on a port where replies are noise or none at all', async () => {
    for (const fault of ['garbage', 'mute'] as const) {
      stage.faults({ [fault]: 1000 })
      expectSentence(await snap(), /No ASI controller answers on .* at 115200 baud/)
      stage.faults({ [fault]: 0 })
    }
    expect(await lit()).toBe(false)
  })

  it('says that the light answers too late, and leaves it off', async () => {
    light.faults({ lateMs: 3000 })
    expectSentence(await snap(), /CoolLED/)
    light.faults({ lateMs: 0 })
    await expect.poll(lit).toBe(false)
  })
})

describe('the page, with devices that misbehave', () => {
  it('connects the microscope of a file, lights it and shows it live', async () => {
    await page.getByTestId('welcome-connect-bench').click()
    await expect.poll(() => state().devices.length).toBe(5)
    await page.getByTestId('live-toggle').click()
    await app.host.parts.control.setLight('B', { on: true, level: 40 })
    await page.waitForSelector('[data-testid="viewer"][data-frames]:not([data-frames="0"])')
    expect((await light.state()).B).toBe(40)
  })

  it('says that a move was rejected, and the next one works', async () => {
    stage.faults({ refuse: 4 })
    await page.keyboard.press('ArrowRight')
    await toast(/rejected "M X=.*": a value is out of its range/).waitFor()
    await page.keyboard.press('ArrowRight')
    await expect.poll(async () => (await stage.state()).x).toBeCloseTo(10, 3)
    await standing()
  })

  it('goes on where replies come as noise, in halves or two at once', async () => {
    for (const fault of ['garbage', 'half', 'merge'] as const) {
      const { x = 0 } = await stage.state()
      await page.keyboard.press('ArrowRight')
      stage.faults({ [fault]: 1 })
      await expect.poll(async () => (await stage.state()).x).toBeCloseTo(x + 10, 3)
      // Also as the application sees it: a fault while it still asks about this step would be the second in a row, and end the move.
      await expect.poll(() => state().stage).toMatchObject({ x: expect.closeTo(x + 10, 3), moving: false })
    }
    expect(state().devices.map((device) => device.problem)).toEqual([null, null, null, null, null])
  })

  it('says that the light answers late, and shows its true state when it does', async () => {
    await page.getByTestId('nav-devices').click()
    const told = page.getByTestId('device-card-light').getByRole('alert').filter({ hasText: 'did not answer within' }).waitFor()
    // Late enough for a slow computer to draw what is said in between.
    light.faults({ lateMs: 4000 })
    await expect(app.host.parts.control.setLight('B', { level: 70 })).rejects.toMatchObject({ kind: 'DeviceTimeout' })
    await told
    light.faults({ lateMs: 0 })
    await expect.poll(() => state().light?.channels.find(({ id }) => id === 'B')?.level).toBe(70)
    await expect.poll(() => state().devices.find(({ kind }) => kind === 'light')?.problem).toBeNull()
    await page.getByTestId('nav-live').click()
  })

  it('halts a stage that never stops being busy, and says so', async () => {
    stage.faults({ neverIdle: true })
    const before = stage.log.length
    await page.keyboard.press('ArrowRight')
    await toast(/is still busy .* and was halted/).waitFor()
    // The emulator, another process, tells what it heard a little later.
    await expect.poll(() => stage.log.slice(before).map(({ line }) => line)).toContain('\\')
    stage.faults({ neverIdle: false })
    await page.keyboard.press('ArrowLeft')
    await expect.poll(() => state().devices.find(({ kind }) => kind === 'xy-stage')?.state).toBe('ready')
  })

  it('goes on recording when the stage’s cable is pulled in the middle of a move, and can still switch the light off', async () => {
    const { recorder, control, data } = app.host.parts
    await page.getByTestId('record').click()
    await expect.poll(() => recorder.state.value.frames).toBeGreaterThan(3)
    const move = control.moveStage({ x: 4000, y: 0, relative: false })
    move.catch(() => undefined)
    await expect.poll(() => state().stage?.moving).toBe(true)
    await stage.vanish()
    await expect(move).rejects.toMatchObject({ kind: 'DeviceDisconnected' })
    const frames = recorder.state.value.frames
    await expect.poll(() => recorder.state.value.frames).toBeGreaterThan(frames + 3)
    await page.getByTestId('record').click()
    await expect.poll(() => recorder.state.value.recording).toBe(false)
    expect(recorder.state.value.problem).toBeNull()
    // The last frames are still being written when the recording has ended.
    const missing = () => {
      const session = data.sessions.value.find(({ kind }) => kind === 'recording')
      return session?.complete ? recorder.state.value.frames - session.frames : null
    }
    await expect.poll(missing).toBe(0)
    await page.getByTestId('nav-devices').click()
    const card = page.getByTestId('device-card-xy-stage')
    expect(await card.getByRole('alert').textContent()).toMatch(/connection on .* was lost/)
    expect(await card.textContent()).toContain('Disconnected')
    expect(await lit()).toBe(true)
    await page.keyboard.press('Escape')
    await expect.poll(lit).toBe(false)
  })

  it('says why the port cannot be opened again, beside the microscope’s name', async () => {
    await page.getByTestId('disconnect').click()
    await page.getByTestId('connect-bench').click()
    const alert = page.locator('[data-microscope=bench]').getByRole('alert')
    expect(await alert.textContent()).toMatch(
      /The port .* could not be opened: there is no such port\. Check that the device is plugged in/,
    )
  })

  it('throws no error', async () => {
    expect(await faults.violations()).toBe(0)
    expect(faults.errors).toEqual([])
  })
})
