import { describe, expect, it } from 'vitest'
import { readingRows, readingText, significant, signOfReading } from '#renderer/trust-words.ts'
import type { Reading } from '#shared/trust.ts'

const reading = (rest: Partial<Reading>): Reading => ({
  id: 'rsp',
  label: 'RSP',
  value: 0.5,
  unit: '',
  side: null,
  expected: null,
  status: null,
  ...rest,
})

describe('figures of trust', () => {
  it.each([
    [0.98765, '0.988'],
    [12.345, '12.3'],
    [1234.5, '1235'],
    [0.00012345, '0.000123'],
    [-3.2149, '−3.21'],
    [200, '200'],
    [0.4, '0.4'],
    [1500.4, '1500'],
    [0, '0'],
    [Number.POSITIVE_INFINITY, '∞'],
    [Number.NaN, '–'],
  ])('%d is written %s: three digits at most, no exponent', (value, text) => {
    expect(significant(value)).toBe(text)
  })

  it('a fact that nobody stated is unknown; a figure that nobody asked for is not measured', () => {
    expect(readingText(reading({ value: null, status: 'not-measured' }), 'metadata')).toBe('unknown')
    expect(readingText(reading({ value: null, status: 'not-measured' }), 'uncertainty')).toBe('not measured')
    expect(readingText(reading({ value: null, status: 'not-applicable' }), 'uncertainty')).toBe('not applicable')
    expect(readingText(reading({ value: null, status: null }), 'resolution')).toBe('unknown')
  })

  it('a figure that nobody judged bears no sign of being fine', () => {
    expect(signOfReading(reading({ status: null }))).toBeNull()
    expect(signOfReading(reading({ status: 'not-measured' }))?.word).toBe('Not judged')
    expect(signOfReading(reading({ status: 'not-applicable' }))?.tone).toBe('neutral')
    expect(signOfReading(reading({ status: 'fine' }))?.tone).toBe('good')
  })

  it('one side alone stays one column; both stand side by side, with what is missing left empty', () => {
    const input = reading({ id: 'frc', side: 'input', value: 1 })
    expect(readingRows([input]).columns).toEqual(['Value'])
    const { columns, rows } = readingRows([
      input,
      reading({ id: 'frc', side: 'output', value: 2 }),
      reading({ id: 'frequency', side: 'input' }),
    ])
    expect(columns).toEqual(['Input', 'Output'])
    expect(rows.map(({ cells }) => cells.map((cell) => cell?.value ?? null))).toEqual([
      [1, 2],
      [0.5, null],
    ])
  })
})
