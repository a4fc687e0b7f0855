import { describe, expect, test } from 'vitest'
import { type AxisPlan, largestTile, mirrored, planAxis, type SizeRule } from '#main/inference/tiling.ts'

function check(plan: AxisPlan, rule: SizeRule, halo: number): void {
  const taken = new Array<number>(plan.length).fill(0)
  for (const { start, keepStart, keepEnd } of plan.spans) {
    expect(start).toBeGreaterThanOrEqual(0)
    expect(start + plan.size).toBeLessThanOrEqual(plan.padded)
    if (rule.step > 0) expect(start % rule.step).toBe(0)
    // What is kept lies a halo inside the tile, but for the image's own edges.
    if (keepStart > 0) expect(keepStart - start).toBeGreaterThanOrEqual(halo)
    if (keepEnd < plan.length) expect(start + plan.size - keepEnd).toBeGreaterThanOrEqual(halo)
    for (let i = keepStart; i < keepEnd; i++) taken[i] = (taken[i] as number) + 1
  }
  expect(taken.every((times) => times === 1)).toBe(true)
  expect(rule.step === 0 ? plan.size === rule.min : plan.size >= rule.min && (plan.size - rule.min) % rule.step === 0).toBe(true)
}

test('beyond its ends an axis is mirrored as by numpy.pad(range(4), (4, 8), "reflect"), however far', () => {
  const wanted = [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1]
  expect(wanted.map((_, i) => mirrored(i - 4, 4))).toEqual(wanted)
  expect([-1, 0, 3].map((i) => mirrored(i, 1))).toEqual([0, 0, 0])
  expect([-1, 0, 1, 2, 3].map((i) => mirrored(i, 2))).toEqual([1, 0, 1, 0, 1])
})

describe('planning tiles', () => {
  const rules: readonly [string, SizeRule, number][] = [
    ['the real network', { min: 64, step: 8 }, 72],
    ['a halo that is no multiple of the step', { min: 16, step: 16 }, 21],
    ['a smallest size that is no multiple of the step', { min: 20, step: 16 }, 16],
    ['a fixed size', { min: 512, step: 0 }, 32],
    ['no halo', { min: 32, step: 32 }, 0],
  ]
  test.each(rules)('%s: every pixel is kept exactly once, a halo away from every cut', (_name, rule, halo) => {
    for (const length of [1, 15, 16, 64, 255, 256, 257, 500, 511, 512, 513, 1000, 1024, 1025, 2047, 4096, 5001]) {
      for (const largest of [64, 256, 1024]) check(planAxis(length, rule, halo, largest), rule, halo)
    }
  })

  test('an image that fits is not cut', () => {
    expect(planAxis(1000, { min: 64, step: 8 }, 72, 1024).spans).toHaveLength(1)
  })

  test('tiles are smaller where memory is short, within limits', () => {
    expect(largestTile(64 * 2 ** 30)).toBe(1024)
    expect(largestTile(1 * 2 ** 30)).toBeLessThan(1024)
    expect(largestTile(0)).toBe(256)
  })
})
