/** The window in a real browser, on a host that notes what it is asked. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AppError } from '#shared/errors.ts'
import { launchChromium, type PageFaults } from '#test/helpers/chromium.ts'
import { openPage, type TestPage } from '#test/helpers/page.ts'
import { type FakeHost, startFakeHost } from './fake-host.ts'

let host: FakeHost
let opened: TestPage
let page: Page
let faults: PageFaults

const callsOf = (name: string) => host.calls.filter((call) => call.name === name).map(({ input }) => input)
const text = async (testid: string) => (await page.getByTestId(testid).textContent())?.trim() ?? ''
const drawnPicture = '[data-testid=viewer][data-frames]:not([data-frames="0"])'

beforeAll(async () => {
  host = await startFakeHost()
  opened = await openPage(host.createLink())
  ;({ page, faults } = opened)
})

afterAll(async () => {
  await opened?.[Symbol.asyncDispose]()
  await host?.[Symbol.asyncDispose]()
})

describe('first run', () => {
  it('one click connects the demo microscope, lights a channel and starts live view', async () => {
    await page.getByTestId('start-demo').click()
    await page.waitForSelector(drawnPicture)
    const wanted = ['microscope.connect', 'light.set', 'live.start']
    expect(host.calls.map(({ name }) => name).filter((name) => wanted.includes(name))).toEqual(wanted)
    expect(callsOf('microscope.connect')).toEqual([{ configuration: 'demo' }])
    expect(callsOf('light.set')).toEqual([{ channel: 'B', on: true, level: 50 }])
  })

  it('shows the rates of camera and display', async () => {
    const rates = page.getByTestId('rates')
    expect(Number(await rates.getAttribute('data-camera'))).toBeCloseTo(30.1)
    await expect.poll(async () => Number(await rates.getAttribute('data-display'))).toBeGreaterThan(0)
  })

  it('draws a scale bar that is true to the field: 256 pixels of 0.65 µm fill the shorter side', async () => {
    const bar = page.getByTestId('scale-bar')
    const box = await page.getByTestId('viewer').boundingBox()
    const zoom = Math.min(box?.width ?? 0, box?.height ?? 0) / 256
    const micrometres = Number(await bar.getAttribute('data-micrometres'))
    expect(Number(await bar.getAttribute('data-width'))).toBeCloseTo((micrometres / 0.65) * zoom, 3)
  })

  it('reads value and position under the pointer from the host', async () => {
    const box = await page.getByTestId('viewer').boundingBox()
    if (!box) throw new Error('There is no picture.')
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
    // The stage stands at x = 120.4, y = −38.2 µm, which is the middle of the field.
    await expect.poll(() => text('pixel-readout')).toMatch(/120\.\d[\s\S]*−38\.\d/)
    const { u, v } = callsOf('live.probe').at(-1) as { u: number; v: number }
    expect(u).toBeCloseTo(0.5, 2)
    expect(v).toBeCloseTo(0.5, 2)
    await page.mouse.move(5, 5)
  })
})

describe('hands', () => {
  it('arrow keys jog the stage and Page keys the focus, ten times as far with Shift', async () => {
    const before = callsOf('stage.move').length
    await page.locator('body').press('ArrowRight')
    await page.locator('body').press('Shift+ArrowUp')
    await page.locator('body').press('PageDown')
    await expect
      .poll(() => callsOf('stage.move').slice(before))
      .toEqual([
        { x: 20, y: 0, relative: true },
        { x: 0, y: -200, relative: true },
      ])
    await expect.poll(() => callsOf('focus.move')).toEqual([{ z: -1, relative: true }])
  })

  it('a jog under way is given up at once when the window loses the focus', async () => {
    const before = callsOf('stage.move').length
    const givenUp = host.holdNext('stage.move')
    await page.locator('body').press('ArrowLeft')
    await expect.poll(() => callsOf('stage.move').length).toBe(before + 1)
    await page.evaluate(() => window.dispatchEvent(new Event('blur')))
    await givenUp
  })

  it('keys typed into a field stay there', async () => {
    const before = host.calls.length
    await page.getByTestId('record-name').focus()
    await page.keyboard.type('real e')
    await page.keyboard.press('ArrowLeft')
    expect(await page.getByTestId('record-name').inputValue()).toBe('real e')
    const steering = host.calls.slice(before).filter(({ name }) => name !== 'live.probe')
    expect(steering).toEqual([])
    await page.getByTestId('record-name').fill('')
    await page.getByTestId('record-name').blur()
  })

  it('Ctrl+wheel focuses, the wheel alone zooms', async () => {
    const box = await page.getByTestId('viewer').boundingBox()
    await page.mouse.move((box?.x ?? 0) + 300, (box?.y ?? 0) + 200)
    const zoom = await text('zoom')
    const before = callsOf('focus.move').length
    await page.keyboard.down('Control')
    await page.mouse.wheel(0, -100)
    await page.keyboard.up('Control')
    await expect.poll(() => callsOf('focus.move').slice(before)).toEqual([{ z: 1, relative: true }])
    expect(await text('zoom')).toBe(zoom)
    await page.mouse.wheel(0, -200)
    await expect.poll(() => text('zoom')).not.toBe(zoom)
    await page.getByTestId('fit').click()
    await expect.poll(() => text('zoom')).toBe(zoom)
  })

  it('a double-click brings the place to the middle of the field', async () => {
    const box = await page.getByTestId('viewer').boundingBox()
    if (!box) throw new Error('There is no picture.')
    const zoom = Math.min(box.width, box.height) / 256
    const before = callsOf('stage.move').length
    await page.mouse.dblclick(box.x + box.width / 2 + 100, box.y + box.height / 2 - 50)
    await expect.poll(() => callsOf('stage.move').length).toBe(before + 1)
    const move = callsOf('stage.move').at(-1) as { x: number; y: number; relative: boolean }
    expect(move.relative).toBe(true)
    // A pixel of the screen at most.
    expect(Math.abs(move.x - (100 / zoom) * 0.65)).toBeLessThan(0.65 / zoom)
    expect(Math.abs(move.y + (50 / zoom) * 0.65)).toBeLessThan(0.65 / zoom)
  })

  it('a number out of its limits is refused in place, with the limits', async () => {
    const exposure = page.getByTestId('exposure')
    await exposure.fill('99999')
    expect(await exposure.getAttribute('aria-invalid')).toBe('true')
    await exposure.press('Enter')
    expect(callsOf('camera.exposure')).toEqual([])
    await exposure.fill('50')
    await exposure.press('Enter')
    await expect.poll(() => callsOf('camera.exposure')).toEqual([{ exposureMs: 50 }])
    await exposure.blur()
  })

  it('what fails is told in a sentence with what to do next', async () => {
    host.failNext('snap.take', new AppError('StorageFull', 'The disk of “/data” is full.'))
    await page.getByTestId('snap').click()
    const toast = page.getByTestId('toast').filter({ hasText: 'The disk of “/data” is full.' })
    await toast.waitFor()
    expect(await toast.textContent()).toContain('Free some disk space')
    await toast.getByRole('button', { name: 'Close message' }).click()
  })

  it('dragging a contrast limit takes over from automatic contrast', async () => {
    const high = page.getByTestId('contrast-high')
    await high.scrollIntoViewIfNeeded()
    const before = Number(await high.getAttribute('aria-valuenow'))
    const box = await high.boundingBox()
    if (!box) throw new Error('There is no handle.')
    await page.mouse.move(box.x + box.width / 2, box.y + 20)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width / 2 - 80, box.y + 20, { steps: 4 })
    await page.mouse.up()
    await expect.poll(() => callsOf('settings.change')).toContainEqual({ autoContrast: false })
    const after = Number(await high.getAttribute('aria-valuenow'))
    expect(after).toBeLessThan(before)
    // The picture lives on, the limit stays.
    await page.waitForTimeout(400)
    expect(Number(await high.getAttribute('aria-valuenow'))).toBe(after)
    await page.getByTestId('contrast-auto').click()
    await expect.poll(async () => Number(await high.getAttribute('aria-valuenow'))).toBeGreaterThan(after)
  })
})

describe('raw and enhanced', () => {
  it('does not offer to enhance with a network that was chosen and is gone', async () => {
    const toggle = page.getByTestId('enhance-toggle')
    const { model } = host.states.settings.value
    host.states.settings.patch({ model: 'gone' })
    await expect.poll(() => toggle.isDisabled()).toBe(true)
    host.states.settings.patch({ model })
    await expect.poll(() => toggle.isDisabled()).toBe(false)
  })

  it('the enhanced half carries its badge: a network picture, its model and version', async () => {
    await page.getByTestId('enhance-toggle').click()
    await expect.poll(() => text('network-badge')).toMatch(/Network picture\s*Widefield super-resolution, 1\.0\.0/)
    expect(await page.getByTestId('network-badge').getAttribute('aria-label')).toContain('not a measurement')
  })

  it('the latency counts on until the enhanced picture is drawn', async () => {
    const shown = async () => Number((await page.getByTestId('latency').innerText()).match(/\d+/)?.[0])
    // The host sent it 184 ms after the exposure; drawing comes on top.
    await expect.poll(shown).toBeGreaterThanOrEqual(184)
    expect(await shown()).toBeLessThan(184 + 5000)
  })

  it('the curtain follows the pointer and the keys', async () => {
    const curtain = page.getByTestId('curtain')
    const box = await page.getByTestId('viewer').boundingBox()
    if (!box) throw new Error('There is no picture.')
    await page.mouse.move(box.x + box.width / 2, box.y + 300)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.25, box.y + 300, { steps: 4 })
    await page.mouse.up()
    expect(await curtain.getAttribute('aria-valuenow')).toBe('25')
    const moves = callsOf('stage.move').length
    await curtain.focus()
    await page.keyboard.press('ArrowRight')
    expect(await curtain.getAttribute('aria-valuenow')).toBe('27')
    expect(callsOf('stage.move')).toHaveLength(moves)
  })

  it('switched off, nothing of the network stays on the screen', async () => {
    await page.getByTestId('enhance-toggle').click()
    await page.getByTestId('network-badge').waitFor({ state: 'detached' })
    await expect.poll(() => page.getByTestId('viewer').getAttribute('data-layout')).toBe('raw')
  })
})

describe('stopping', () => {
  it('Esc stops the microscope, from within a field too', async () => {
    await page.getByTestId('record-name').focus()
    await page.keyboard.press('Escape')
    await expect.poll(() => callsOf('microscope.stop').length).toBe(1)
    await expect.poll(() => page.getByTestId('channel-B').getAttribute('data-on')).toBe('false')
  })

  it('Esc closes a dialog first, unless something moves', async () => {
    const stops = callsOf('microscope.stop').length
    await page.getByTestId('help').click()
    await page.getByTestId('shortcuts').waitFor()
    await page.keyboard.press('Escape')
    await page.getByTestId('shortcuts').waitFor({ state: 'detached' })
    expect(callsOf('microscope.stop')).toHaveLength(stops)
    await page.getByTestId('help').click()
    await page.getByTestId('shortcuts').waitFor()
    const { stage } = host.states.microscope.value
    host.states.microscope.patch({ stage: stage && { ...stage, moving: true } })
    await page.getByText('Moving').waitFor()
    await page.keyboard.press('Escape')
    await expect.poll(() => callsOf('microscope.stop').length).toBe(stops + 1)
    host.states.microscope.patch({ stage })
  })

  it('a watching window cannot steer, but can stop, and can take control', async () => {
    const me = host.states.clients.value.writer
    host.states.clients.patch({ writer: 'another window' })
    await page.getByTestId('watcher').waitFor()
    expect(await page.getByTestId('snap').isDisabled()).toBe(true)
    expect(await page.getByTestId('exposure').isDisabled()).toBe(true)
    const [moves, stops] = [callsOf('stage.move').length, callsOf('microscope.stop').length]
    await page.locator('body').press('ArrowRight')
    await page.getByTestId('stop').click()
    await expect.poll(() => callsOf('microscope.stop').length).toBe(stops + 1)
    expect(callsOf('stage.move')).toHaveLength(moves)
    await page.getByTestId('take-control').click()
    await page.getByTestId('watcher').waitFor({ state: 'detached' })
    expect(host.states.clients.value.writer).toBe(me)
  })
})

describe('sessions, models and files', () => {
  it('a session is reopened: frames by slider, what is known of each, export', async () => {
    await page.getByTestId('nav-sessions').click()
    await expect.poll(() => page.getByTestId('session-row').count()).toBe(4)
    await page.getByTestId('session-row').filter({ hasText: 'Endothelial drift' }).click()
    await page.waitForSelector(drawnPicture)
    const slider = page.getByTestId('session-frame-slider')
    await slider.getByRole('slider').focus()
    await page.keyboard.press('End')
    await expect.poll(() => slider.getAttribute('data-index')).toBe('23')
    expect(await text('frame-facts')).toMatch(/Channel\s*FITC, 525 nm/)
    await page.getByTestId('session-export').click()
    await page.getByText('/data/recording-1.ome.tif').waitFor()
  })

  it('a network picture keeps its badge in a session, and an interrupted recording says so', async () => {
    await page.getByTestId('session-row').filter({ hasText: 'Snap 1, enhanced' }).click()
    await page.getByTestId('network-badge').waitFor()
    await page.getByTestId('session-row').filter({ hasText: 'Power cut' }).click()
    await page.getByText('every finished frame is here').waitFor()
  })

  it('a model’s card is shown as text that can do nothing, and a broken model says why', async () => {
    await page.getByTestId('nav-models').click()
    const card = page.getByTestId('model-card')
    await card.getByRole('cell', { name: '32.8' }).waitFor()
    expect(await card.locator('script').count()).toBe(0)
    const missed = card.getByTestId('model-missed')
    expect(await missed.innerText()).toContain('1 of the 24 requirements of its evaluation is missed')
    expect(await missed.getByText('fwhm-ratio').isVisible()).toBe(false)
    await missed.locator('summary').click()
    expect(await missed.innerText()).toMatch(/fwhm-ratio\s+1\.1615\s+must be 0\.85-1\.15/)
    await page.getByTestId('models-list').getByText('1 of 24 requirements missed').waitFor()
    await page.getByTestId('models-list').getByText('Broken network').click()
    expect(await text('model-problem')).toContain('does not match its hash')
    expect(await text('model-field')).toBe('weights.onnx.sha256')
    expect(await text('model-test-refused')).toContain('see weights.onnx.sha256 above')
    expect(await page.getByTestId('model-test-run').isDisabled()).toBe(true)
    expect(await page.getByTestId('model-use').isDisabled()).toBe(true)
  })

  it('a model’s zip comes in by the file dialog, is tested with numbers, and goes after asking', async () => {
    const chooser = page.waitForEvent('filechooser')
    await page.getByTestId('model-import').click()
    await (await chooser).setFiles({ name: 'nuclei.zip', mimeType: 'application/zip', buffer: Buffer.alloc(2000) })
    await page.getByTestId('models-list').getByText('UNet 2D Nuclei Broad').waitFor()
    await expect.poll(() => page.url()).toContain('/models/nuclei')
    expect(host.uploads.get('nuclei.zip')).toBe(2000)
    expect(callsOf('models.import')).toEqual([{ upload: expect.any(String) }])
    expect(await text('model-tensors')).toMatch(/64 \+ n·8[\s\S]*percentiles 1 and 99\.9/)
    await page.getByTestId('model-test-run').click()
    await expect.poll(() => page.getByTestId('model-test-verdict').getAttribute('data-passed')).toBe('true')
    expect(await text('model-test')).toMatch(/131072[\s\S]*3[\s\S]*13[\s\S]*0\.0021/)
    await page.getByTestId('model-remove').click()
    expect(callsOf('models.remove')).toEqual([])
    await page.getByTestId('model-remove-confirm').click()
    await expect.poll(() => callsOf('models.remove')).toEqual([{ model: 'nuclei' }])
    await page.getByTestId('models-list').getByText('UNet 2D Nuclei Broad').waitFor({ state: 'detached' })
  })

  it('an image file is sent in parts, enhanced, and compared before and after', async () => {
    await page.getByTestId('nav-files').click()
    const chooser = page.waitForEvent('filechooser')
    await page.getByTestId('choose-files').click()
    // Two parts of 4 MiB and a rest.
    await (await chooser).setFiles({ name: 'cells.tif', mimeType: 'image/tiff', buffer: Buffer.alloc(9_000_000) })
    await page.getByTestId('pixel-size-given').check()
    await page.getByTestId('pixel-size').fill('0,65')
    await page.getByTestId('enhance-start').click()
    await expect.poll(() => callsOf('enhance.start')).toMatchObject([{ pixelSizeUm: 0.65, model: 'widefield-sr' }])
    expect(host.uploads.get('cells.tif')).toBe(9_000_000)
    await expect.poll(() => text('job-output')).toBe('/data/cells.enhanced.ome.tif')
    await page.getByTestId('network-badge').waitFor()
  })

  it('says of a file in work how far it is, how quick, how long still, and of a finished one what was judged', async () => {
    expect(await text('job-rate')).toBe('3.4 Mpx/s, 0.82 planes/s')
    const job = page.getByTestId('job').filter({ hasText: 'stack.tif' })
    expect(await job.textContent()).toMatch(/At work, 43 %[\s\S]*3\.4 Mpx\/s[\s\S]*1:14 left/)
    host.states.jobs.set(
      host.states.jobs.value.map((each) =>
        each.file === 'stack.tif' ? { ...each, status: 'done', rate: null, judged: 'Not judged, because the network takes stacks.' } : each,
      ),
    )
    await job.getByText('The network takes stacks.').waitFor()
    expect(await job.getByTestId('job-verdict').textContent()).toContain('Not judged')
  })

  it('a file that is no TIFF is refused in a sentence', async () => {
    const chooser = page.waitForEvent('filechooser')
    await page.getByTestId('choose-files').click()
    await (await chooser).setFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') })
    await page.getByText('“notes.txt” is not a TIFF file.').waitFor()
    expect(await page.getByTestId('enhance-dialog').count()).toBe(0)
  })
})

describe('what runs the networks', () => {
  it('stands in the status bar, with how quick it is and why the others do not run, and can be chosen', async () => {
    const before = host.states.live.value
    host.states.live.patch({ running: true, enhance: true, inferenceFps: 6.2, inferenceMegapixels: 6.5 })
    await expect.poll(() => text('network-rate')).toBe('6.5 Mpx/s')
    expect(await text('rates')).toMatch(/Network 6\.2[\s\S]*frames\/s/)
    host.states.live.set(before)
    expect(await text('provider')).toBe('Network on CPU')
    await page.getByTestId('provider').hover()
    await page.getByRole('tooltip').filter({ hasText: 'cuda: the CUDA libraries are not installed' }).first().waitFor({ state: 'attached' })
    await page.getByTestId('provider').click()
    const reasons = page.getByTestId('settings').locator('.reasons li')
    await reasons.first().waitFor()
    expect(await reasons.allTextContents()).toEqual([
      expect.stringMatching(/^cuda\s+the CUDA libraries are not installed/),
      expect.stringMatching(/^webgpu\s+no graphics adapter/),
      expect.stringMatching(/^cpu, used\s+always works/),
    ])
    await page.getByTestId('provider-setting').selectOption('webgpu')
    await expect.poll(() => callsOf('settings.change')).toContainEqual({ provider: 'webgpu' })
  })

  it('is the network that suits the picture, or the one that is chosen', async () => {
    expect(await page.getByTestId('model').locator('option').allTextContents()).toEqual([
      'Automatic',
      expect.stringContaining('Widefield super-resolution'),
      expect.stringContaining('Broken network (cannot be used)'),
    ])
    await page.getByTestId('model').selectOption('')
    await expect.poll(() => callsOf('settings.change')).toContainEqual({ model: '' })
  })
})

describe('the line to the host', () => {
  it('a lost connection is said, found again by itself, and the picture goes on', async () => {
    await page.getByTestId('nav-live').click()
    await page.waitForSelector(drawnPicture)
    const overlay = page.getByTestId('connection-overlay')
    const said = overlay.waitFor()
    host.dropConnections()
    await said
    await overlay.waitFor({ state: 'detached' })
    const frames = () => page.getByTestId('viewer').getAttribute('data-frames').then(Number)
    const before = await frames()
    await expect.poll(frames).toBeGreaterThan(before)
  })

  it('the light theme is taken over from the host', async () => {
    host.states.settings.patch({ theme: 'light' })
    await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe('light')
  })

  it('nothing broke the content security policy or threw', async () => {
    expect(await faults.violations()).toBe(0)
    expect(faults.errors).toEqual([])
  })
})

describe('without WebGL 2', () => {
  it('a sentence stands where the picture would be', async () => {
    const poor = await launchChromium({ webgl: false })
    try {
      const other = await poor.newPage({ viewport: { width: 1280, height: 720 } })
      await other.goto(host.createLink())
      await other.getByTestId('no-webgl').waitFor()
      expect(await other.getByTestId('no-webgl').textContent()).toContain('WebGL2 is missing')
      // The microscope can still be stopped.
      expect(await other.getByTestId('stop').isEnabled()).toBe(true)
    } finally {
      await poor.close()
    }
  })
})
