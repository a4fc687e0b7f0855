/** A window in a real browser, as every browser test opens it. */
import type { Browser, Page } from 'playwright-core'
import { launchChromium, type PageFaults, watchFaults } from './chromium.ts'

export interface TestPage extends AsyncDisposable {
  readonly browser: Browser
  readonly page: Page
  readonly faults: PageFaults
}

/** How long a page is waited for, each time: a busy machine is no failure. */
const patienceMs = 60_000

/** Opens the application at `link`. */
export async function openPage(link: string): Promise<TestPage> {
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, timezoneId: 'UTC', locale: 'en-GB' })
    page.setDefaultTimeout(patienceMs)
    const faults = await watchFaults(page)
    await page.goto(link)
    await page.waitForSelector('[data-testid=app][data-ready=true]')
    return { browser, page, faults, [Symbol.asyncDispose]: () => browser.close() }
  } catch (error) {
    await browser.close()
    throw error
  }
}
