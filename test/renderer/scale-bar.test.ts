import { describe, expect, it } from 'vitest'
import { scaleBar } from '#renderer/three/scale-bar.ts'

describe('the scale bar', () => {
  // Worked out by hand: the longest of 1, 2, 5 × 10ⁿ µm that fits 150 pixels.
  it.each([
    [0.65, 50, '50 µm', 50 / 0.65],
    [0.325, 20, '20 µm', 20 / 0.325],
    [0.1, 10, '10 µm', 100],
    [1, 100, '100 µm', 100],
    [0.01, 1, '1 µm', 100],
    [0.004, 0.5, '500 nm', 125],
    [8, 1000, '1 mm', 125],
    [2 / 3, 100, '100 µm', 150],
  ])('at %f µm a pixel is %f µm long', (perPixel, micrometres, label, width) => {
    const bar = scaleBar(perPixel, 150)
    expect(bar?.micrometres).toBeCloseTo(micrometres, 9)
    expect(bar?.label).toBe(label)
    expect(bar?.width).toBeCloseTo(width, 6)
  })

  it('halves its width on the screen when the zoom is halved, or takes a longer round length', () => {
    const near = scaleBar(0.5, 150)
    const far = scaleBar(1, 150)
    expect(near && near.width * 0.5).toBe(near?.micrometres)
    expect(far && far.width * 1).toBe(far?.micrometres)
  })

  it.each([null, 0, -1, Number.NaN, Number.POSITIVE_INFINITY])('is absent where the pixel size is %s', (perPixel) => {
    expect(scaleBar(perPixel, 150)).toBeNull()
  })
})
