import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { _electron } from 'playwright-core'
import { expect, test } from 'vitest'
import { loadScript, projectRoot } from './scripts.ts'

const { findElectron } = await loadScript<{ findElectron(): string | null }>('electron-binary.mjs')

/** Why the real Electron cannot be tried here; null = it can. */
function obstacle(): string | null {
  if (!findElectron()) return 'Electron’s program is not installed here; “npm start” fetches it where there is a network'
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return 'there is no display'
  if (process.platform === 'linux' && process.getuid?.() === 0) return 'Electron’s sandbox does not run as root'
  return null
}

test('the real Electron shows the application, connects it to the host, and ends when its window closes', async ({ skip }) => {
  const reason = obstacle()
  if (reason) skip(reason)
  const { ensureFresh } = await loadScript<{ ensureFresh(): Promise<void> }>('fresh.mjs')
  await ensureFresh()
  const home = mkdtempSync(join(tmpdir(), 'deepscope-electron-e2e-'))
  const application = await _electron.launch({
    executablePath: findElectron() ?? '',
    args: [projectRoot],
    env: { ...(process.env as Record<string, string>), DEEPSCOPE_HOME: home },
  })
  try {
    const page = await application.firstWindow()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.waitForLoadState('load')
    expect(page.url()).toMatch(/^app:\/\/deepscope\/index\.html/)
    expect(await page.title()).toBe('Deepscope')
    const inside = await page.evaluate(() => {
      const world = globalThis as unknown as Record<string, unknown>
      return { bridge: Object.keys(world.deepscope ?? {}), node: [typeof world.require, typeof world.process, typeof world.Buffer] }
    })
    expect(inside).toEqual({ bridge: ['pathForFile'], node: ['undefined', 'undefined', 'undefined'] })
    // Content that comes only over the port.
    await page.goto('app://deepscope/index.html#/models')
    await page.getByText('widefield-sr').first().waitFor()
    const refused = await page.evaluate(() => window.open('https://example.org/') === null)
    expect(refused).toBe(true)
    expect(application.windows()).toHaveLength(1)
    expect(errors).toEqual([])
    const ended = new Promise<number | null>((resolve) => application.process().once('exit', (code) => resolve(code)))
    await page.close()
    expect(await ended).toBe(0)
  } finally {
    await application.close().catch(() => undefined)
    rmSync(home, { recursive: true, force: true })
  }
})
