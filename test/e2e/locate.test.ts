/** Where the protein of a picture lies, asked by hand in a real browser on the real host with the shipped network. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { withApp } from '#test/helpers/app.ts'
import type { PageFaults } from '#test/helpers/chromium.ts'
import type { TestHeadless } from '#test/helpers/headless.ts'
import { mitochondria, writeCells } from '#test/helpers/localization.ts'

let app: TestHeadless
let page: Page
let faults: PageFaults
withApp((opened) => {
  ;({ app, page, faults } = opened)
})

it('the dialog says what the network tells, and does not ask for what only pictures need', async () => {
  const { side, data } = await mitochondria()
  await page.getByTestId('nav-files').click()
  const chooser = page.waitForEvent('filechooser')
  await page.getByTestId('choose-files').click()
  await (await chooser).setFiles(await writeCells(join(app.folder, 'cells.ome.tif'), [Uint16Array.from(data)], side))
  expect(await page.getByTestId('enhance-start').innerText()).toBe('Enhance')
  await page.getByTestId('enhance-model').selectOption('localization')
  expect(await page.getByTestId('enhance-start').innerText()).toBe('Tell')
  expect(await page.getByTestId('enhance-classes').innerText()).toContain('one of 9 (nucleus, nucleoli,')
  expect(await page.getByTestId('enhance-takes').count()).toBe(0)
})

it('and the place is named with every probability, beside the picture and its evidence', async () => {
  await page.getByTestId('enhance-start').click()
  await page.getByTestId('places-answer').waitFor({ timeout: 90_000 })
  expect(await page.getByTestId('places-answer').innerText()).toMatch(/^mitochondria, (over )?\d+ %$/)
  expect(await page.getByTestId('job-answer').innerText()).toMatch(/^mitochondria, (over )?\d+ %$/)
  const bars = page.getByTestId('places-bars').getByRole('listitem')
  expect(await bars.count()).toBe(9)
  const widths = await bars.locator('.bar span').evaluateAll((all) => all.map((each) => each.getBoundingClientRect().width))
  expect(widths[0]).toBeGreaterThan(20)
  expect(widths).toEqual([...widths].sort((a, b) => b - a))
  const output = (await page.getByTestId('job-output').innerText()).trim()
  expect(output).toMatch(/cells-localization-places\.csv$/)
  expect(existsSync(output)).toBe(true)
  expect(await page.getByTestId('inspect').count()).toBe(0)
  expect(await page.getByTestId('places-shown').innerText()).toContain('the evidence for mitochondria')
  await page.getByText('Probability of the named class').waitFor({ state: 'attached' })
})

it('a captured session goes the same way, window by window; one that a network made is refused', async () => {
  const { captures, data, jobs } = app.host.parts
  await captures.connect('demo')
  await captures.snap(true)
  await page.getByTestId('nav-sessions').click()
  const rows = page.getByTestId('session-row')
  await expect.poll(() => rows.count()).toBe(2)
  const made = data.sessions.value.find(({ kind }) => kind === 'enhanced')
  const raw = data.sessions.value.find(({ kind }) => kind === 'snap')
  await rows
    .filter({ hasText: made?.name ?? '' })
    .first()
    .click()
  await expect.poll(() => page.getByTestId('session-network').isDisabled()).toBe(true)
  await rows.nth(data.sessions.value.indexOf(raw as (typeof data.sessions.value)[0])).click()
  await expect.poll(() => page.getByTestId('session-network').isDisabled()).toBe(false)
  await page.getByTestId('session-network').click()
  await page.getByTestId('enhance-model').selectOption('localization')
  await page.getByTestId('enhance-start').click()
  await expect.poll(() => jobs.state.value.length).toBe(2)
  await expect.poll(() => jobs.state.value.at(-1)?.status).toBe('done')
  const job = jobs.state.value.at(-1)
  expect(job).toMatchObject({ file: raw?.name, model: 'localization', answer: expect.stringMatching(/ of \d+ windows$/) })
  await page.getByTestId('places-window').waitFor()
  // Every window is outlined where it lies, under the curtain once and side by side in both pictures; a click in one chooses it.
  const { places, facts } = await jobs.result(job?.id ?? '')
  const { frame, windows: told } = places!
  const windows = told.length
  const marks = page.getByTestId('window-mark')
  expect(windows).toBeGreaterThan(1)
  await expect.poll(() => marks.count()).toBe(windows)
  const [first, last] = [(await marks.first().boundingBox())!, (await marks.last().boundingBox())!]
  const [one, other] = [told[0]!, told.at(-1)!]
  const zoom = first.width / one.width
  expect(last.x - first.x).toBeCloseTo(zoom * (other.x - one.x), 0)
  expect(last.y - first.y).toBeCloseTo(zoom * (other.y - one.y), 0)
  expect(last.height).toBeCloseTo(zoom * other.height, 0)
  const viewer = (await page.getByTestId('viewer').boundingBox())!
  expect(first.x - viewer.x).toBeCloseTo((viewer.width - zoom * frame.width) / 2, 0)
  await page.mouse.click(last.x + 0.75 * last.width, last.y + 0.25 * last.height)
  expect(await page.getByTestId('places-window').inputValue()).toBe(String(windows - 1))
  expect(await marks.last().getAttribute('class')).toContain('chosen')
  await page.getByTestId('view-mode-side').click()
  await expect.poll(() => marks.count()).toBe(2 * windows)
  expect(readdirSync(join(data.state.value.folder, 'enhanced')).filter((name) => name.startsWith('.'))).toEqual([])
  // What the session knows of its optics has come along.
  expect(facts).toMatchObject({ modality: 'widefield', numericalAperture: 0.4 })
  expect(places?.report.instruments[0]?.readings).toContainEqual(expect.objectContaining({ id: 'na', value: facts.numericalAperture }))
})

it('breaks no rule of the content security policy and throws no error', async () => {
  expect(await faults.violations()).toBe(0)
  expect(faults.errors).toEqual([])
})
