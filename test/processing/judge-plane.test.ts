import { describe, expect, test } from 'vitest'
import type { Band } from '#main/inference/inference.ts'
import { middleWindow, windowOf } from '#main/processing/judge-plane.ts'

/** Bands of `step` rows on the grid, each with all the rows of the image that it covers. */
function bandsOf(imageHeight: number, gridHeight: number, step: number): Band[] {
  const ratio = imageHeight / gridHeight
  return Array.from({ length: Math.ceil(gridHeight / step) }, (_, index) => {
    const from = index * step
    const to = Math.min(gridHeight, from + step)
    const firstRow = Math.max(0, Math.floor(from * ratio) - 3)
    const rows = Math.min(imageHeight, Math.ceil(to * ratio) + 3) - firstRow
    return { imageHeight, firstRow, rows, from, to, tile: step }
  })
}

describe('the window of a large plane that is judged', () => {
  test.each([
    ['on the grid', 5000, 5000, 5000, 5000],
    ['brought to pixels half as large', 4200, 4300, 8400, 8600],
    ['brought to pixels two thirds as large', 6000, 6300, 9000, 9450],
    ['brought to larger pixels', 9000, 8000, 5538, 4923],
  ])(
    '%s: lies in the middle, within one band, and shows the same place before and after',
    (_name, width, height, gridWidth, gridHeight) => {
      const bands = bandsOf(height, gridHeight, 880)
      const { band, x, y } = middleWindow(bands, width, gridWidth)
      const { from, to } = bands[band] as Band
      expect(y.gridStart).toBeGreaterThanOrEqual(from)
      expect(y.gridStart + y.gridLength).toBeLessThanOrEqual(to)
      expect(from).toBeLessThanOrEqual(gridHeight / 2)
      expect(Math.abs(x.start + x.length / 2 - width / 2)).toBeLessThan(20)
      for (const [stretch, ratio] of [
        [x, width / gridWidth],
        [y, height / gridHeight],
      ] as const) {
        expect(stretch.gridLength).toBeGreaterThan(300)
        expect(stretch.gridLength).toBeLessThanOrEqual(1044)
        // Within a twentieth of a pixel of the grid.
        expect(Math.abs(stretch.start / ratio - stretch.gridStart)).toBeLessThan(0.05)
        expect(Math.abs((stretch.start + stretch.length) / ratio - stretch.gridStart - stretch.gridLength)).toBeLessThan(0.05)
      }
    },
  )

  test('is cut out of what the band holds', () => {
    const bands = bandsOf(60, 120, 40)
    const place = middleWindow(bands, 50, 100)
    const band = bands[place.band] as Band
    const before = {
      width: 50,
      height: band.rows,
      data: Uint16Array.from({ length: 50 * band.rows }, (_, i) => 100 * (band.firstRow + Math.floor(i / 50)) + (i % 50)),
    }
    const image = Float32Array.from({ length: 100 * (band.to - band.from) }, (_, i) => 1000 * (band.from + Math.floor(i / 100)) + (i % 100))
    const prediction = {
      ...{ width: 100, height: band.to - band.from, image, scale: image, pixelSizeUm: null, elapsedMs: 0 },
      normalisation: { offset: 0, scale: 1 },
      provenance: { model: '', modelName: '', version: '', sha256: '', provider: '', warnings: [] },
    }
    const pair = windowOf(place, band, before, prediction)
    const { x, y } = place
    expect(pair.before.data[0]).toBe(100 * y.start + x.start)
    expect(pair.after.data[0]).toBe(1000 * y.gridStart + x.gridStart)
    expect(pair.after.data.at(-1)).toBe(1000 * (y.gridStart + y.gridLength - 1) + x.gridStart + x.gridLength - 1)
    expect(pair.scale).toEqual(pair.after.data)
    expect([pair.after.width, pair.after.height]).toEqual([2 * pair.before.width, 2 * pair.before.height])
  })
})
