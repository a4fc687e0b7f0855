import { describe, expect, it } from 'vitest'
import { Random } from '#main/devices/simulated/random.ts'
import { BatchFft, goodLength } from '#shared/fft.ts'

/** The definition. */
function direct(re: readonly number[], im: readonly number[]): { re: number[]; im: number[] } {
  const n = re.length
  const out = { re: new Array<number>(n).fill(0), im: new Array<number>(n).fill(0) }
  for (let k = 0; k < n; k++)
    for (let j = 0; j < n; j++) {
      const angle = (-2 * Math.PI * ((j * k) % n)) / n
      out.re[k]! += re[j]! * Math.cos(angle) - im[j]! * Math.sin(angle)
      out.im[k]! += re[j]! * Math.sin(angle) + im[j]! * Math.cos(angle)
    }
  return out
}

describe('the Fourier transform', () => {
  it.each([1, 2, 3, 4, 5, 6, 8, 12, 15, 16, 25, 27, 30, 60, 64, 75, 100, 320])('agrees with its definition at length %i', (length) => {
    const batch = 4
    const random = new Random(length)
    const fft = new BatchFft(length, batch)
    const columns = Array.from({ length: batch }, () => ({
      re: Array.from({ length }, () => random.normal()),
      im: Array.from({ length }, () => random.normal()),
    }))
    for (const [b, column] of columns.entries())
      for (let j = 0; j < length; j++) {
        fft.inRe[j * batch + b] = column.re[j]!
        fft.inIm[j * batch + b] = column.im[j]!
      }
    fft.run()
    for (const [b, column] of columns.entries()) {
      const expected = direct(column.re, column.im)
      for (let k = 0; k < length; k++) {
        expect(Math.abs(fft.outRe[k * batch + b]! - expected.re[k]!)).toBeLessThan(2e-6 * length)
        expect(Math.abs(fft.outIm[k * batch + b]! - expected.im[k]!)).toBeLessThan(2e-6 * length)
      }
    }
  })

  it('refuses a length with a prime factor above 5', () => {
    expect(() => new BatchFft(14, 4)).toThrow('prime factor above 5')
  })

  it('finds the next good length', () => {
    expect(goodLength(637, 4)).toBe(640)
    expect(goodLength(762, 4)).toBe(768)
    expect(goodLength(1396, 64)).toBe(1536)
  })
})
