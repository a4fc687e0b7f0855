/** Measures of resolution on pictures whose band limit is known. */
import { describe, expect, test } from 'vitest'
import { decorrelation } from '#main/analysis/trust/decorrelation.ts'
import { fourierRing } from '#main/analysis/trust/fourier-ring.ts'
import { blur } from '#main/analysis/trust/smooth.ts'
import type { Plane } from '#shared/image/plane.ts'
import { normals, plane } from './pictures.ts'

const size = 256
/** Random structure whose spectrum falls as exp(−2π²σ²k²). */
const structure = (sigma: number, seed = 3): Plane => {
  const { data } = blur({ width: size, height: size, data: normals(size * size, seed) }, sigma)
  const std = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length)
  return { width: size, height: size, data: data.map((value) => value / std) }
}
const noisy = (clean: Plane, sigma: number, seed: number): Plane => {
  const noise = normals(size * size, seed)
  return { ...clean, data: clean.data.map((value, i) => value + sigma * noise[i]!) }
}

describe('Fourier ring correlation', () => {
  test('crosses 1/7 where the signal’s power is a sixth of the noise’s', () => {
    // For two frames FRC = S / (S + N) in expectation, so 1/7 means S = N / 6. S(k) ∝ exp(−4π²σ²k²), Σ S = Σ N / noise².
    const [sigma, noise] = [2, 0.5]
    const found = fourierRing(noisy(structure(sigma), noise, 11), noisy(structure(sigma), noise, 12))
    // Power of unit variance per coefficient: S(k) = 4πσ² exp(−4π²σ²k²) against N = noise².
    const k = Math.sqrt(Math.log((6 * 4 * Math.PI * sigma ** 2) / noise ** 2)) / (2 * Math.PI * sigma)
    expect(found.frequency).toBeCloseTo(2 * k, 1)
    expect(found.resolution! * k).toBeCloseTo(1, 0.9)
  })
  test('is 1 at every ring for two equal pictures, and finds nothing in common in noise', () => {
    expect(fourierRing(structure(1), structure(1)).frequency).toBe(1)
    expect(
      fourierRing(
        noisy(
          plane(size, () => 0),
          1,
          1,
        ),
        noisy(
          plane(size, () => 0),
          1,
          2,
        ),
      ).frequency,
    ).toBeLessThan(0.05)
  })
})

describe('decorrelation analysis', () => {
  test('finds nothing in pure noise', () => {
    expect(
      decorrelation(
        noisy(
          plane(size, () => 0),
          1,
          4,
        ),
      ),
    ).toMatchObject({ frequency: 0, resolution: null })
  })
  test('finds a finer picture finer, and the same for any brightness', () => {
    const found = [4, 2, 1].map((sigma) => decorrelation(noisy(structure(sigma), 0.05, 6)).frequency)
    expect(found[0]).toBeLessThan(found[1]!)
    expect(found[1]).toBeLessThan(found[2]!)
    const scaled = noisy(structure(2), 0.05, 6)
    expect(decorrelation({ ...scaled, data: scaled.data.map((value) => 3000 * value + 500) }).frequency).toBeCloseTo(found[1]!, 2)
  })
  test('finds the sharp band limit of a picture', () => {
    // Sums of waves up to 0.3 of the sampling limit, k = 0.15 per pixel, each of random direction and phase, in a little noise.
    const random = normals(1200, 21)
    const waves = Array.from({ length: 300 }, (_, i) => {
      const [a, b, c, d] = [random[4 * i]!, random[4 * i + 1]!, random[4 * i + 2]!, random[4 * i + 3]!]
      const k = 0.15 * Math.sqrt((i + 0.5) / 300)
      return { kx: (k * a) / Math.hypot(a, b), ky: (k * b) / Math.hypot(a, b), phase: Math.atan2(c, d) }
    })
    const clean = plane(size, (x, y) =>
      waves.reduce((sum, { kx, ky, phase }) => sum + Math.cos(2 * Math.PI * (kx * x + ky * y) + phase), 0),
    )
    expect(decorrelation(noisy(clean, 1, 8)).frequency).toBeCloseTo(0.3, 1)
  })
})
