/** The regression that foretells whether deconvolution would have been better, on cases with a known answer. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { figuresOf, foretold } from '#main/analysis/trust/foresight.ts'
import { foresight as shipped } from '#main/analysis/trust/limits.ts'
import { rootFolder } from '#main/processes.ts'
import { choose, worseThan } from '#test/evaluation/trust/classical.ts'
import { allowed, foresee, stretchOf, tail } from '#test/evaluation/trust/fit.ts'
import type { Row } from '#test/evaluation/trust/row.ts'
import { auroc } from '#test/evaluation/trust/table.ts'
import { normals } from './pictures.ts'

const foresight = { network: 'a', bias: 1, terms: [{ figure: 'photons', mean: 2, deviation: 0.5, weight: -2 }] }

describe('what is foretold', () => {
  test('is the logistic function of the weighed figures, which count three deviations at most', () => {
    expect(foretold(foresight, { photons: 2 })).toBeCloseTo(1 / (1 + Math.exp(-1)), 9)
    expect(foretold(foresight, { photons: 3 })).toBeCloseTo(1 / (1 + Math.exp(3)), 9)
    expect(foretold(foresight, { photons: 9 })).toBeCloseTo(1 / (1 + Math.exp(5)), 9)
  })
  test('is nothing where a figure is missing', () => {
    expect(foretold(foresight, { frequency: 0.4 })).toBeNull()
    expect(foretold(foresight, figuresOf([], null))).toBeNull()
  })
  test('was learned from the network that is shipped: of another one nothing is foretold', () => {
    const weights = readFileSync(join(rootFolder, 'models', 'widefield-sr', 'model.onnx'))
    expect(shipped.network).toBe(createHash('sha256').update(weights).digest('hex'))
  })
})

describe('the area under the curve', () => {
  test('is the share of pairs in the right order, ties counting half', () => {
    // Of the six pairs of (3, 2) with (1, 2, 3): 3 > 1, 3 > 2, 3 = 3, 2 > 1, 2 = 2, 2 < 3.
    expect(auroc([3, 2], [1, 2, 3])).toBeCloseTo(4 / 6, 12)
    expect(auroc([], [1])).toBeNull()
  })
})

describe('the rehearsal', () => {
  const row = (photons: number, output: number, classical: readonly number[], x = 0): Row => ({
    kind: 'in range',
    seed: 0,
    photons,
    level: 'fine',
    by: [],
    readings: {},
    figures: new Proxy({}, { get: (_, name) => (name === 'photons' ? x : 0) }),
    lack: { output, input: 0.5, classical },
  })
  test('chooses the classical setting for each level of light by the mean, not by each picture’s truth', () => {
    const rows = [row(50, 0, [0.1, 0.4, 0.3]), row(60, 0, [0.5, 0.2, 0.2]), row(900, 0, [0.3, 0.2, 0.25])]
    const choice = choose(rows)
    expect([choice[0], choice[2]]).toEqual([2, 1])
    // The best for this picture would be 0.1, but nobody could know.
    expect(worseThan(row(50, 0.2, [0.1, 0.4, 0.3]), choice)).toBe(false)
    expect(worseThan(row(50, 0.2, [0.1, 0.4, 0.3]), null)).toBe(true)
  })
  test('draws a limit beyond the frames that it has by the exponential law', () => {
    // Quantiles of the exponential distribution of scale 2: 1 % lie above 2 ln 100.
    const found = Array.from({ length: 2000 }, (_, i) => -2 * Math.log(1 - (i + 0.5) / 2000))
    expect(tail(found, 1).limit).toBeCloseTo(2 * Math.log(100), 1)
    expect(tail(found, 1).growth).toBeCloseTo(2, 1)
  })
  test('raises the shares of all figures until together they flag what is allowed', () => {
    // Two figures of exponential tails that alone flag 1.9 and 0.7 %: as one and the same the larger share counts, apart nearly their sum.
    const tails = (seed: number) => normals(20_000, seed).map((value) => Math.log(1 + Math.exp(1.702 * value)))
    const frames = (odd: Float32Array, regular: Float32Array) =>
      [...odd].map((value, i) => ({ ...row(50, 0, []), readings: { odd: value, repetition: Math.exp(regular[i]!) } }))
    const [first, second] = [tails(5), tails(6)]
    const shares = { odd: 1.9, repetition: 0.7 }
    expect(Math.abs((1.9 * stretchOf(frames(first, first), shares)) / allowed - 1)).toBeLessThan(0.08)
    expect(Math.abs((2.6 * stretchOf(frames(first, second), shares)) / allowed - 1)).toBeLessThan(0.08)
  })
  test('finds the weight by which chances were drawn', () => {
    // Chance of being worse: 1 / (1 + exp(−1.5 x)).
    const x = normals(4000, 5)
    const chance = normals(4000, 6)
    const rows = [...x].map((value, i) => {
      // A standard normal below Φ⁻¹(p): compared through the logistic approximation of Φ, 1 / (1 + exp(−1.702 z)).
      const worse = 1 / (1 + Math.exp(-1.702 * chance[i]!)) < 1 / (1 + Math.exp(-1.5 * value))
      return row(50, worse ? 0.4 : 0.1, [0.2], value)
    })
    const { terms, bias } = foresee(rows, [0, 0, 0, 0], 'a')
    const weight = terms.find(({ figure }) => figure === 'photons')!
    expect(weight.weight / weight.deviation).toBeGreaterThan(1.3)
    expect(weight.weight / weight.deviation).toBeLessThan(1.7)
    expect(Math.abs(bias)).toBeLessThan(0.15)
  })
})
