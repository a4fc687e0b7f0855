import { describe, expect, it } from 'vitest'
import { autoLimits, axisOf, dragLimit, easeLimits, histogramPath } from '#renderer/contrast.ts'

const counts = (...given: number[]) => Uint32Array.from({ length: 256 }, (_, i) => given[i] ?? 0)
const histogram = { min: 100, max: 356, counts: counts(1, 2), low: 110, high: 300, saturated: 0 }

describe('automatic contrast', () => {
  it('gives pictures that are compared the same limits, wide enough for both', () => {
    expect(autoLimits([histogram, { ...histogram, low: 90, high: 250 }])).toEqual({ low: 90, high: 300 })
  })

  it('keeps a flat picture visible instead of dividing by nothing', () => {
    expect(autoLimits([{ ...histogram, low: 5, high: 5 }])).toEqual({ low: 5, high: 6 })
  })

  it('knows nothing without a picture', () => {
    expect(autoLimits([])).toBeNull()
  })

  it('follows noise slowly, a jump at once, and not what nobody would see', () => {
    expect(easeLimits({ low: 100, high: 1100 }, { low: 104, high: 1104 })).toEqual({ low: 100, high: 1100 })
    expect(easeLimits({ low: 100, high: 200 }, { low: 110, high: 210 })).toEqual({ low: 102, high: 202 })
    expect(easeLimits({ low: 100, high: 200 }, { low: 100, high: 900 })).toEqual({ low: 100, high: 900 })
    expect(easeLimits(null, { low: 1, high: 2 })).toEqual({ low: 1, high: 2 })
  })
})

describe('dragging a contrast limit', () => {
  const axis = { low: 0, high: 512 }
  const limits = { low: 100, high: 200 }

  it('moves the one and leaves the other', () => {
    expect(dragLimit(limits, 'low', 150, axis)).toEqual({ low: 150, high: 200 })
    expect(dragLimit(limits, 'high', 400, axis)).toEqual({ low: 100, high: 400 })
  })

  it('never lets them meet or cross', () => {
    expect(dragLimit(limits, 'low', 300, axis)).toEqual({ low: 199, high: 200 })
    expect(dragLimit(limits, 'high', 20, axis)).toEqual({ low: 100, high: 101 })
  })

  it('stays on the axis', () => {
    expect(dragLimit(limits, 'low', -50, axis).low).toBe(0)
    expect(dragLimit(limits, 'high', 9999, axis).high).toBe(512)
  })
})

describe('the histogram', () => {
  it('spans every value and both limits', () => {
    const axis = axisOf([histogram], { low: 50, high: 200 })
    expect(axis.low).toBeLessThan(50)
    expect(axis.high).toBeGreaterThan(356)
  })

  it('draws the fullest bin at full height, at its place on the axis', () => {
    // 256 values in 256 bins over an axis of 512 values on 512 pixels: bin 1 covers 101…102.
    const path = histogramPath(histogram, { low: 0, high: 512 }, 512, 64)
    expect(path.startsWith('M100.0 64')).toBe(true)
    expect(path).toContain('L101.0 0.0L102.0 0.0')
    expect(path.endsWith('L356.0 64Z')).toBe(true)
  })
})
