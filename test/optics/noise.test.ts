import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Detector, normalQuantile, poissonBelow } from '#main/devices/simulated/noise.ts'
import { Random } from '#main/devices/simulated/random.ts'

const { camera } = JSON.parse(readFileSync(new URL('../cases/optics.json', import.meta.url), 'utf8')) as {
  camera: { expected: number[]; mean: number[]; variance: number[] }
}

function statistics(values: ArrayLike<number>): { mean: number; variance: number } {
  const list = Array.from(values)
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length
  return { mean, variance: list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (list.length - 1) }
}

const count = 200_000
const expose = (electrons: number, seed = 5) => new Detector(seed).expose(new Float32Array(count).fill(electrons))

describe('the detector', () => {
  it.each(camera.expected.map((electrons, i) => ({ electrons, mean: camera.mean[i]!, variance: camera.variance[i]! })))(
    'has the right mean and variance for $electrons expected electrons',
    ({ electrons, mean, variance }) => {
      const found = statistics(expose(electrons))
      expect(Math.abs(found.mean - mean)).toBeLessThan(5 * Math.sqrt(variance / count))
      // The variance of a variance: 2/N for a normal distribution, and 1/μ more for Poisson's.
      expect(Math.abs(found.variance / variance - 1)).toBeLessThan(5 * Math.sqrt((2 + 1 / Math.max(0.5, electrons)) / count))
    },
  )

  it('shows its gain by photon transfer: the variance grows by 1/0.46 ADU for each ADU of the mean', () => {
    const levels = [50, 200, 800, 2000].map((electrons) => statistics(expose(electrons)))
    const slope = (levels[3]!.variance - levels[0]!.variance) / (levels[3]!.mean - levels[0]!.mean)
    expect(1 / slope).toBeCloseTo(0.46, 2)
  })

  it('draws small counts from the Poisson distribution', () => {
    const random = new Random(3)
    const counts = new Array<number>(12).fill(0)
    for (let i = 0; i < count; i++) {
      const value = poissonBelow(2.5, random.uniform())
      if (value < counts.length) counts[value]!++
    }
    let probability = Math.exp(-2.5)
    let chiSquare = 0
    for (let k = 0; k < 10; k++) {
      chiSquare += (counts[k]! - count * probability) ** 2 / (count * probability)
      probability *= 2.5 / (k + 1)
    }
    // The 0.9999 quantile of chi-square with 9 degrees of freedom.
    expect(chiSquare).toBeLessThan(33.7)
  })

  it('knows the normal quantiles of the tables', () => {
    for (const [p, z] of [
      [0.5, 0],
      [0.975, 1.959964],
      [0.99, 2.326348],
      [0.001, -3.090232],
    ] as const)
      expect(normalQuantile(p)).toBeCloseTo(z, 5)
  })

  it('saturates at 65,535 and never falls below 0', () => {
    expect(expose(1e6).every((value) => value === 65535)).toBe(true)
    expect(Math.min(...new Detector(1).expose(new Float32Array(5000)))).toBeGreaterThan(60)
  })

  it('repeats itself with the same seed and differs with another', () => {
    expect(expose(30, 8)).toEqual(expose(30, 8))
    expect(expose(30, 8)).not.toEqual(expose(30, 9))
  })

  it('fills with the same bits as it draws one by one', () => {
    const bits = new Uint32Array(50)
    new Random(4).fill(bits)
    const single = new Random(4)
    expect([...bits]).toEqual(Array.from({ length: 50 }, () => single.bits()))
  })
})
