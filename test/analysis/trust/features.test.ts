/** The guard's features against those that numpy gives for the same tiles. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { featureCount, features, tileSide } from '#main/analysis/trust/features.ts'

interface Cases {
  readonly names: string[]
  readonly cases: { readonly name: string; readonly features: number[] }[]
}
const { names, cases } = JSON.parse(readFileSync(new URL('../../cases/trust/features.json', import.meta.url), 'utf8')) as Cases

/** As in models/training/tools/statistics_cases.py. */
const grain = (x: number, y: number) => (7919 * x + 104729 * y + 31 * x * y + ((x * x * y * y) % 4093)) % 997
const pictures: Readonly<Record<string, (x: number, y: number) => number>> = {
  'grain alone': grain,
  'a broad spot in grain': (x, y) => Math.floor(4000 * Math.exp(-((x - 50) ** 2 + (y - 70) ** 2) / 800)) + grain(x, y),
  'stripes in grain': (x, y) => Math.floor(600 * (1 + Math.sin((2 * Math.PI * (3 * x + y)) / 29))) + grain(x, y),
  'one value': () => 100,
}

describe('features of a tile', () => {
  test.each(cases)('are those that numpy finds for $name', ({ name, features: expected }) => {
    const picture = pictures[name]!
    const data = Float32Array.from({ length: tileSide ** 2 }, (_, i) => picture(i % tileSide, Math.floor(i / tileSide)))
    const found = features({ width: tileSide, height: tileSide, data })
    expect(names).toHaveLength(featureCount)
    const different = names.filter((_, i) => Math.abs(found[i]! - expected[i]!) > 2e-5).map((label) => label)
    expect(different).toEqual([])
  })
})
