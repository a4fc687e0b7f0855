/** A package's own test: its test inputs through all operations and the network must give its test outputs, within the tolerances. */
import { AppError } from '#shared/errors.ts'
import type { TensorDescription, Tolerance } from '../bioimage-io/description.ts'
import type { NetworkModel } from '../package.ts'
import { cast, type NdArray } from './nd-array.ts'
import { applyOperations, type Tensor } from './operations.ts'
import type { RunTensors } from './run-image.ts'

export interface OutputComparison {
  readonly id: string
  readonly dims: readonly number[]
  readonly elements: number
  /** Elements outside the tolerance, and how many may be. */
  readonly outside: number
  readonly allowed: number
  readonly largestDifference: number
  readonly tolerance: Tolerance
}

export interface TestTensors {
  /** In the order of the description. */
  readonly inputs: readonly NdArray[]
  readonly outputs: readonly NdArray[]
}

/** bioimageio.spec, `ReproducibilityTolerance`: the defaults. */
export const defaultTolerance: Tolerance = { relative: 1e-3, absolute: 1e-3, perMillion: 100, outputs: [] }

/** Nothing is cut and nothing cropped: the test tensors are what the network itself takes and gives. Throws ModelInvalid for other shapes. */
export async function compareWithTest(model: NetworkModel, tensors: TestTensors, run: RunTensors): Promise<OutputComparison[]> {
  const raw = model.inputs.map((input, index) => tensorOf(input, cast(tensors.inputs[index] as NdArray, input.dtype)))
  const references = new Map(model.inputs.map(({ id }, index) => [id, raw[index] as Tensor]))
  const around = { references, together: false }
  const prepared = model.inputs.map(({ operations }, index) => applyOperations(raw[index] as Tensor, operations, around))
  const given = await run(prepared)
  return model.outputs.map((output, index) => {
    const found = given[index]
    const expected = tensors.outputs[index] as NdArray
    if (!found) throw new AppError('ModelInvalid', `The network gave no output "${output.id}".`, { model: model.id, field: output.field })
    const finished = cast(applyOperations(tensorOf(output, found), output.operations, around), output.dtype)
    return compare(output.id, finished, expected, toleranceFor(output.id, model.tolerances))
  })
}

function tensorOf({ axes }: TensorDescription, array: NdArray): Tensor {
  return { ...array, axes: axes.map(({ id }) => id) }
}

export function toleranceFor(id: string, stated: readonly Tolerance[]): Tolerance {
  return stated.find(({ outputs }) => outputs.length === 0 || outputs.includes(id)) ?? defaultTolerance
}

/** |a − e| ≤ absolute + relative · |e| for every element but the allowed few; NaN is never within. */
function compare(id: string, found: NdArray, expected: NdArray, tolerance: Tolerance): OutputComparison {
  if (found.dims.length !== expected.dims.length || found.dims.some((size, axis) => size !== expected.dims[axis])) {
    throw new AppError(
      'ModelInvalid',
      `Output "${id}" has the shape ${found.dims.join(' × ')}, its test tensor ${expected.dims.join(' × ')}.`,
      { output: id },
    )
  }
  const elements = found.data.length
  let outside = 0
  let largest = 0
  for (let i = 0; i < elements; i++) {
    const value = found.data[i] as number
    const wanted = expected.data[i] as number
    if (value === wanted) continue
    const difference = Math.abs(value - wanted)
    if (!(difference <= tolerance.absolute + tolerance.relative * Math.abs(wanted))) outside++
    if (!(difference <= largest)) largest = difference
  }
  const allowed = Math.floor((tolerance.perMillion / 1e6) * elements)
  return { id, dims: found.dims, elements, outside, allowed, largestDifference: largest, tolerance }
}
