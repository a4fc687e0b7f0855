import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { histogramOf } from '#main/analysis/histogram.ts'

describe('histogram', () => {
  it('counts every pixel of a 16-bit picture once and agrees with numpy', () => {
    const script = `
import numpy as np, json
data = np.random.default_rng(7).gamma(2.0, 900.0, 20000).astype('uint16')
counts, _ = np.histogram(data, bins=256, range=(data.min(), data.max()))
low, high = np.percentile(data, [0.35, 99.65], method='inverted_cdf')
print(json.dumps({'data': data.tolist(), 'counts': counts.tolist(), 'low': float(low), 'high': float(high)}))`
    const expected = JSON.parse(execFileSync('/usr/bin/python3', ['-c', script], { maxBuffer: 1 << 24 }).toString())
    const result = histogramOf(Uint16Array.from(expected.data))
    expect([...result.counts]).toEqual(expected.counts)
    expect(result.low).toBe(expected.low)
    expect(result.high).toBe(expected.high)
  })

  it('counts saturated pixels', () => {
    const data = new Uint16Array(100)
    data.fill(65535, 0, 7)
    expect(histogramOf(data, 65535).saturated).toBe(7)
  })

  it('gives float pictures limits within a part in 4,096 of their range', () => {
    const data = Float32Array.from({ length: 100_001 }, (_, i) => i / 100_000 - 0.5)
    const result = histogramOf(data)
    expect(result.min).toBeCloseTo(-0.5, 6)
    expect(result.max).toBeCloseTo(0.5, 6)
    expect(Math.abs(result.low - (0.0035 - 0.5))).toBeLessThan(1 / 4096)
    expect(Math.abs(result.high - (0.9965 - 0.5))).toBeLessThan(1 / 4096)
    expect(result.counts.reduce((sum, n) => sum + n, 0)).toBe(data.length)
  })

  it('leaves out values that are not numbers', () => {
    const result = histogramOf(Float32Array.of(0, 1, Number.NaN, 2, Number.POSITIVE_INFINITY))
    expect([result.min, result.max]).toEqual([0, 2])
  })

  it('estimates a large picture from a part of its pixels that meets every column', () => {
    // Bright in one column of eight: every step that divides the width would see it always or never.
    const data = Float32Array.from({ length: 2048 * 2048 }, (_, i) => (i % 8 === 3 ? 1 : 0))
    const { counts } = histogramOf(data)
    expect((counts[255] as number) / ((counts[0] as number) + (counts[255] as number))).toBeCloseTo(1 / 8, 3)
  })

  it('shows a uniform picture as one full bin', () => {
    const result = histogramOf(new Uint16Array(64).fill(300))
    expect(result).toMatchObject({ min: 300, max: 300, low: 300, high: 300 })
    expect(result.counts[0]).toBe(64)
  })
})
