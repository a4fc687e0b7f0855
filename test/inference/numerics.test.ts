import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { preprocessingSchema } from '#main/inference/bioimage-io/operation-schema.ts'
import { type AffineOperation, normalisationFor, postprocess } from '#main/inference/operations.ts'
import { resample } from '#main/inference/resample.ts'
import { Statistics } from '#main/inference/statistics.ts'
import { caseFolder } from './packages.ts'

interface Picture {
  readonly width: number
  readonly height: number
  readonly data: readonly number[]
}

const numerics = JSON.parse(readFileSync(join(caseFolder, 'numerics.json'), 'utf8')) as {
  percents: number[]
  floats: number[]
  floatPercentiles: number[]
  floatMean: number
  floatDeviation: number
  integers: number[]
  integerPercentiles: number[]
  image: Picture
  half: Picture
  threeQuarters: Picture
}

describe('statistics', () => {
  test('percentiles of floats are those of numpy, also when the image comes in pieces', () => {
    const statistics = new Statistics(numerics.percents)
    const all = Float32Array.from(numerics.floats)
    const pieces = [all.subarray(0, 400), all.subarray(400, 401), all.subarray(401)]
    for (const piece of pieces) statistics.add(piece)
    expect(statistics.needsSecondPass).toBe(true)
    for (const piece of pieces) statistics.refine(piece)
    numerics.percents.forEach((percent, i) => {
      expect(statistics.percentile(percent)).toBeCloseTo(numerics.floatPercentiles[i] as number, 5)
    })
    expect(statistics.mean).toBeCloseTo(numerics.floatMean, 6)
    expect(statistics.deviation).toBeCloseTo(numerics.floatDeviation, 6)
  })

  test('percentiles of 16-bit pixels are those of numpy in one pass', () => {
    const statistics = new Statistics(numerics.percents)
    statistics.add(Uint16Array.from(numerics.integers))
    expect(statistics.needsSecondPass).toBe(false)
    numerics.percents.forEach((percent, i) => {
      expect(statistics.percentile(percent)).toBeCloseTo(numerics.integerPercentiles[i] as number, 6)
    })
  })

  test('an image with a value that is not finite is known as such', () => {
    const statistics = new Statistics([50])
    statistics.add(Float32Array.of(1, Number.NaN, 2))
    expect(statistics.finite).toBe(false)
  })
})

describe('resampling', () => {
  const { image } = numerics

  test.each([
    ['half', 0.5],
    ['threeQuarters', 0.75],
  ] as const)('to %s of the pixel size gives what the training computes', (name, ratio) => {
    const wanted = numerics[name]
    const result = resample(Float32Array.from(image.data), image.width, image.height, ratio)
    expect([result.width, result.height]).toEqual([wanted.width, wanted.height])
    wanted.data.forEach((value, i) => {
      expect(Math.abs((result.data[i] as number) - value)).toBeLessThan(1e-3)
    })
  })

  test('a coarser grid averages instead of aliasing: a checkerboard becomes grey', () => {
    const side = 64
    const board = Float32Array.from({ length: side * side }, (_, i) => ((i % side) + Math.floor(i / side)) % 2)
    const { data, width } = resample(board, side, side, 4)
    expect(width).toBe(16)
    for (let y = 2; y < 14; y++) for (let x = 2; x < 14; x++) expect(data[y * 16 + x]).toBeCloseTo(0.5, 2)
  })

  test('a flat image stays flat', () => {
    const { data } = resample(new Float32Array(35).fill(7), 5, 7, 0.3)
    for (const value of data) expect(value).toBeCloseTo(7, 5)
  })
})

describe('operations', () => {
  const read = (operation: unknown) => preprocessingSchema.parse(operation) as AffineOperation
  const statistics = () => {
    const found = new Statistics([0, 100])
    found.add(Uint8Array.of(10, 20, 30, 40))
    return found
  }

  // Expected by hand, from the formulas of the BioImage.IO specification.
  test.each([
    ['scale_range', [{ id: 'scale_range' }], 10, 30 + 1e-6],
    ['zero_mean_unit_variance', [{ id: 'zero_mean_unit_variance' }], 25, Math.sqrt(125) + 1e-6],
    ['fixed_zero_mean_unit_variance', [{ id: 'fixed_zero_mean_unit_variance', kwargs: { mean: 3, std: 2 } }], 3, 2],
    ['scale_linear: x·4 + 2', [{ id: 'scale_linear', kwargs: { gain: 4, offset: 2 } }], -0.5, 0.25],
    ['scale_linear, then scale_range', [{ id: 'scale_linear', kwargs: { gain: 2, offset: 1 } }, { id: 'scale_range' }], 10, 30 + 1e-6 / 2],
  ])('%s becomes an offset and a scale', (_name, chain, offset, scale) => {
    const result = normalisationFor(chain.map(read), statistics())
    expect(result.offset).toBeCloseTo(offset, 9)
    expect(result.scale).toBeCloseTo(scale, 9)
  })

  test('sigmoid and clip act on every value', () => {
    const data = Float32Array.of(0, Math.log(3), -100)
    postprocess([{ id: 'sigmoid' }, { id: 'clip', min: 0.1, max: 0.6, minPercentile: null, maxPercentile: null, axes: null }], data)
    expect([...data]).toEqual([0.5, expect.closeTo(0.6, 6), expect.closeTo(0.1, 6)])
  })
})
