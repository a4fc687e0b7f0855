import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { floatToHalf, halfToFloat } from '#main/inference/bioimage-io/half.ts'
import { readNpy } from '#main/inference/bioimage-io/npy.ts'
import { caseFolder } from './packages.ts'

interface Cases {
  readonly cases: readonly { readonly name: string; readonly base64: string; readonly dims: number[]; readonly values: number[] }[]
  readonly refused: Readonly<Record<string, string>>
}

const { cases, refused } = JSON.parse(readFileSync(join(caseFolder, 'npy.json'), 'utf8')) as Cases

describe('reading .npy', () => {
  test.each(cases.map((each) => [each.name, each] as const))('%s: the values that numpy wrote', (_name, { base64, dims, values }) => {
    const array = readNpy(Buffer.from(base64, 'base64'), 'x')
    expect(array.dims).toEqual(dims)
    expect([...array.data]).toEqual(values)
  })

  test.each(Object.entries(refused))('%s are refused, naming the field', (_name, base64) => {
    expect(() => readNpy(Buffer.from(base64, 'base64'), 'inputs[0].test_tensor.source')).toThrow(/^inputs\[0\]\.test_tensor\.source: /)
  })

  const good = Buffer.from(cases.find(({ name }) => name === 'f4, little-endian')?.base64 ?? '', 'base64')
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['another file', Buffer.from('PK\x03\x04 and so on and on')],
    ['a header that is cut short', good.subarray(0, 40)],
    ['values that are cut short', good.subarray(0, good.length - 3)],
    ['values too many', Buffer.concat([good, Buffer.alloc(4)])],
    ['another version', Buffer.from([...good.subarray(0, 6), 9, ...good.subarray(7)])],
  ])('%s: a sentence, not a crash', (_name, bytes) => {
    expect(() => readNpy(bytes, 'x')).toThrow(/^x: /)
  })

  test('a shape of a thousand million is refused before memory is taken', () => {
    const text = good.toString('latin1').replace('(2, 4)', '(99999, 99999)').replace('           }', '      }')
    expect(() => readNpy(Buffer.from(text, 'latin1'), 'x')).toThrow(/^x: /)
  })
})

describe('16-bit floats', () => {
  test('every one of them survives the way to a float and back', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToFloat(bits)
      if (Number.isNaN(value)) expect(Number.isNaN(halfToFloat(floatToHalf(value)))).toBe(true)
      else if (floatToHalf(value) !== bits) throw new Error(`${bits} became ${floatToHalf(value)}`)
    }
  })

  // By IEEE 754: to nearest, ties to even.
  test.each([
    [2049, 2048],
    [2051, 2052],
    [65_519, 65_504],
    [65_520, Number.POSITIVE_INFINITY],
    [2 ** -25, 0],
    [2 ** -24 * 1.5, 2 ** -23],
  ])('%d rounds to %d', (value, wanted) => {
    expect(halfToFloat(floatToHalf(value))).toBe(wanted)
  })
})
