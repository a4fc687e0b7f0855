/** The pictures of docs/images: every view of the real application on the demo microscope, driven as a person would. */
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { startHeadless } from '#main/headless.ts'
import { launchChromium } from './chromium.ts'

/** Returns the names of the pictures, in the order taken. `home`: an empty folder for settings and sessions. */
export async function takeScreenshots(home: string, images: string): Promise<string[]> {
  const app = await startHeadless({ folders: { config: join(home, 'config'), logs: join(home, 'logs'), data: join(home, 'data') } })
  const browser = await launchChromium()
  const taken: string[] = []
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } })
    const take = async (name: string) => {
      await page.mouse.move(640, 400)
      await page.waitForTimeout(500)
      await page.screenshot({ path: join(images, `${name}.png`) })
      taken.push(`${name}.png`)
    }
    await page.goto(app.url)
    await page.getByTestId('welcome').waitFor()
    await take('welcome')
    await page.getByTestId('start-demo').click()
    const { live, recorder, data, inference } = app.host.parts
    await until(page, () => live.newest !== null)
    await page.getByTestId('enhance-toggle').click()
    await page.getByTestId('network-badge').first().waitFor({ timeout: 60_000 })
    await page.waitForTimeout(3000)
    await take('live')
    await page.getByTestId('verdict-badge').click()
    await page.getByTestId('inspect').click()
    await page.getByTestId('standing-still').waitFor({ timeout: 300_000 })
    await page.getByTestId('map-error').click()
    await take('trust')
    await page.getByTestId('inspect-leave').click()
    await page.getByTestId('trust-toggle').click()
    await page.getByTestId('view-mode-side').click()
    await take('live-side-by-side')
    await page.getByTestId('snap').click()
    await until(page, () => data.sessions.value.length === 2)
    await page.getByTestId('record').click()
    await until(page, () => recorder.state.value.frames > 30)
    await page.getByTestId('record').click()
    await until(page, () => !recorder.state.value.recording)
    await page.getByTestId('help').click()
    await take('shortcuts')
    await page.keyboard.press('Escape')
    await page.getByTestId('nav-sessions').click()
    await page.getByTestId('session-row').first().click()
    await page.waitForTimeout(1500)
    await take('sessions')
    await page.getByTestId('nav-files').click()
    await take('files')
    await page.getByTestId('nav-models').click()
    await until(page, () => inference.models.value.length > 0)
    await take('models')
    await page.getByTestId('nav-devices').click()
    await take('devices')
    await page.getByTestId('nav-settings').click()
    await take('settings')
    await page.getByTestId('theme-light').click()
    await page.getByTestId('nav-live').click()
    await page.getByTestId('view-mode-curtain').click()
    await page.waitForTimeout(1500)
    await take('live-light-theme')
    return taken
  } finally {
    await browser.close()
    await app.close()
  }
}

async function until(page: Page, holds: () => boolean): Promise<void> {
  const ends = Date.now() + 60_000
  while (!holds()) {
    if (Date.now() > ends) throw new Error('The application did not get where the next picture needs it.')
    await page.waitForTimeout(100)
  }
}
