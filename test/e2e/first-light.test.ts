/** The whole path in a real browser: start, focus by keyboard, enhance, compare with the truth, snap, reopen, and lose the window. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { withApp } from '#test/helpers/app.ts'
import type { PageFaults } from '#test/helpers/chromium.ts'
import type { TestHeadless } from '#test/helpers/headless.ts'
import { enlargeTwice, fittedPsnr } from '#test/helpers/similarity.ts'

let app: TestHeadless
let page: Page
let faults: PageFaults
withApp((opened) => {
  ;({ app, page, faults } = opened)
})

const control = () => app.host.parts.control.state.value
const live = () => app.host.parts.live

describe('first light', () => {
  it('shows the demo microscope live, lit and in focus, within two clicks', async () => {
    await page.getByTestId('start-demo').click()
    await expect.poll(() => live().state.value.running).toBe(true)
    await page.waitForSelector('[data-testid="viewer"][data-frames]:not([data-frames="0"])')
    await expect.poll(() => control().light?.channels.some((channel) => channel.on)).toBe(true)
    // Structure, not noise: the brightest part is far above the camera's offset of 100.
    const bright = () => {
      const { data } = live().newest!
      return Float64Array.from(data).sort()[Math.floor(data.length * 0.995)]!
    }
    await expect.poll(bright).toBeGreaterThan(300)
  })

  it('focuses with the keyboard', async () => {
    const before = control().focus!.z
    await page.keyboard.press('PageUp')
    await expect.poll(() => control().focus!.z).toBeGreaterThan(before + 0.5)
    await page.keyboard.press('PageDown')
    await expect.poll(() => Math.abs(control().focus!.z - before)).toBeLessThan(0.2)
  })

  it('moves the stage with the arrow keys', async () => {
    const before = control().stage!.x
    await page.keyboard.press('ArrowRight')
    await expect.poll(() => control().stage!.x).toBeGreaterThan(before + 5)
  })

  it('shows an enhanced half that is closer to the truth than the raw half', { timeout: 180_000 }, async () => {
    await expect.poll(() => control().stage!.moving || control().focus!.moving).toBe(false)
    await page.getByTestId('enhance-toggle').click()
    // Of a frame exposed after the stage came to rest, however late the pictures are.
    const settled = Date.now() + 500
    await expect.poll(() => live().newestEnhanced?.source.metadata.time ?? 0).toBeGreaterThan(settled)
    // On screen it says what it is, and stays there while the host's state goes on changing.
    const badge = page.getByRole('link', { name: /made by a network/i })
    await badge.waitFor()
    const enhanced = live().newestEnhanced!
    // Optics, network and a browser without a GPU share two cores: a pause leaves them to the comparison.
    await page.getByTestId('live-toggle').click()
    await expect.poll(() => live().state.value.running).toBe(false)
    await page.waitForTimeout(1500)
    expect(await badge.isVisible()).toBe(true)
    const truth = await app.host.parts.truth()
    const raw = enhanced.source
    expect(enhanced.width).toBe(truth.width)
    const rawDecibel = fittedPsnr(enlargeTwice(raw.data, raw.width, raw.height), truth.data, truth.width)
    const enhancedDecibel = fittedPsnr(enhanced.data, truth.data, truth.width)
    console.log(`truth: raw ${rawDecibel.toFixed(2)} dB, enhanced ${enhancedDecibel.toFixed(2)} dB`)
    expect(enhancedDecibel).toBeGreaterThan(rawDecibel + 1)
  })

  it('snaps raw and enhanced, and reopens both in Sessions', async () => {
    await page.getByTestId('snap').click()
    await expect.poll(() => app.host.parts.data.sessions.value.length).toBe(2)
    await page.getByTestId('nav-sessions').click()
    const rows = page.getByTestId('session-row')
    await expect.poll(() => rows.count()).toBe(2)
    await rows.first().click()
    await page.waitForSelector('[data-testid="viewer"][data-frames]:not([data-frames="0"])')
  })

  it('records every frame and goes on recording while the window reloads', async () => {
    await page.getByTestId('nav-live').click()
    await page.getByTestId('live-toggle').click()
    await page.getByTestId('record').click()
    const recording = () => app.host.parts.recorder.state.value
    await expect.poll(() => recording().frames).toBeGreaterThan(5)
    await page.reload()
    const atReload = recording().frames
    await expect.poll(() => recording().frames).toBeGreaterThan(atReload + 5)
    await page.getByTestId('record').click()
    await expect.poll(() => recording().recording).toBe(false)
    expect(recording().problem).toBeNull()
    await expect.poll(() => app.host.parts.data.sessions.value.find(({ kind }) => kind === 'recording')).toMatchObject({ complete: true })
  })

  it('stops motion and light with Escape', async () => {
    await page.getByTestId('nav-live').click()
    const { control: microscope } = app.host.parts
    const far = microscope.moveStage({ x: 5500, y: 0, relative: false })
    far.catch(() => undefined)
    await expect.poll(() => control().stage!.moving).toBe(true)
    await page.keyboard.press('Escape')
    await expect(far).rejects.toMatchObject({ name: 'AbortError' })
    await expect.poll(() => control().light!.channels.every((channel) => !channel.on)).toBe(true)
    await expect.poll(() => control().stage!.moving).toBe(false)
  })

  it('breaks no rule of its content security policy and throws no error', async () => {
    expect(await faults.violations()).toBe(0)
    expect(faults.errors).toEqual([])
  })
})
