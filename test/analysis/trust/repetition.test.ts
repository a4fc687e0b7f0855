/** What repeats: against numpy by the same definition, and on pictures of which it is known whether they are lattices. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { judge } from '#main/analysis/trust/judge.ts'
import { repetitionLimit } from '#main/analysis/trust/limits.ts'
import { mostRegular, repetition } from '#main/analysis/trust/repetition.ts'
import { Random } from '#main/devices/simulated/random.ts'
import { readTraining } from '#main/inference/training.ts'
import { rootFolder } from '#main/processes.ts'
import { cut, type Plane } from '#shared/image/plane.ts'
import { gaussian, normals, plane } from './pictures.ts'

interface Case {
  readonly width: number
  readonly height: number
  readonly columns: number
  readonly rows: number
  readonly prominence: readonly number[]
}
const known = JSON.parse(readFileSync(new URL('../../cases/trust/repetition.json', import.meta.url), 'utf8')) as Case

const size = 128
const value = (picture: Plane) => mostRegular(repetition(picture) as NonNullable<ReturnType<typeof repetition>>).value
const limit = repetitionLimit(784)

/** Poisson-like noise on a background of 100, and a picture of the given brightest on it. */
function photographed(picture: Plane, photons: number, seed: number): Plane {
  const noise = normals(picture.data.length, seed)
  const data = picture.data.map((bright, i) => 100 + photons * bright + Math.sqrt(10 + photons * bright) * (noise[i] as number))
  return { ...picture, data }
}

/** Dots of a pixel's width where `a` and `b` point, around the middle, out to `reach` steps; the brightest is 1. */
function dots(a: readonly [number, number], b: readonly [number, number], reach: number): Plane {
  const data = new Float32Array(size * size)
  for (let i = -reach; i <= reach; i++)
    for (let j = -reach; j <= reach; j++) {
      const [cx, cy] = [64.3 + i * a[0] + j * b[0], 63.8 + i * a[1] + j * b[1]]
      for (let y = Math.floor(cy) - 4; y <= cy + 5; y++)
        for (let x = Math.floor(cx) - 4; x <= cx + 5; x++) data[y * size + x]! += gaussian(x - cx, y - cy, 0.8) * 0.8
    }
  return { width: size, height: size, data }
}

/** Straight fibres at random, of a pixel's width. */
function fibres(count: number, seed: number): Plane {
  const random = new Random(seed)
  const lines = Array.from({ length: count }, () => [random.uniform(0, Math.PI), random.uniform(-60, 60)] as const)
  return plane(size, (x, y) =>
    Math.min(
      1,
      lines.reduce((sum, [angle, at]) => sum + Math.exp(-(((x - 64) * Math.cos(angle) + (y - 64) * Math.sin(angle) - at) ** 2) / 2), 0),
    ),
  )
}

describe('how much a picture repeats', () => {
  test('is what numpy finds by the same definition', () => {
    const { width, height } = known
    const data = Float32Array.from({ length: width * height }, (_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)]
      return ((37 * x + 91 * y + x * y) % 53) + (x % 3 === 0 && y % 3 === 0 && x > 30 ? 90 : 0)
    })
    const found = repetition({ width, height, data })
    expect(found).toMatchObject({ columns: known.columns, rows: known.rows })
    known.prominence.forEach((expected, i) => {
      expect(Math.abs((found?.prominence[i] as number) / expected - 1)).toBeLessThan(0.002)
    })
  })

  test.each([
    ['square', [2.5, 0], [0, 2.5]],
    ['square, turned', [2.6, 1.5], [-1.5, 2.6]],
    ['hexagonal', [3, 0], [1.5, 2.6]],
    ['oblique', [3.2, 0.4], [0.9, 2.7]],
  ] as const)('tells a %s patch of dots from the noise around it, and where it lies', (_, a, b) => {
    const found = repetition(photographed(dots(a, b, 3), 200, 5))
    const { value: most } = mostRegular(found as NonNullable<typeof found>)
    expect(most).toBeGreaterThan(limit)
    const at = found?.prominence.indexOf(most) as number
    const middle = (index: number) => 4 * index + 10
    expect(Math.hypot(middle(at % 28) - 64, middle(Math.floor(at / 28)) - 64)).toBeLessThan(12)
  })

  test('does not object to noise, spots, fibres that cross, stripes of one direction, a plain area or a single bright pixel', () => {
    const random = new Random(3)
    const spots = plane(size, () => 0)
    for (let n = 0; n < 60; n++) {
      const [cx, cy] = [random.uniform(8, 120), random.uniform(8, 120)]
      for (let i = 0; i < spots.data.length; i++) spots.data[i]! += gaussian((i % size) - cx, Math.floor(i / size) - cy, 1.2)
    }
    const stripes = plane(size, (x, y) => 0.5 + 0.5 * Math.cos(2 * Math.PI * (0.3 * x + 0.1 * y)))
    const nothing = plane(size, () => 0)
    for (const seed of [1, 2, 3]) {
      for (const picture of [nothing, spots, fibres(14, seed), stripes, plane(size, (x) => (x > 50 ? 1 : 0))])
        expect(value(photographed(picture, 300, seed))).toBeLessThan(limit)
    }
    expect(value(nothing)).toBe(0)
    expect(value(plane(size, (x, y) => (x === 64 && y === 64 ? 1000 : 0)))).toBeLessThan(limit)
  })

  test('does not depend on brightness, contrast or offset', () => {
    const picture = photographed(dots([2.5, 0], [0, 2.5], 3), 200, 7)
    const other = { ...picture, data: picture.data.map((bright) => 3 * bright - 200) }
    expect(value(other) / value(picture)).toBeCloseTo(1, 3)
  })

  test('is not told of a picture smaller than a place', () => {
    expect(repetition(plane(19, () => 1))).toBeNull()
    expect(repetition(plane(20, () => 1))).toMatchObject({ columns: 1, rows: 1 })
  })

  test('does not object to noise in a small picture either', () => {
    for (const small of [20, 24, 32, 48])
      for (let seed = 1; seed <= 50; seed++) {
        const data = normals(small * small, seed)
        const { places, value: most } = mostRegular(
          repetition({ width: small, height: small, data }) as NonNullable<ReturnType<typeof repetition>>,
        )
        expect(most).toBeLessThan(repetitionLimit(places))
      }
  })

  test('knows nothing of places with a pixel that is no number, and goes on with the others', () => {
    const picture = photographed(dots([2.5, 0], [0, 2.5], 3), 200, 5)
    const broken = { ...picture, data: picture.data.slice() }
    broken.data[5 * size + 5] = Number.NaN
    broken.data[5 * size + 90] = Number.POSITIVE_INFINITY
    expect(value(broken)).toBe(value(picture))
  })

  test('may be more, where there are more places', () => {
    expect(repetitionLimit(4 * 784)).toBeGreaterThan(limit)
  })
})

test('a lattice in an otherwise ordinary picture costs it its “fine”, with a map that shows the place', async () => {
  const training = await readTraining(join(rootFolder, 'models', 'widefield-sr'), 0.325)
  const judged = ({ width, height, data }: Plane) =>
    judge({
      facts: { pixelSizeUm: 0.65, numericalAperture: 0.4, emissionNm: 525, modality: 'widefield', bitDepth: 16, structure: null },
      training,
      input: { width, height, data },
      output: { width, height, data },
      outputPixelUm: 0.65,
      depth: 'full',
    })
  // 128 wide, 96 high, the patch of dots at (64, 40).
  const lower = (picture: Plane) => photographed(cut(picture, 0, 24, size, 96), 200, 5)
  const { report, maps } = judged(lower(dots([2.5, 0], [0, 2.5], 3)))
  const reading = report.instruments.flatMap(({ readings }) => readings).find(({ id }) => id === 'repetition')
  expect(reading).toMatchObject({ status: 'caution', side: 'input' })
  const said = (of: typeof report) => of.verdict.reasons.map(({ message }) => message).join(' ')
  expect(said(report)).toContain('repeats regularly in two directions')
  const map = maps.find(({ id }) => id === 'repetition')
  expect(map).toMatchObject({ width: 32, height: 24, label: 'Repetition' })
  const bytes = map?.bytes as Uint8Array
  const data = new Float32Array(bytes.buffer, bytes.byteOffset, 32 * 24)
  const brightest = data.indexOf(Math.max(...data))
  expect(Math.abs(4 * (brightest % 32) + 2 - 64)).toBeLessThanOrEqual(8)
  expect(Math.abs(4 * Math.floor(brightest / 32) + 2 - 40)).toBeLessThanOrEqual(8)
  expect(said(judged(lower(fibres(14, 1))).report)).not.toContain('repeats')
})
