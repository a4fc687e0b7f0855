import { describe, expect, test } from 'vitest'
import { progressText } from '#main/processing/commands.ts'
import { doneOf, Throughput } from '#main/processing/throughput.ts'

const stack = { width: 1000, height: 500, planes: 40 }

describe('the rate of the work on a file', () => {
  test('is in planes and megapixels of the file', () => {
    expect(doneOf(stack, 0.25)).toEqual({ planes: 10, megapixels: 5 })
    const throughput = new Throughput()
    expect(throughput.rate(0, doneOf(stack, 0))).toBeNull()
    // Too early to say.
    expect(throughput.rate(100, doneOf(stack, 0.1))).toBeNull()
    // 8 planes of half a megapixel in 2 s.
    expect(throughput.rate(2000, doneOf(stack, 0.2))).toEqual({ planes: 4, megapixels: 2 })
  })

  test('follows what happens now, not what happened a minute ago', () => {
    const throughput = new Throughput()
    for (let second = 0; second <= 60; second++) throughput.rate(1000 * second, { planes: second, megapixels: second })
    let rate = null
    for (let second = 1; second <= 20; second++) {
      rate = throughput.rate(60_000 + 1000 * second, { planes: 60 + 3 * second, megapixels: 60 + 3 * second })
    }
    expect(rate?.planes).toBeCloseTo(3, 9)
  })

  test('of a pass that only measures is not known', () => {
    const throughput = new Throughput()
    throughput.rate(0, doneOf(stack, 0))
    expect(throughput.rate(5000, doneOf(stack, 0))).toBeNull()
  })

  test('stands in the line of the command line', () => {
    expect(progressText(0.25, 10_000, { planes: 6.54, megapixels: 3.42 })).toBe('25 %, 3.4 Mpx/s, 6.5 planes/s, about 30 s left')
    expect(progressText(0.001, 100, null)).toBe('0 %')
    expect(progressText(1, 10_000, null)).toBe('100 %')
  })
})
