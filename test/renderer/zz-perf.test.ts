import { execSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'vitest'
import { launchChromium } from '#test/helpers/chromium.ts'
import { startFakeHost } from './fake-host.ts'

test('perf', async () => {
  await using app = await startFakeHost()
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 } })
    await page.goto(app.createLink())
    await page.getByTestId('start-demo').click()
    await page.waitForSelector('[data-testid=viewer][data-frames]:not([data-frames="0"])', { timeout: 30000 })
    const pids = execSync(`pgrep -f -- '--type=(gpu-process|renderer)'`).toString().trim().split('\n')
    const cpu = () =>
      Object.fromEntries(
        pids.map((p) => {
          try {
            const f = readFileSync(`/proc/${p}/stat`, 'utf8').split(') ')[1]!.split(' ')
            const type = readFileSync(`/proc/${p}/cmdline`, 'utf8').match(/--type=([a-z-]+)/)?.[1]
            return [type + p, (Number(f[11]) + Number(f[12])) * 10]
          } catch {
            return [p, 0]
          }
        }),
      )
    const frames = () => page.getByTestId('viewer').getAttribute('data-frames').then(Number)
    const measure = async (name: string) => {
      await page.waitForTimeout(1000)
      const [a, fa, t] = [cpu(), await frames(), Date.now()]
      await page.waitForTimeout(6000)
      const [b, fb] = [cpu(), await frames()]
      const n = fb - fa
      console.log(
        name,
        n,
        'frames',
        Date.now() - t,
        'ms',
        Object.entries(b)
          .map(([k, v]) => `${k} ${((v - (a[k] ?? 0)) / n).toFixed(1)} ms/frame`)
          .join(' '),
      )
    }
    await measure('live')
    await page.getByTestId('enhance-toggle').click()
    await measure('enhance')
    await page.evaluate(() => {
      for (const e of document.querySelectorAll('.inspector, footer')) (e as HTMLElement).style.visibility = 'hidden'
    })
    await measure('no inspector')
    await page.evaluate(() => {
      for (const e of document.querySelectorAll('canvas')) (e as HTMLElement).style.visibility = 'hidden'
    })
    await measure('no canvas shown')
  } finally {
    await browser.close()
  }
}, 120000)
