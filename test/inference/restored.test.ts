/** A refocused image in the units of its input. */
import { expect, test } from 'vitest'
import { restored } from '#main/inference/tensors/run-image.ts'

const array = (dims: number[], values: readonly number[]) => ({ dtype: 'float32' as const, dims, data: Float32Array.from(values) })

test('the picture is multiplied and shifted back, the width of its error only multiplied', () => {
  const raw = array([1, 4], [100, 340, 220, 580])
  const normalised = array(
    [1, 4],
    [100, 340, 220, 580].map((value) => (value - 130) / 240),
  )
  // Two times, two channels of two pixels: picture and width.
  const made = array([2, 2, 1, 1, 2], [0, 1, 0.5, 2, -0.5, 0.25, 1, 0])
  expect([...restored(made, raw, normalised).data]).toEqual([130, 370, 120, 480, 10, 190, 240, 0].map((value) => expect.closeTo(value, 3)))
})

test('an even picture, which no factor can be read from, stays as it is', () => {
  const made = array([1, 1, 1, 1, 2], [0.25, 0.5])
  const even = array([1, 2], [7, 7])
  expect([...restored(made, even, array([1, 2], [0, 0])).data]).toEqual([7.25, 7.5])
})
