/** The error map on cases whose answer is known: an output of which the input is the blurred image. */
import { describe, expect, test } from 'vitest'
import { minimise } from '#main/analysis/trust/brent.ts'
import { noiseOf, noiseOfPair, varianceAt } from '#main/analysis/trust/noise.ts'
import { averaged } from '#main/analysis/trust/smooth.ts'
import { explain, unexplained } from '#main/analysis/trust/squirrel.ts'
import type { Plane } from '#shared/image/plane.ts'
import { gaussian, normals, plane } from './pictures.ts'

const quiet = { ground: 1e-6, slope: 0, least: 1e-6 }
const spots = [
  { x: 40, y: 50 },
  { x: 90.5, y: 30.25 },
  { x: 70, y: 100 },
]
/** Gaussian spots of the given variance: blurring by σ adds σ² to it, which is exact. */
const picture = (variance: number): Plane =>
  plane(128, (x, y) => spots.reduce((sum, spot) => sum + gaussian(x - spot.x, y - spot.y, variance), 0))

describe('Brent’s method', () => {
  test('finds the minimum of x⁴ − 3x³ + 2 on [0, 4], which lies at 9/4', () => {
    expect(minimise((x) => x ** 4 - 3 * x ** 3 + 2, 0, 4, 1e-6).x).toBeCloseTo(2.25, 4)
  })
  test('finds a minimum at the edge', () => {
    expect(minimise((x) => x, 1, 3, 1e-4).x).toBeCloseTo(1, 3)
  })
  test('needs fewer evaluations for a parabola than the 29 of the golden section', () => {
    expect(minimise((x) => (x - 1.234) ** 2, 0, 10, 1e-5).evaluations).toBeLessThan(20)
  })
})

describe('the error map', () => {
  test('finds the blur, the factor and the offset that turn the output into the input', () => {
    const input = picture(9)
    const output = { ...picture(7), data: picture(7).data.map((value) => (value - 5) / 40) }
    const found = explain(input, output, quiet)
    expect(found.sigma).toBeCloseTo(Math.sqrt(2), 1)
    expect(found.factor).toBeCloseTo(40, 0)
    expect(found.offset).toBeCloseTo(5, 1)
    expect(found.rsp).toBeGreaterThan(0.9999)
    expect(found.rse).toBeLessThan(1e-4)
    expect(found.atBound).toBe(false)
  })

  test('compares a finer output on the input’s grid', () => {
    const fine = plane(256, (x, y) => gaussian(x / 2 - 40, y / 2 - 60, 6))
    expect(explain(averaged(fine, 128, 128), fine, quiet)).toMatchObject({
      width: 128,
      sigma: expect.closeTo(0, 0.5),
      rsp: expect.closeTo(1, 5),
    })
  })

  test('says that the blur is at its bound where the output is much finer than the input', () => {
    expect(explain(picture(25), picture(2), quiet).atBound).toBe(true)
  })

  test('has the ceiling sqrt(1 − noise / variance) for the truth behind a noisy input', () => {
    const clean = plane(256, (x, y) => 100 * Math.sin(x / 9) * Math.cos(y / 11))
    const noise = normals(256 * 256, 5)
    const input = { ...clean, data: clean.data.map((value, i) => value + 50 * noise[i]!) }
    const found = explain(input, clean, { ground: 2500, slope: 0, least: 2500 })
    expect(found.rsp).toBeCloseTo(found.ceiling, 2)
    // Variance 100²/4 of the waves, 50² of the noise.
    expect(found.ceiling).toBeCloseTo(Math.SQRT1_2, 1)
  })

  test('points at what the output left out, with its sign', () => {
    const noise = normals(128 * 128, 9)
    const clean = plane(128, (x, y) => 100 + 2 * Math.sin(x / 7) * Math.sin(y / 8))
    const input = {
      ...clean,
      data: clean.data.map((value, i) => value + noise[i]! + 30 * gaussian((i % 128) - 100, Math.floor(i / 128) - 20, 3)),
    }
    const model = { ground: 1, slope: 0, least: 1 }
    const map = unexplained(explain(input, clean, model), model)
    const largest = map.reduce((best, value, i) => (Math.abs(value) > Math.abs(map[best]!) ? i : best), 0)
    expect([largest % 128, Math.floor(largest / 128)]).toEqual([expect.closeTo(100, -0.5), expect.closeTo(20, -0.5)])
    expect(map[largest]).toBeGreaterThan(8)
  })
})

describe('the noise of a picture', () => {
  // Shot noise: variance = 2 · (value − 100) + 9.
  const clean = plane(256, (x, y) => 300 + 200 * Math.sin(x / 40) * Math.cos(y / 35))
  const frame = (seed: number): Plane => {
    const noise = normals(256 * 256, seed)
    return { ...clean, data: clean.data.map((value, i) => value + Math.sqrt(2 * (value - 100) + 9) * noise[i]!) }
  }
  test.each([
    ['of one frame', () => noiseOf(frame(1))],
    ['of two', () => noiseOfPair(frame(1), frame(2))],
  ])('%s is found to a tenth', (_, found) => {
    const model = found()
    for (const value of [150, 300, 450]) expect(Math.abs(varianceAt(model, value) / (2 * (value - 100) + 9) - 1)).toBeLessThan(0.1)
    expect(Math.abs(model.slope / 2 - 1)).toBeLessThan(0.1)
  })
})
