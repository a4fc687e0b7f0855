/** What any calibration must keep. */
import { describe, expect, test } from 'vitest'
import { frequencyLimit, limits } from '#main/analysis/trust/limits.ts'

describe('the limit on the finest structure of an input', () => {
  test('never falls below what is out of focus at any light', () => {
    for (const photons of [1, 50, 100, 200, 300, 500, 5000, 1e5])
      expect(frequencyLimit(photons)).toBeGreaterThanOrEqual(limits.frequencyFar)
  })

  test('lies between its two ends for light in between, and takes the dim one where the light is unknown', () => {
    const { dim, bright, dimPhotons, brightPhotons } = limits.frequency
    expect(frequencyLimit(Math.sqrt(dimPhotons * brightPhotons))).toBeCloseTo((dim + bright) / 2, 12)
    expect(frequencyLimit(null)).toBe(dim)
  })
})
