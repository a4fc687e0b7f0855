/** One picture refocused to a stack of surfaces, by hand in a real browser on the real host with the shipped network. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { openTiff } from '#main/storage/tiff/open.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { withApp } from '#test/helpers/app.ts'
import type { PageFaults } from '#test/helpers/chromium.ts'
import type { TestHeadless } from '#test/helpers/headless.ts'

let app: TestHeadless
let page: Page
let faults: PageFaults
withApp((opened) => {
  ;({ app, page, faults } = opened)
})

/** Points on a dark ground, as a 20×/0.75 objective shows them in focus. */
async function makePicture(): Promise<string> {
  const path = join(app.folder, 'worm.ome.tif')
  const side = 160
  const size = { width: side, height: side, sizeZ: 1, sizeC: 1, sizeT: 1 }
  const channels = [{ name: '', color: '#ffffff' }]
  await using writer = await createOmeTiff(path, { name: 'worm', ...size, pixelType: 'uint16', pixelSizeUm: 0.325, channels })
  const light = (x: number, y: number) => 4000 * Math.exp(-(((x % 40) - 20) ** 2 + ((y % 40) - 20) ** 2) / 4)
  await writer.writePlane(Uint16Array.from({ length: side * side }, (_, i) => 200 + light(i % side, Math.floor(i / side))))
  await writer.close()
  return path
}

it('the dialog asks a network that refocuses for its surfaces, and no other', async () => {
  await page.getByTestId('nav-files').click()
  const chooser = page.waitForEvent('filechooser')
  await page.getByTestId('choose-files').click()
  await (await chooser).setFiles(await makePicture())
  await page.getByTestId('enhance-model').selectOption('widefield-sr')
  expect(await page.getByTestId('refocus').count()).toBe(0)
  await page.getByTestId('enhance-model').selectOption('deep-z')
  expect(await page.getByTestId('refocus').textContent()).toContain('A stack of 21 planes from one picture')
  expect(await page.getByTestId('refocus-fromUm').inputValue()).toBe('-10')
})

it('and makes a stack of them, judged, from the one picture', async () => {
  for (const [field, value] of [
    ['fromUm', '-4'],
    ['toUm', '4'],
    ['stepUm', '2'],
  ]) {
    await page.getByTestId(`refocus-${field}`).fill(value ?? '')
    await page.getByTestId(`refocus-${field}`).press('Tab')
  }
  expect(await page.getByTestId('refocus').textContent()).toContain('A stack of 5 planes from one picture')
  await page.getByTestId('enhance-start').click()
  await page.getByTestId('job-output').waitFor({ timeout: 90_000 })
  const output = (await page.getByTestId('job-output').textContent())?.trim() ?? ''
  expect(output).toMatch(/worm-deep-z\.ome\.tif$/)
  expect(existsSync(output.replace('.ome.tif', '-trust.csv'))).toBe(true)
  await using stack = await openTiff(output)
  expect(stack).toMatchObject({ sizeZ: 5, sizeC: 2, sizeT: 1, width: 160, height: 160, pixelSizeUm: 0.325 })
  const [job] = app.host.parts.jobs.state.value
  expect(job).toMatchObject({ status: 'done', model: 'deep-z', judged: 'Every surface was judged.' })
  expect(job?.verdict).not.toBeNull()
})

it('of which every surface can be looked at, with its own verdict, and inspected', async () => {
  const bar = page.getByTestId('surface-slider')
  await bar.getByRole('slider').focus()
  const shownAt = async (key: string, distance: string) => {
    await page.keyboard.press(key)
    await expect.poll(() => bar.getAttribute('data-shown')).toBe(distance)
  }
  await shownAt('Home', '-4')
  expect(await bar.textContent()).toContain('−4 µm')
  expect(await page.getByTestId('job-shown').textContent()).toContain('The surface −4 µm from the plane in focus is shown here')
  await shownAt('End', '4')
  await shownAt('ArrowLeft', '2')
  // The picture that the host hands out for it is the file's own.
  const [job] = app.host.parts.jobs.state.value
  await using stack = await openTiff(job?.output ?? '')
  const { jobs } = app.host.parts
  const { surfaces } = await jobs.result(job?.id ?? '')
  expect((await jobs.picture(job?.id ?? '', 3)).data).toEqual(await stack.readPlane(2 * 3))
  expect(surfaces.map(({ distanceUm }) => distanceUm)).toEqual([-4, -2, 0, 2, 4])
  expect(await page.getByTestId('verdict-badge').getAttribute('data-level')).toBe(surfaces[3]?.verdict?.level)
  await expect(jobs.picture(job?.id ?? '', 5)).rejects.toMatchObject({ kind: 'BadRequest' })
  await page.getByTestId('inspect').click()
  await page.getByText(/Judged: the middle of this surface/).waitFor({ timeout: 90_000 })
})

it('breaks no rule of the content security policy and throws no error', async () => {
  expect(await faults.violations()).toBe(0)
  expect(faults.errors).toEqual([])
})
