import { expect, it } from 'vitest'
import { byteSize, duration, fileName, fixed, intensity } from '#renderer/format.ts'

it('writes numbers with a true minus sign, and never a negative zero', () => {
  expect(fixed(-2.34567, 2)).toBe('−2.35')
  expect(fixed(-0.001, 1)).toBe('0.0')
  expect(fixed(null, 1)).toBe('–')
  expect(fixed(Number.NaN, 1)).toBe('–')
})

it('writes intensities with as many digits as they carry', () => {
  expect(intensity(1234)).toBe('1234')
  expect(intensity(12.345)).toBe('12.3')
  expect(intensity(12345.6)).toBe('12346')
})

it('writes sizes in decimal units', () => {
  expect(byteSize(0)).toBe('0 B')
  expect(byteSize(999)).toBe('999 B')
  expect(byteSize(1_500)).toBe('1.5 kB')
  expect(byteSize(412_000_000_000)).toBe('412 GB')
  expect(byteSize(null)).toBe('–')
})

it('writes durations as a clock does', () => {
  expect(duration(7.9)).toBe('0:07')
  expect(duration(754)).toBe('12:34')
  expect(duration(3723)).toBe('1:02:03')
})

it('finds the name at the end of a path of either kind', () => {
  expect(fileName('/data/a b.tif')).toBe('a b.tif')
  expect(fileName('C:\\data\\x.tif')).toBe('x.tif')
})
