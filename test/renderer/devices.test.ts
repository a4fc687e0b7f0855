/** Choosing, finding and describing a microscope, and files dropped on the window, in a real browser. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AppError } from '#shared/errors.ts'
import type { PageFaults } from '#test/helpers/chromium.ts'
import { openPage, type TestPage } from '#test/helpers/page.ts'
import { type FakeHost, startFakeHost } from './fake-host.ts'

let host: FakeHost
let opened: TestPage
let page: Page
let faults: PageFaults

const callsOf = (name: string) => host.calls.filter((call) => call.name === name).map(({ input }) => input)

beforeAll(async () => {
  host = await startFakeHost()
  opened = await openPage(host.createLink())
  ;({ page, faults } = opened)
})

afterAll(async () => {
  await opened?.[Symbol.asyncDispose]()
  await host?.[Symbol.asyncDispose]()
})

describe('choosing a microscope', () => {
  it('offers those that can be used on the first screen, beside the demo', async () => {
    await page.getByTestId('welcome-connect-room-12').waitFor()
    expect(await page.getByTestId('own-microscopes').getByRole('button').allTextContents()).toEqual([expect.stringContaining('Room 12')])
  })

  it('that cannot be opened leads to its place in the list, which says why and what to do', async () => {
    host.failNext('microscope.connect', new AppError('DeviceNotFound', 'The port COM3 could not be opened: there is no such port.'))
    await page.getByTestId('welcome-connect-room-12').click()
    const card = page.locator('[data-microscope=room-12]')
    await card.getByRole('alert').waitFor()
    expect(await card.getByRole('alert').textContent()).toContain(
      'The port COM3 could not be opened: there is no such port. Check that the device is plugged in',
    )
    expect(callsOf('microscope.connect')).toEqual([{ configuration: 'room-12' }])
  })

  it('lists a file that cannot be used with the reason, and does not offer to connect it', async () => {
    expect(await page.locator('[data-microscope=old]').getByRole('alert').textContent()).toContain('old.json is not JSON')
    expect(await page.getByTestId('connect-old').isDisabled()).toBe(true)
  })
})

describe('looking for devices', () => {
  it('tells what answered on each port, and why nothing did on the others', async () => {
    await page.getByTestId('detect').click()
    await page.getByTestId('port-found').waitFor()
    expect(await page.getByTestId('port-found').textContent()).toMatch(/ASI MS-2000 \(USB-9\.2n\) on COM3, 115200 baud, FTDI/)
    expect(await page.getByTestId('port-silent').textContent()).toContain('COM7: The port COM7 could not be opened: another program')
  })

  it('makes a microscope of what was found, once it has a name', async () => {
    expect(await page.getByTestId('plan-save').isDisabled()).toBe(true)
    await page.getByTestId('plan-name').fill('Bench 3')
    await page.getByTestId('plan-focus').selectOption('')
    await page.getByTestId('plan-save').click()
    await page.getByText('“Bench 3” is saved.').waitFor()
    expect(callsOf('microscopes.create')).toEqual([
      { name: 'Bench 3', stage: { path: 'COM3', baudRate: 115_200 }, focus: null, light: null },
    ])
  })
})

/** Drops files as a hand does: the browser's own events, with real File objects. */
async function drop(files: readonly { readonly name: string; readonly bytes: number }[]): Promise<void> {
  const data = await page.evaluateHandle((wanted) => {
    const transfer = new DataTransfer()
    for (const { name, bytes } of wanted) transfer.items.add(new File([new Uint8Array(bytes)], name))
    return transfer
  }, files)
  for (const type of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('body', type, { dataTransfer: data })
}

describe('a window at 200 % zoom', () => {
  it('keeps Stop where it is, and loses nothing of the line beside it', async () => {
    // 1280 × 720 at twice the size leaves this many CSS pixels.
    await page.setViewportSize({ width: 640, height: 360 })
    const right = async () => {
      const box = await page.getByTestId('stop').boundingBox()
      return box && { right: Math.round(box.x + box.width), bottom: Math.round(box.y + box.height) }
    }
    expect(await right()).toEqual({ right: 640, bottom: 360 })
    await page.getByTestId('free-disk').scrollIntoViewIfNeeded()
    const disk = await page.getByTestId('free-disk').boundingBox()
    const stop = await page.getByTestId('stop').boundingBox()
    expect(disk?.width).toBeGreaterThan(0)
    expect((disk?.x ?? 0) + (disk?.width ?? 0)).toBeLessThanOrEqual(stop?.x ?? 0)
    expect(await right()).toEqual({ right: 640, bottom: 360 })
    await page.setViewportSize({ width: 1280, height: 720 })
  })
})

describe('a file dropped on the page', () => {
  it('says over the window what will happen, and nothing once the hand has left', async () => {
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([], 'cells.tif'))
      return transfer
    })
    await page.dispatchEvent('body', 'dragover', { dataTransfer: data })
    await page.getByText('Drop TIFF images to enhance them').waitFor()
    await page.dispatchEvent('body', 'dragleave', { dataTransfer: data })
    await expect.poll(() => page.getByText('Drop TIFF images to enhance them').count()).toBe(0)
  })

  it('is taken in where it is a model’s zip, and shown', async () => {
    await drop([{ name: 'nuclei.zip', bytes: 2000 }])
    await expect.poll(() => page.url()).toContain('/models/nuclei')
    await page.getByTestId('model-card').getByText('UNet 2D Nuclei Broad').first().waitFor()
    expect(host.uploads.get('nuclei.zip')).toBe(2000)
    expect(callsOf('models.import')).toEqual([{ upload: expect.any(String) }])
  })

  it('a folder is refused by a browser, which cannot read it, and taken in by its path on the desktop', async () => {
    // What the preload offers on the desktop, and what a browser says of a folder that is dropped.
    const asked = await page.evaluateHandle(() => DataTransferItem.prototype.webkitGetAsEntry)
    await page.evaluate(() => {
      DataTransferItem.prototype.webkitGetAsEntry = function () {
        return { isDirectory: true, name: this.getAsFile()?.name } as FileSystemEntry
      }
    })
    const asDesktop = (on: boolean) =>
      page.evaluate((desktop) => {
        const place = window as unknown as { deepscope?: object }
        if (desktop) place.deepscope = { pathForFile: (file: File) => `/home/lab/${file.name}` }
        else delete place.deepscope
      }, on)
    await asDesktop(false)
    await drop([{ name: 'my-network', bytes: 0 }])
    await page.getByText('“my-network” is not a TIFF file.').waitFor()
    await asDesktop(true)
    await drop([{ name: 'my-network', bytes: 0 }])
    await expect.poll(() => callsOf('models.import').at(-1)).toEqual({ path: '/home/lab/my-network' })
    await asDesktop(false)
    await page.evaluate((original) => {
      DataTransferItem.prototype.webkitGetAsEntry = original
    }, asked)
  })

  it('asks for its pixel size, is sent in parts and becomes a job', async () => {
    const bytes = 9 * 2 ** 20 + 17
    await drop([{ name: 'cells.tif', bytes }])
    await page.getByTestId('enhance-dialog').waitFor()
    await page.getByTestId('pixel-size-given').check()
    await page.getByTestId('pixel-size').fill('5000')
    await page.getByText('0.001 to 100 µm').waitFor()
    expect(await page.getByTestId('enhance-start').isDisabled()).toBe(true)
    await page.getByTestId('pixel-size').fill('0,65')
    await page.getByTestId('enhance-start').click()
    await expect.poll(() => callsOf('enhance.start')).toEqual([expect.objectContaining({ pixelSizeUm: 0.65, upload: expect.any(String) })])
    expect(host.uploads.get('cells.tif')).toBe(bytes)
    await expect.poll(() => page.url()).toContain('#/files/job-1')
  })

  it('that is no TIFF is refused in a sentence, and the page stays', async () => {
    const before = page.url()
    await drop([{ name: 'notes.pdf', bytes: 10 }])
    await page.getByText('“notes.pdf” is not a TIFF file.').waitFor()
    expect(page.url()).toBe(before)
  })

  it('is named by its path in the desktop window, and not sent', async () => {
    // What the preload lends the page; test/shell/preload.test.ts looks at the preload itself. Given late: this page talks to a server.
    await page.evaluate(() => Object.assign(window, { deepscope: { pathForFile: (file: File) => `/images/${file.name}` } }))
    const started = callsOf('enhance.start').length
    await drop([{ name: 'desktop.tif', bytes: 1000 }])
    await page.getByTestId('enhance-start').click()
    await expect.poll(() => callsOf('enhance.start').slice(started)).toEqual([expect.objectContaining({ path: '/images/desktop.tif' })])
    expect(host.uploads.has('desktop.tif')).toBe(false)
    await page.evaluate(() => Reflect.deleteProperty(window, 'deepscope'))
  })

  it('is sent by a browser that is not on the microscope’s computer, too', async () => {
    // There the page is no secure context, and browsers keep some functions from it.
    await page.evaluate(() => Object.defineProperty(crypto, 'randomUUID', { value: undefined }))
    await drop([{ name: 'remote.tif', bytes: 1000 }])
    await page.getByTestId('enhance-start').click()
    await expect.poll(() => host.uploads.get('remote.tif')).toBe(1000)
  })

  it('broke no rule of the content security policy and threw no error', async () => {
    expect(await faults.violations()).toBe(0)
    expect(faults.errors).toEqual([])
  })
})
