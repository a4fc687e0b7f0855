import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { preprocessingSchema } from '#main/inference/bioimage-io/operation-schema.ts'
import { type AffineOperation, normalisationFor, postprocess } from '#main/inference/operations.ts'
import { Statistics } from '#main/inference/statistics.ts'
import { Workbench } from '#main/inference/workbench.ts'
import type { Pixels } from '#shared/image/frame.ts'
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

/** The whole image on a grid of `ratio` times its pixel size. */
function resample(data: Pixels, width: number, height: number, ratio: number) {
  const size = { width: Math.round(width / ratio), height: Math.round(height / ratio) }
  const bench = new Workbench({ ...size, channels: 0 }, { width, height, ratio })
  bench.fill({ width, height, data, firstRow: 0 }, 0, 0, { offset: 0, scale: 1 })
  return { ...size, data: bench.input }
}

/** Where the i-th step is of someone who walks from 0 to length − 1 and back, and so on. */
function toAndFro(length: number, i: number): number {
  const there = Array.from({ length }, (_, at) => at)
  const way = [...there, ...there.slice(1, -1).reverse()]
  return way[i % way.length] as number
}

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

  test.each([
    ['half', 0.5],
    ['threeQuarters', 0.75],
  ] as const)('to %s of it, in tiles: each is cut out of what the training computes, and mirrored beyond its edges', (name, ratio) => {
    const wanted = numerics[name]
    const { width, height } = image
    const bench = new Workbench({ width: 11, height: 9, channels: 0 }, { width, height, ratio })
    for (let y = 0; y < wanted.height; y += 5) {
      for (let x = 0; x < wanted.width; x += 5) {
        bench.fill({ width, height, data: Float32Array.from(image.data), firstRow: 0 }, y, x, { offset: 0, scale: 1 })
        bench.input.forEach((value, i) => {
          const row = y + toAndFro(Math.min(9, wanted.height - y), Math.floor(i / 11))
          const column = x + toAndFro(Math.min(11, wanted.width - x), i % 11)
          expect(Math.abs(value - (wanted.data[row * wanted.width + column] as number))).toBeLessThan(1e-3)
        })
      }
    }
  })

  test.each([
    ['bytes', Uint8Array],
    ['16-bit numbers', Uint16Array],
    ['floats', Float32Array],
  ] as const)('%s are brought to (value − offset) / scale on the way, on their own grid and on another', (_name, Type) => {
    const data = Type.from(Array.from({ length: 7 * 5 }, (_, i) => 7 * i))
    for (const ratio of [1, 0.5]) {
      const bench = new Workbench({ width: 7 / ratio, height: 5 / ratio, channels: 0 }, { width: 7, height: 5, ratio })
      bench.fill({ width: 7, height: 5, data, firstRow: 0 }, 0, 0, { offset: 3, scale: 4 })
      const plain = resample(Float32Array.from(data), 7, 5, ratio)
      bench.input.forEach((value, i) => {
        expect(value).toBeCloseTo(((plain.data[i] as number) - 3) / 4, 4)
      })
    }
  })

  test('a coarser grid averages instead of aliasing: a checkerboard becomes grey', () => {
    const side = 64
    const board = Float32Array.from({ length: side * side }, (_, i) => ((i % side) + Math.floor(i / side)) % 2)
    const { data, width } = resample(board, side, side, 4)
    expect(width).toBe(16)
    for (let y = 2; y < 14; y++) for (let x = 2; x < 14; x++) expect(data[y * 16 + x]).toBeCloseTo(0.5, 2)
  })

  test('a flat image stays flat', () => {
    const { data } = resample(new Uint8Array(35).fill(7), 5, 7, 0.3)
    for (const value of data) expect(value).toBeCloseTo(7, 5)
  })
})

describe('what the network gives', () => {
  const bench = new Workbench({ width: 13, height: 6, channels: 2 }, { width: 13, height: 6, ratio: 1 })
  const part = { top: 1, bottom: 5, left: 2, right: 12 }
  const inside = (i: number) => Math.floor(i / 13) >= 1 && Math.floor(i / 13) < 5 && i % 13 >= 2 && i % 13 < 12

  test('comes to the image’s units where it is kept, and nowhere else', () => {
    bench.output.forEach((_, i) => {
      bench.output[i] = i
    })
    expect(bench.restore(1, part, 2, 100)).toBe(true)
    bench.output.forEach((value, i) => {
      expect(value).toBe(i >= 78 && inside(i - 78) ? 2 * i + 100 : i)
    })
  })

  test.each([
    ['a whole channel', { top: 0, bottom: 6, left: 0, right: 13 }],
    ['a part', part],
  ])('is known to hold a value that is not finite, wherever it stands in %s', (_name, kept) => {
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      for (let i = 0; i < 78; i++) {
        bench.output.fill(1)
        bench.output[i] = odd
        expect(bench.restore(0, kept, 1, 0)).toBe(!(kept.left === 0 || inside(i)))
      }
    }
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
