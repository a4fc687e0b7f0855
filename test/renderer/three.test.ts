/** The shaders in a real browser: known pictures in, colours read back. */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '#test/helpers/chromium.ts'
import type { Drawing, GivenPicture } from './three-harness.ts'

type Harness = typeof import('./three-harness.ts')

let browser: Browser
let page: Page

beforeAll(async () => {
  const bundle = await build({
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    entryPoints: ['test/renderer/three-harness.ts'],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'harness',
    target: 'chrome140',
    logLevel: 'warning',
  })
  browser = await launchChromium()
  page = await browser.newPage()
  await page.addScriptTag({ content: bundle.outputFiles[0]?.text ?? '' })
})

afterAll(async () => {
  await browser?.close()
})

const draw = (drawing: Drawing) => page.evaluate((given) => (globalThis as unknown as { harness: Harness }).harness.draw(given), drawing)

const row = (type: GivenPicture['type'], ...values: number[]): GivenPicture => ({ width: values.length, height: 1, type, values })
const flat = (side: number, value: number): GivenPicture => ({
  width: side,
  height: side,
  type: 'uint16',
  values: new Array(side * side).fill(value),
})
/** Middles of four pixels that fill 40 × 10. */
const four = { size: { width: 40, height: 10 }, at: [5, 15, 25, 35].map((x) => [x, 5] as const) }

function expectGray(colors: number[][], expected: number[]): void {
  expect(colors).toHaveLength(expected.length)
  colors.forEach((color, i) => {
    for (const part of color) expect(Math.abs(part - (expected[i] ?? -99))).toBeLessThanOrEqual(1)
  })
}

describe('a picture on the screen', () => {
  it('keeps 16-bit values apart above 2,048, where half floats do not', async () => {
    const colors = await draw({ ...four, pictures: { raw: row('uint16', 2049, 2050, 2051, 2052) }, low: 2048, high: 2052 })
    expectGray(colors, [63.75, 127.5, 191.25, 255])
  })

  it('keeps the largest 16-bit values apart', async () => {
    const colors = await draw({ ...four, pictures: { raw: row('uint16', 65531, 65533, 65534, 65535) }, low: 65531, high: 65535 })
    expectGray(colors, [0, 127.5, 191.25, 255])
  })

  it('shows floats, negative ones too', async () => {
    const colors = await draw({ ...four, pictures: { raw: row('float32', -0.5, 0, 0.25, 1.5) }, low: -0.5, high: 1 })
    expectGray(colors, [0, 85, 127.5, 255])
  })

  it('shows 8-bit values', async () => {
    expectGray(await draw({ ...four, pictures: { raw: row('uint8', 0, 10, 20, 30) }, low: 0, high: 40 }), [0, 63.75, 127.5, 191.25])
  })

  it('cuts values outside the limits off at the first and last colour', async () => {
    expectGray(await draw({ ...four, pictures: { raw: row('uint16', 0, 99, 201, 9999) }, low: 100, high: 200 }), [0, 0, 255, 255])
  })

  it('applies gamma', async () => {
    // (1/2)² = 1/4
    expectGray(
      await draw({ ...four, pictures: { raw: row('uint16', 0, 50, 100, 100) }, low: 0, high: 100, gamma: 2 }),
      [0, 63.75, 255, 255],
    )
  })

  it('has its first row at the top and its first column at the left', async () => {
    const picture: GivenPicture = { width: 2, height: 2, type: 'uint16', values: [100, 0, 50, 0] }
    const at = [
      [5, 5],
      [15, 5],
      [5, 15],
      [15, 15],
    ] as const
    expectGray(await draw({ size: { width: 20, height: 20 }, pictures: { raw: picture }, low: 0, high: 100, at }), [255, 0, 127.5, 0])
  })

  it('is interpolated linearly between the middles of its pixels when smooth', async () => {
    // The middles lie at 10 and 30 of 40 screen pixels; the screen pixel at 20 has its own middle at 20.5.
    const colors = await draw({
      size: { width: 40, height: 20 },
      pictures: { raw: row('uint16', 0, 100) },
      low: 0,
      high: 100,
      smooth: true,
      at: [
        [2, 10],
        [20, 10],
        [37, 10],
      ],
    })
    expectGray(colors, [0, ((20.5 - 10) / 20) * 255, 255])
  })

  it('is averaged, not thinned out, when it is smaller on the screen', async () => {
    const stripes: GivenPicture = { width: 64, height: 64, type: 'uint16', values: Array.from({ length: 4096 }, (_, i) => (i % 2) * 100) }
    const colors = await draw({
      size: { width: 32, height: 32 },
      pictures: { raw: stripes },
      low: 0,
      high: 100,
      at: [
        [10, 10],
        [17, 21],
      ],
    })
    expectGray(colors, [127.5, 127.5])
  })

  it('leaves the rest of the window in the background’s colour', async () => {
    const colors = await draw({ size: { width: 100, height: 10 }, pictures: { raw: flat(4, 100) }, low: 0, high: 100, at: [[2, 5]] })
    expect(colors).toEqual([[0x10, 0x20, 0x30]])
  })

  it('may change size and type from one frame to the next', async () => {
    const base = { ...four, low: 0, high: 100 }
    const colors = await page.evaluate(
      (given) => (globalThis as unknown as { harness: Harness }).harness.drawInTurn(given),
      [
        { ...base, pictures: { raw: row('uint16', 0, 100, 0, 100) } },
        { ...base, pictures: { raw: row('float32', 50, 50, 50, 50) } },
        { ...base, pictures: { raw: row('uint16', 100, 0, 100, 0) } },
      ],
    )
    expectGray(colors[0] ?? [], [0, 255, 0, 255])
    expectGray(colors[1] ?? [], [127.5, 127.5, 127.5, 127.5])
    expectGray(colors[2] ?? [], [255, 0, 255, 0])
  })
})

describe('colour maps', () => {
  // First and last colour as matplotlib 3.11 gives them.
  it.each([
    ['viridis', [68, 1, 84], [253, 231, 37]],
    ['magma', [0, 0, 4], [252, 253, 191]],
    ['inferno', [0, 0, 4], [252, 255, 164]],
    ['turbo', [48, 18, 59], [122, 4, 3]],
    ['green', [0, 0, 0], [0, 255, 0]],
    ['magenta', [0, 0, 0], [255, 0, 255]],
    ['gray', [0, 0, 0], [255, 255, 255]],
  ] as const)('%s begins and ends with its published colours', async (colorMap, first, last) => {
    const colors = await draw({ ...four, pictures: { raw: row('uint16', 0, 0, 100, 100) }, low: 0, high: 100, colorMap })
    expect(colors[0]).toEqual([...first])
    expect(colors[3]).toEqual([...last])
  })
})

describe('raw and enhanced', () => {
  const pictures = { raw: flat(8, 0), enhanced: flat(16, 100) }
  const wide = { size: { width: 100, height: 100 }, pictures, low: 0, high: 100 }

  it('meet exactly at the curtain', async () => {
    const colors = await draw({
      ...wide,
      layout: 'curtain',
      curtain: 0.3,
      at: [
        [0, 50],
        [29, 50],
        [30, 50],
        [99, 50],
      ],
    })
    expectGray(colors, [0, 0, 255, 255])
  })

  it('stand side by side in panes of their own', async () => {
    const colors = await draw({
      ...wide,
      layout: 'side',
      at: [
        [24, 50],
        [75, 50],
      ],
    })
    expectGray(colors, [0, 255])
  })

  it('show the same place of the field at the same place, though their grids differ', async () => {
    // One bright raw pixel, and the 2 × 2 pixels of the finer grid that cover it.
    const raw: GivenPicture = { ...flat(8, 0), values: Array.from({ length: 64 }, (_, i) => (i === 2 * 8 + 5 ? 100 : 0)) }
    const enhanced: GivenPicture = {
      ...flat(16, 0),
      values: Array.from({ length: 256 }, (_, i) => (Math.floor(i / 32) === 2 && Math.floor((i % 16) / 2) === 5 ? 100 : 0)),
    }
    const view = { x: 5, y: 3, zoom: 20 }
    const size = { width: 202, height: 100 }
    const left = Array.from({ length: 10 }, (_, i) => [i * 10 + 5, 35] as const)
    const right = left.map(([x, y]) => [x + 102, y] as const)
    const colors = await draw({ size, pictures: { raw, enhanced }, low: 0, high: 100, layout: 'side', view, at: [...left, ...right] })
    expect(colors.slice(0, 10)).toEqual(colors.slice(10))
    expect(colors.slice(0, 10).filter(([red]) => red === 255)).toHaveLength(2)
  })
})

describe('a map over the picture', () => {
  const map = { colorMap: 'inferno', low: 0, high: 100, opacity: 0.5, picture: row('float32', 0, 25, 100, 400) } as const
  /** Last colour of inferno, as matplotlib 3.11 gives it. */
  const last = [252, 255, 164]

  function expectColor(color: number[] | undefined, expected: number[]): void {
    for (const [i, part] of expected.entries()) expect(Math.abs((color?.[i] ?? -99) - part)).toBeLessThanOrEqual(2)
  }

  it('leaves the picture clear at its lower limit, and covers it by its strength from the middle of its limits on', async () => {
    // A map of four cells over 80 pixels; read in the middles of its cells, where interpolation changes nothing.
    const at = [10, 30, 50, 70].map((x) => [x, 10] as const)
    const pictures = { raw: row('uint16', 100, 100, 100, 100) }
    const colors = await draw({ size: { width: 80, height: 20 }, pictures, low: 0, high: 200, overlay: map, at })
    expectColor(colors[0], [127.5, 127.5, 127.5])
    // 2 · 0.25 · 0.5 of the colour a quarter up the map: inferno(64) = (87, 16, 110).
    expectColor(
      colors[1],
      [87, 16, 110].map((part) => 0.75 * 127.5 + 0.25 * part),
    )
    const half = last.map((part) => 0.5 * 127.5 + 0.5 * part)
    expectColor(colors[2], half)
    expectColor(colors[3], half)
  })

  it('lies over the network’s half only, so that the camera’s stays clear beside it', async () => {
    const pictures = { raw: flat(8, 100), enhanced: flat(16, 100) }
    const overlay = { ...map, opacity: 1, picture: row('float32', 100) }
    const given = {
      size: { width: 100, height: 100 },
      pictures,
      low: 0,
      high: 200,
      overlay,
      at: [
        [20, 50],
        [80, 50],
      ],
    } as const
    for (const layout of ['curtain', 'side'] as const) {
      const colors = await draw({ ...given, layout })
      expectColor(colors[0], [127.5, 127.5, 127.5])
      expectColor(colors[1], last)
    }
    expectColor((await draw({ ...given, layout: 'raw' }))[0], last)
  })
})

describe('without a graphics context', () => {
  it('a lost one is announced, and the picture returns with it', async () => {
    const { events, colors } = await page.evaluate(
      (given) => (globalThis as unknown as { harness: Harness }).harness.loseAndRestore(given),
      { ...four, pictures: { raw: row('uint16', 0, 100, 0, 100) }, low: 0, high: 100 },
    )
    expect(events).toEqual(['lost', 'restored'])
    expectGray(colors, [0, 255, 0, 255])
  })
})
