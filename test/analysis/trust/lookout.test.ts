/** The lookout against what PyTorch makes of the same picture and weights. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { oddLimit } from '#main/analysis/trust/limits.ts'
import { blurredness, type Lookout, lookAt, oddAllOver, oddest } from '#main/analysis/trust/lookout.ts'
import { readTraining } from '#main/inference/training.ts'
import { rootFolder } from '#main/processes.ts'

interface Case {
  readonly layers: readonly (readonly [number, number, 1 | 2])[]
  readonly columns: number
  readonly rows: number
  readonly odd: readonly number[]
  readonly blurred: readonly number[]
  readonly oddest: number
  readonly blurredness: number
}
const known = JSON.parse(readFileSync(new URL('../../cases/trust/lookout.json', import.meta.url), 'utf8')) as Case

/** As in models/training/tools/lookout_cases.py. */
const weights = (number: number, count: number, summed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(0.7 * i + number) * Math.sqrt(2 / summed))
const [width, height] = [64, 72]
const picture = {
  width,
  height,
  data: Float32Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)]
    return Math.floor(800 * Math.exp(-((x - 30) ** 2 + (y - 40) ** 2) / 60)) + ((37 * x + 91 * y + x * y) % 53)
  }),
}

function lookout(): Lookout {
  const layers = known.layers.map(([inputs, outputs, stride], i) => ({
    inputs,
    outputs,
    stride,
    weights: weights(2 * i, outputs * inputs * 9, inputs * 9),
    bias: weights(2 * i + 1, outputs, 50),
  }))
  const last = known.layers.at(-1)![1]
  const number = 2 * layers.length
  return { pixelSizeUm: 0.65, layers, head: { weights: weights(number, 2 * last, last), bias: weights(number + 1, 2, 50) } }
}

describe('the lookout', () => {
  test('gives the log odds that PyTorch gives', () => {
    const found = lookAt(lookout(), picture)!
    expect(found).toMatchObject({ columns: known.columns, rows: known.rows })
    const away = (a: ArrayLike<number>, b: readonly number[]) => Math.max(...b.map((value, i) => Math.abs(value - a[i]!)))
    expect(away(found.odd, known.odd)).toBeLessThan(1e-4)
    expect(away(found.blurred, known.blurred)).toBeLessThan(1e-4)
    expect(oddest(found)).toBeCloseTo(known.oddest, 3)
    expect(blurredness(found)).toBeCloseTo(known.blurredness, 3)
  })
  test('leaves out what is no whole place, and pictures that are mostly edge', () => {
    expect(lookAt(lookout(), { width: 32, height: 144, data: picture.data })).toBeNull()
    const wider = {
      width: 70,
      height: 72,
      data: Float32Array.from({ length: 70 * 72 }, (_, i) => picture.data[Math.floor(i / 70) * 64 + ((i % 70) % 64)]!),
    }
    expect(lookAt(lookout(), wider)).toMatchObject({ columns: 8, rows: 9 })
  })
  test('of the installed package is read, checked by its hash', async () => {
    const { lookout: read } = await readTraining(join(rootFolder, 'models', 'widefield-sr'), 0.325)
    expect(read?.pixelSizeUm).toBe(0.65)
    expect(lookAt(read!, picture)).toMatchObject({ columns: 8, rows: 9 })
  })
  test('tells one odd place from a picture that is odd all over', () => {
    const odd = (value: (i: number) => number) => ({
      columns: 16,
      rows: 16,
      odd: Float32Array.from({ length: 256 }, (_, i) => value(i)),
      blurred: new Float32Array(256),
    })
    const one = odd((i) => ([119, 120, 135, 136].includes(i) ? 5 : -3))
    const all = odd((i) => (i % 2 ? 1.5 : 1))
    expect([oddest(one), oddAllOver(one)]).toEqual([5, -3])
    // At the edge half of the surroundings are missing: an opinion there does not count.
    for (const edge of [(i: number) => i < 16, (i: number) => i >= 240, (i: number) => i % 16 === 0, (i: number) => i % 16 === 15])
      expect(oddest(odd((i) => (edge(i) ? 5 : -3)))).toBe(-3)
    expect([oddest(all), oddAllOver(all)]).toEqual([1.25, 1.25])
  })
  test('allows the oddest of more places to be odder', () => {
    expect(oddLimit(1024)).toBeGreaterThan(oddLimit(256))
  })
})
