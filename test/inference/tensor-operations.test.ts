import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Dtype } from '#main/inference/bioimage-io/description.ts'
import { postprocessingSchema } from '#main/inference/bioimage-io/operation-schema.ts'
import { allocate, cast, type NdArray } from '#main/inference/tensors/nd-array.ts'
import { applyOperations } from '#main/inference/tensors/operations.ts'
import { caseFolder } from './packages.ts'

interface Case {
  readonly name: string
  readonly axes: readonly string[]
  readonly dims: readonly number[]
  readonly dtype: Dtype
  readonly operations: readonly unknown[]
  readonly input: readonly number[]
  readonly references: Readonly<Record<string, { readonly dims: readonly number[]; readonly data: readonly number[] }>>
  readonly together: boolean
  readonly expected: readonly number[]
}

const { cases } = JSON.parse(readFileSync(join(caseFolder, 'operations.json'), 'utf8')) as { cases: Case[] }

function array(dtype: Dtype, dims: readonly number[], data: readonly number[]): NdArray {
  const result = allocate(dtype, dims)
  result.data.set(data)
  return result
}

describe('operations give what numpy gives', () => {
  test.each(cases.map((each) => [each.name, each] as const))('%s', (_name, each) => {
    const references = new Map(
      Object.entries(each.references).map(([id, { dims, data }]) => [id, { ...array('float32', dims, data), axes: each.axes }]),
    )
    const operations = each.operations.map((operation) => postprocessingSchema.parse(operation))
    const tensor = { ...array(each.dtype, each.dims, each.input), axes: each.axes }
    const before = [...tensor.data]
    const { data, dims } = applyOperations(tensor, operations, { references, together: each.together })
    expect(dims).toEqual(each.dims)
    let worst = 0
    each.expected.forEach((wanted, i) => {
      worst = Math.max(worst, Math.abs((data[i] as number) - wanted) / (1 + Math.abs(wanted)))
    })
    // Values are kept in 32 bits.
    expect(worst).toBeLessThan(2e-6)
    expect([...tensor.data]).toEqual(before)
  })

  test('every operation of the specification is in the table', () => {
    const ids = new Set(cases.flatMap(({ operations }) => operations.map((operation) => (operation as { id: string }).id)))
    expect([...ids].sort()).toEqual([
      'binarize',
      'clip',
      'ensure_dtype',
      'fixed_zero_mean_unit_variance',
      'scale_linear',
      'scale_mean_variance',
      'scale_range',
      'sigmoid',
      'softmax',
      'zero_mean_unit_variance',
    ])
  })

  test('percentiles of a large image, which is counted and not sorted, are those of numpy', () => {
    // 0 … 499 999: percentile q lies at q/100 · 499 999.
    const tensor = {
      ...array(
        'float32',
        [1, 1, 500, 1000],
        Array.from({ length: 500_000 }, (_, i) => (i * 7919) % 500_000),
      ),
      axes: ['b', 'c', 'y', 'x'],
    }
    const operation = postprocessingSchema.parse({ id: 'scale_range', kwargs: { min_percentile: 2, max_percentile: 98 } })
    const { data } = applyOperations(tensor, [operation], { references: new Map(), together: false })
    expect(data[0]).toBeCloseTo((0 - 0.02 * 499_999) / (0.96 * 499_999), 5)
  })

  test('values that are not finite are refused with a sentence', () => {
    const tensor = { ...array('float32', [1, 3], [1, Number.NaN, 2]), axes: ['batch', 'x'] }
    const operation = postprocessingSchema.parse({ id: 'zero_mean_unit_variance' })
    expect(() => applyOperations(tensor, [operation], { references: new Map(), together: false })).toThrow(/not finite/)
  })

  test.each<[string, Dtype, number, number]>([
    ['300 does not fit a byte', 'uint8', 300, 44],
    ['−1 in a byte', 'uint8', -1, 255],
    ['−1.9 goes towards zero', 'int16', -1.9, -1],
    ['40000 in a signed 16-bit number', 'int16', 40_000, -25_536],
  ])('casting as numpy does: %s', (_name, dtype, value, wanted) => {
    expect(cast(array('float64', [1], [value]), dtype).data[0]).toBe(wanted)
  })
})
