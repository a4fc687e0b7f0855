/** A real browser for tests that look at pixels or send events. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** Path of the system's Chromium: on PATH, or where Debian puts it. */
export function chromiumPath(): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin']
  for (const folder of folders) {
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name)
  }
  throw new Error('No Chromium found. Install it with `apt-get install chromium`; `npm test` does so when asked.')
}

/** Starts headless Chromium with WebGL 2 in software. `webgl: false` takes WebGL away, to see what the page then says. */
export function launchChromium({ webgl = true } = {}): Promise<Browser> {
  const gl = webgl ? ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'] : ['--disable-gpu', '--disable-3d-apis']
  return chromium.launch({
    executablePath: chromiumPath(),
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...gl,
    ],
  })
}

/** What went wrong in a page: uncaught errors and breaches of its content security policy. */
export interface PageFaults {
  readonly errors: string[]
  violations(): Promise<number>
}

/** Watches a page for faults; call before it navigates. */
export async function watchFaults(page: Page): Promise<PageFaults> {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.addInitScript(() => {
    const counter = window as unknown as { violations: number }
    counter.violations = 0
    document.addEventListener('securitypolicyviolation', () => counter.violations++)
  })
  return { errors, violations: () => page.evaluate(() => (window as unknown as { violations: number }).violations) }
}
