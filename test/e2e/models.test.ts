/** A network of somebody else, from its zip to a result, by hand in a real browser on the real host. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { withApp } from '#test/helpers/app.ts'
import type { PageFaults } from '#test/helpers/chromium.ts'
import type { TestHeadless } from '#test/helpers/headless.ts'
import { makeZip } from '#test/helpers/zip.ts'
import { absent, realData } from '#test/storage/real-data.ts'

const nuclei = join(realData, 'models', 'bioimage-io', 'unet2d_nuclei_broad')
const there = existsSync(nuclei)

describe.skipIf(!there)(`unet2d_nuclei_broad in the window${there ? '' : absent}`, () => {
  let app: TestHeadless
  let page: Page
  let faults: PageFaults
  withApp((opened) => {
    ;({ app, page, faults } = opened)
  })

  it('comes in as a zip that is dropped on the window, and passes its own test', async () => {
    const names = (await readdir(nuclei)).filter((name) => !/^(invalid|v0_4_0|expand)|\.(py|pt|zip)$/.test(name))
    const entries = await Promise.all(names.map(async (name) => ({ name, data: await readFile(join(nuclei, name)) })))
    const zip = makeZip(entries.map((each) => (each.name === 'bioimageio.yaml' ? { ...each, name: 'rdf.yaml' } : each)))
    const data = await page.evaluateHandle((base64) => {
      const transfer = new DataTransfer()
      transfer.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], 'nuclei.zip'))
      return transfer
    }, zip.toString('base64'))
    for (const type of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('body', type, { dataTransfer: data })
    await expect.poll(() => page.url()).toContain('/models/nuclei')
    await page.getByTestId('model-test-run').click()
    await expect.poll(() => page.getByTestId('model-test-verdict').getAttribute('data-passed')).toBe('true')
  })

  it('runs on an image that is chosen in the window, and its result is shown and written', { timeout: 180_000 }, async () => {
    const path = join(app.folder, 'cells.ome.tif')
    const side = 300
    const size = { width: side, height: side, sizeZ: 1, sizeC: 1, sizeT: 1 }
    await using writer = await createOmeTiff(path, {
      name: 'cells',
      ...size,
      pixelType: 'uint16',
      pixelSizeUm: null,
      channels: [{ name: '', color: '#ffffff' }],
    })
    // Round bright places on a dark ground.
    await writer.writePlane(
      Uint16Array.from(
        { length: side * side },
        (_, i) => 200 + 3000 * Math.exp(-(((i % 60) - 30) ** 2 + ((Math.floor(i / side) % 60) - 30) ** 2) / 200),
      ),
    )
    await writer.close()
    await page.getByTestId('nav-files').click()
    const chooser = page.waitForEvent('filechooser')
    await page.getByTestId('choose-files').click()
    await (await chooser).setFiles(path)
    await page.getByTestId('enhance-model').selectOption('nuclei')
    await page.getByTestId('enhance-start').click()
    await page.getByTestId('job-output').waitFor({ timeout: 120_000 })
    const output = (await page.getByTestId('job-output').textContent())?.trim() ?? ''
    expect(output).toMatch(/cells-nuclei\.ome\.tif$/)
    expect(existsSync(output)).toBe(true)
    expect(await page.getByTestId('network-badge').getAttribute('aria-label')).toContain('UNet 2D Nuclei Broad')
    const [job] = app.host.parts.jobs.state.value
    expect(job).toMatchObject({ status: 'done', model: 'nuclei' })
    // A sentence says what the verdict rests on, whatever it is.
    expect(job?.judged).toMatch(/judged/)
  })

  it('breaks no rule of the content security policy and throws no error', async () => {
    expect(await faults.violations()).toBe(0)
    expect(faults.errors).toEqual([])
  })
})
