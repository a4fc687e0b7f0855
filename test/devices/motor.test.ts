import { describe, expect, it } from 'vitest'
import { Motor } from '#main/devices/simulated/firmware/motor.ts'

// v = 4000 µm/s reached in 100 ms: a = 40,000 µm/s². Times below follow from the kinematics of constant acceleration.
const motor = (position = 0) => new Motor({ position, speed: 4000, rampMs: 100 })

describe('a simulated motor', () => {
  it('takes d/v + v/a for a long way', () => {
    expect(motor().moveTo(2000, 0)).toBeCloseTo(2000 / 4000 + 0.1, 12)
  })

  it('takes 2·√(d/a) for a way too short to reach full speed', () => {
    expect(motor().moveTo(-100, 0)).toBeCloseTo(2 * Math.sqrt(100 / 40_000), 12)
  })

  it('is where constant acceleration puts it: ½at², then v·t, then the mirror image', () => {
    const m = motor(500)
    m.moveTo(2500, 1000)
    const at = (seconds: number) => m.positionAt(1000 + seconds * 1000) - 500
    expect(at(0)).toBe(0)
    expect(at(0.05)).toBeCloseTo(0.5 * 40_000 * 0.05 ** 2, 9)
    expect(at(0.1)).toBeCloseTo(200, 9)
    expect(at(0.3)).toBeCloseTo(1000, 9)
    expect(at(0.55)).toBeCloseTo(2000 - 50, 9)
    expect(at(0.6)).toBe(2000)
    expect(m.movingAt(1599)).toBe(true)
    expect(m.movingAt(1601)).toBe(false)
  })

  it('brakes over v²/2a when it is halted', () => {
    const m = motor()
    m.moveTo(4000, 0)
    m.halt(500)
    expect(m.movingAt(599)).toBe(true)
    expect(m.movingAt(601)).toBe(false)
    expect(m.positionAt(700)).toBeCloseTo(200 + 4000 * 0.4 + 200, 9)
  })

  it('turns round through a stop when it is sent back: 0.1 s and 200 µm to stop, then the way back', () => {
    const m = motor()
    m.moveTo(4000, 0)
    const seconds = m.moveTo(0, 500)
    expect(seconds).toBeCloseTo(0.1 + 2000 / 4000 + 0.1, 9)
    expect(m.positionAt(600)).toBeCloseTo(2000, 9)
    expect(m.positionAt(2000)).toBe(0)
  })

  it('never jumps, and never exceeds its speed, however often it is sent elsewhere', () => {
    const m = motor()
    let seed = 7
    const random = () => {
      seed = (seed * 1103515245 + 12345) % 2147483648
      return seed / 2147483648
    }
    let last = 0
    for (let time = 0; time < 4000; time += 1) {
      if (random() < 0.02) m.moveTo((random() - 0.5) * 3000, time)
      if (random() < 0.005) m.halt(time)
      const now = m.positionAt(time)
      expect(Math.abs(now - last)).toBeLessThanOrEqual(4000 / 1000 + 1e-6)
      last = now
    }
    m.moveTo(77, 4000)
    expect(m.positionAt(9000)).toBe(77)
  })

  it('still knows where it was a moment ago', () => {
    const m = motor()
    m.moveTo(1000, 0)
    m.moveTo(0, 1000)
    m.moveTo(500, 2000)
    expect(m.positionAt(500)).toBe(1000)
    expect(m.positionAt(1900)).toBe(0)
    expect(m.positionAt(-50)).toBe(0)
  })
})
