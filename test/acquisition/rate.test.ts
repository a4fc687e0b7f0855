import { describe, expect, it } from 'vitest'
import { Rate } from '#main/acquisition/rate.ts'

describe('a rate', () => {
  it('of a camera that gives a frame every 20 ms is 50 per second', () => {
    const rate = new Rate()
    for (let time = 0; time <= 1000; time += 20) rate.tick(time)
    expect(rate.at(1000)).toBeCloseTo(50)
  })

  it('of a network that needs four seconds a frame is a quarter per second, not nothing', () => {
    const rate = new Rate()
    for (let time = 0; time <= 12_000; time += 4000) rate.tick(time)
    expect(rate.at(12_000)).toBeCloseTo(0.25)
    expect(rate.at(14_000)).toBeGreaterThan(0.1)
  })

  it('falls to nothing soon after the last event', () => {
    const fast = new Rate()
    for (let time = 0; time <= 1000; time += 20) fast.tick(time)
    expect(fast.at(3100)).toBe(0)
    const slow = new Rate()
    for (const time of [0, 4000]) slow.tick(time)
    expect(slow.at(17_000)).toBe(0)
  })

  it('is nothing before the second event', () => {
    const rate = new Rate()
    expect(rate.at(0)).toBe(0)
    rate.tick(5)
    expect(rate.at(6)).toBe(0)
  })
})
