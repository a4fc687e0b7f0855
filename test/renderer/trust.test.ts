/** What the window says of a network's picture: in a real browser, on a host whose verdicts are set by the test. */
import type { Locator, Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AppError } from '#shared/errors.ts'
import type { TrustReport } from '#shared/trust.ts'
import type { PageFaults } from '#test/helpers/chromium.ts'
import { openPage, type TestPage } from '#test/helpers/page.ts'
import { type FakeHost, startFakeHost } from './fake-host.ts'
import { fakeReport } from './fake-trust.ts'

let host: FakeHost
let opened: TestPage
let page: Page
let faults: PageFaults

const inspections = () => host.calls.filter(({ name }) => name === 'trust.inspect').map(({ input }) => input)
const judge = (report: TrustReport | null) => host.states.trust.patch({ report, frame: report ? 40 : null })
const badge = () => page.getByTestId('verdict-badge')
const words = async (locator: Locator) => (await locator.textContent())?.trim() ?? ''
const frames = async () => Number(await page.getByTestId('viewer').getAttribute('data-frames'))

/** The colour on the screen at a place of the viewer, 0…1. */
async function colorAt(u: number, v: number): Promise<number[]> {
  const box = await page.getByTestId('viewer').boundingBox()
  if (!box) throw new Error('There is no picture.')
  const clip = { x: Math.round(box.x + u * box.width), y: Math.round(box.y + v * box.height), width: 1, height: 1 }
  return [
    ...(await sharp(await page.screenshot({ clip }))
      .removeAlpha()
      .raw()
      .toBuffer()),
  ]
}

beforeAll(async () => {
  host = await startFakeHost()
  opened = await openPage(host.createLink())
  ;({ page, faults } = opened)
  await page.getByTestId('start-demo').click()
  await page.waitForSelector('[data-testid=viewer][data-frames]:not([data-frames="0"])')
  await page.getByTestId('enhance-toggle').click()
  await badge().waitFor()
})

afterAll(async () => {
  await opened?.[Symbol.asyncDispose]()
  await host?.[Symbol.asyncDispose]()
})

describe('the verdict on the picture', () => {
  it('is “Not judged” until an instrument has looked, which is no good sign', async () => {
    expect(await words(badge())).toBe('Not judged')
    expect(await badge().locator('svg.lucide-circle-check').count()).toBe(0)
  })

  it.each([
    ['fine', 'Fine', 'circle-check'],
    ['caution', 'Caution', 'triangle-alert'],
    ['do-not-use', 'Do not use', 'ban'],
  ] as const)('%s has its word and a sign of its own', async (level, word, icon) => {
    judge(fakeReport(level))
    await expect.poll(() => words(badge())).toBe(word)
    expect(await badge().locator(`svg.lucide-${icon}`).count()).toBe(1)
  })

  it('tells its reasons to who cannot see', async () => {
    judge(fakeReport('do-not-use'))
    await page.getByRole('button', { name: 'Trust: Do not use' }).waitFor()
    expect(await badge().getAttribute('aria-label')).toContain('9 % of the pixels are saturated. Expose shorter.')
  })

  it('opens the Trust panel, and T closes and opens it again', async () => {
    const toggle = page.getByTestId('trust-toggle')
    expect(await toggle.getAttribute('aria-expanded')).toBe('false')
    await badge().click()
    expect(await toggle.getAttribute('aria-expanded')).toBe('true')
    await badge().blur()
    await page.keyboard.press('t')
    await expect.poll(() => toggle.getAttribute('aria-expanded')).toBe('false')
    await page.keyboard.press('t')
    await expect.poll(() => toggle.getAttribute('aria-expanded')).toBe('true')
  })
})

describe('the Trust panel', () => {
  const instrument = (id: string) => page.getByTestId(`instrument-${id}`)

  it('lists the reasons, the gravest first, each with its level', async () => {
    const reasons = page.getByRole('list', { name: 'Reasons for the verdict' }).getByRole('listitem')
    expect((await reasons.allTextContents()).map((each) => each.replace(/\s+/g, ' ').trim())).toEqual([
      'Do not use 9 % of the pixels are saturated. Expose shorter.',
      'Caution The picture looks unlike most of what the network was trained on.',
    ])
  })

  it('has all six instruments, and says in words what does not apply, is unknown or was not measured', async () => {
    const list = page.getByRole('list', { name: 'Instruments' })
    const heads = (await list.getByRole('button').allTextContents()).map((each) => each.replace(/\s+/g, ' ').trim())
    expect(heads).toEqual([
      'Metadata Unknown',
      'Distribution Do not use',
      'Uncertainty Not measured',
      'Explanation Not applicable',
      'Resolution Fine',
      'Intensity Arbitrary units',
    ])
  })

  it('shows neither a tick nor green where nothing was found out', async () => {
    const colorOf = (id: string) =>
      instrument(id)
        .locator('.mark')
        .first()
        .evaluate((mark) => getComputedStyle(mark).color)
    const good = await colorOf('resolution')
    for (const silent of ['metadata', 'uncertainty', 'explanation', 'intensity']) {
      expect(await colorOf(silent)).not.toBe(good)
      expect(await instrument(silent).getByRole('button').locator('svg.lucide-circle-check').count()).toBe(0)
    }
  })

  it('says how far “fine” reaches', async () => {
    judge(fakeReport('fine'))
    await page.getByText('Nothing that was measured speaks against this picture.').waitFor()
    const said = await words(page.getByTestId('trust'))
    expect(said).toContain('Only 3 of 6 instruments have spoken; the others say nothing, good or bad.')
  })

  it('unfolds the readings: what is unknown is called so, with what was expected', async () => {
    await instrument('metadata').getByRole('button').click()
    const row = instrument('metadata').getByRole('row').filter({ hasText: 'Pixel size' })
    expect((await words(row)).replace(/\s+/g, ' ')).toBe('Pixel size0.65 µmunknown')
    expect(await row.locator('svg').count()).toBe(0)
  })

  it('has input and output side by side, and says that frequency content is not truth', async () => {
    await instrument('resolution').getByRole('button').click()
    const table = instrument('resolution').getByRole('table')
    expect(await table.getByRole('columnheader').allTextContents()).toEqual(['Reading, expected', 'Input', 'Output'])
    const cells = await table.getByRole('row').filter({ hasText: 'Decorrelation' }).getByRole('cell').allTextContents()
    expect(cells.map((cell) => cell.replace(/\s+/g, ' ').trim())).toEqual(['1.23 µm Fine', '0.568 µm'])
    expect(await words(instrument('resolution'))).toContain('It measures frequency content, not truth')
  })
})

describe('values of a network', () => {
  it('are in arbitrary units where the flux slope does not hold', async () => {
    const box = await page.getByTestId('viewer').boundingBox()
    await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) * 0.6, (box?.y ?? 0) + (box?.height ?? 0) * 0.4)
    await expect.poll(() => words(page.getByTestId('pixel-readout'))).toMatch(/Network\s*\d+(\.\d)?\s*arbitrary units/)
    await page.mouse.move(5, 5)
  })

  it('are never a measurement, not even in the units of the input', async () => {
    judge(fakeReport('fine', 'input'))
    await expect.poll(() => words(page.getByTestId('caveat'))).toBe('not a measurement')
    judge(fakeReport('fine'))
    await expect.poll(() => words(page.getByTestId('caveat'))).toBe('arbitrary units')
  })
})

describe('inspecting a frame', () => {
  it('can be cancelled while it runs, and then all is as it was', async () => {
    const givenUp = host.holdNext('trust.inspect')
    await page.getByTestId('inspect').click()
    const bar = page.getByRole('progressbar', { name: 'Inspection' })
    await bar.waitFor()
    expect(await bar.getAttribute('aria-valuenow')).toBeNull()
    await page.waitForTimeout(1200)
    host.states.inspection.set({ progress: 0.25 })
    // A quarter took a second or more: three times as long was left then, however much later this is read.
    await expect.poll(() => bar.getAttribute('aria-valuenow')).toBe('25')
    const said = /^Inspecting, (\d+) s, about (\d+) s left$/.exec((await bar.getAttribute('aria-valuetext')) ?? '')
    const [gone, left] = [Number(said?.[1]), Number(said?.[2])]
    expect(left).toBeGreaterThanOrEqual(3)
    expect(left).toBeLessThanOrEqual(3 * (gone + 0.5) + 0.5)
    await page.getByTestId('inspect-cancel').click()
    await givenUp
    host.states.inspection.set({ progress: null })
    await page.getByTestId('inspect').waitFor()
    expect(await page.getByTestId('standing-still').count()).toBe(0)
    expect(await page.getByTestId('toast').count()).toBe(0)
    expect(await words(badge())).toBe('Fine')
  })

  it('tells why it could not be done', async () => {
    host.failNext('trust.inspect', new AppError('Busy', 'Another picture is being inspected.'))
    await page.getByTestId('inspect').click()
    const toast = page.getByTestId('toast').filter({ hasText: 'Another picture is being inspected.' })
    await toast.getByRole('button', { name: 'Close message' }).click()
  })

  it('holds the picture that was judged, and says that it is not live', async () => {
    await page.getByTestId('inspect').blur()
    await page.keyboard.press('i')
    await page.getByTestId('standing-still').waitFor()
    expect(inspections().at(-1)).toEqual({})
    expect(await words(page.getByTestId('standing-still'))).toMatch(/Inspected at \d\d:\d\d:\d\d, not live/)
    expect(await words(badge())).toBe('Do not use')
    // The pictures that were judged are drawn yet; live ones, which would come all the time, are not.
    let before = -1
    await expect
      .poll(
        async () => {
          const last = before
          before = await frames()
          return before === last
        },
        { interval: 500 },
      )
      .toBe(true)
    await page.waitForTimeout(600)
    expect(await frames()).toBe(before)
  })

  it('lays one map at a time over the network’s half, where it has something to show', async () => {
    // Right of the curtain lies the right half of the field, where the error map is at its upper limit.
    const [clearLeft, clearRight] = [await colorAt(0.4, 0.5), await colorAt(0.6, 0.5)]
    await page.getByTestId('map-error').click()
    await page.getByTestId('map-legend').waitFor()
    // Strength 80 % of the last colour of inferno, (252, 255, 164).
    const covered = (part: number, i: number) => 0.2 * part + 0.8 * ([252, 255, 164][i] ?? 0)
    await expect
      .poll(async () => Math.max(...(await colorAt(0.6, 0.5)).map((part, i) => Math.abs(part - covered(clearRight[i] ?? 0, i)))))
      .toBeLessThan(3)
    expect(await colorAt(0.4, 0.5)).toEqual(clearLeft)

    await page.getByTestId('map-disagreement').click()
    await expect.poll(() => colorAt(0.6, 0.5)).toEqual(clearRight)
    expect(await page.getByTestId('map-error').getAttribute('aria-pressed')).toBe('false')
    expect(await page.getByTestId('map-disagreement').getAttribute('aria-pressed')).toBe('true')
  })

  it('has a legend with name, unit and limits, and limits of its own to set', async () => {
    await page.getByTestId('map-error').click()
    await expect.poll(() => words(page.getByTestId('map-legend'))).toMatch(/^Error map, input units\s*0\s*200$/)
    const before = await colorAt(0.6, 0.5)
    await page.getByTestId('map-high').fill('1600')
    await page.getByTestId('map-high').press('Enter')
    await expect.poll(() => words(page.getByTestId('map-legend'))).toMatch(/1600$/)
    await expect.poll(() => colorAt(0.6, 0.5)).not.toEqual(before)
    await page.getByTestId('map-high').blur()
  })

  it('shows the map’s value under the pointer', async () => {
    const box = await page.getByTestId('viewer').boundingBox()
    await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) * 0.65, (box?.y ?? 0) + (box?.height ?? 0) * 0.4)
    await expect.poll(() => words(page.getByTestId('map-value'))).toMatch(/Error map\s*200\s*input units/)
    await page.mouse.move(5, 5)
  })

  it('M goes through the maps and ends with none', async () => {
    await page.keyboard.press('m')
    await expect.poll(() => words(page.getByTestId('map-legend'))).toMatch(/^Disagreement, %/)
    await page.keyboard.press('m')
    await page.getByTestId('map-legend').waitFor({ state: 'detached' })
    await page.keyboard.press('m')
    await expect.poll(() => words(page.getByTestId('map-legend'))).toMatch(/^Error map/)
  })

  it('back to live, the picture goes on and no map lies over it', async () => {
    await page.getByTestId('inspect-leave').click()
    await page.getByTestId('standing-still').waitFor({ state: 'detached' })
    expect(await page.getByTestId('map-legend').count()).toBe(0)
    const before = await frames()
    await expect.poll(frames).toBeGreaterThan(before + 2)
    await expect.poll(() => words(badge())).toBe('Fine')
  })

  it('a stage that moves ends the standing picture: nobody steers by an old one', async () => {
    await page.getByTestId('inspect').click()
    await page.getByTestId('standing-still').waitFor()
    const { stage } = host.states.microscope.value
    host.states.microscope.patch({ stage: stage && { ...stage, moving: true } })
    await page.getByTestId('standing-still').waitFor({ state: 'detached' })
    host.states.microscope.patch({ stage })
  })
})

describe('verdicts that were stored', () => {
  it('a session’s network picture comes with the verdict of its making', async () => {
    await page.getByTestId('nav-sessions').click()
    await page.getByTestId('session-row').filter({ hasText: 'Snap 1, enhanced' }).click()
    await expect.poll(() => words(badge())).toBe('Caution')
    // A long panel scrolls by itself and pushes nothing out of the window.
    const readout = await page.getByTestId('pixel-readout').boundingBox()
    expect((readout?.y ?? 999) + (readout?.height ?? 0)).toBeLessThanOrEqual(720)
    expect(await words(page.getByTestId('trust'))).toContain('Judged when the picture was made, and stored with it.')
    await page.getByTestId('session-row').filter({ hasText: 'Endothelial drift' }).click()
    await page.getByTestId('trust').waitFor({ state: 'detached' })
  })

  it('a file’s result has its verdict in the list and can be inspected', async () => {
    await page.getByTestId('nav-files').click()
    const chooser = page.waitForEvent('filechooser')
    await page.getByTestId('choose-files').click()
    await (await chooser).setFiles({ name: 'cells.tif', mimeType: 'image/tiff', buffer: Buffer.alloc(1000) })
    await page.getByTestId('enhance-start').click()
    await expect.poll(() => words(page.getByTestId('job-verdict'))).toBe('Caution')
    await expect.poll(() => words(badge())).toBe('Caution')
    await page.getByTestId('inspect').click()
    await page.getByTestId('map-error').click()
    await page.getByTestId('map-legend').waitFor()
    expect(inspections().at(-1)).toEqual({ job: 'job-1' })
    expect(await words(badge())).toBe('Do not use')
  })

  it('nothing broke the content security policy or threw', async () => {
    expect(await faults.violations()).toBe(0)
    expect(faults.errors).toEqual([])
  })
})
