/**
 * What the operations of BioImage.IO compute (bioimageio.spec, model v0_5, the formulas in its `…Kwargs`; percentiles of `clip` as the
 * reference runner bioimageio.core takes them). All work on a new array or in place on one of their own, never on what they are given.
 */
import { AppError } from '#shared/errors.ts'
import type { Operation } from '../bioimage-io/operation-schema.ts'
import { notFinite } from '../not-finite.ts'
import { forRows, type Grouping, groupBy, momentsOf, percentilesOf } from './groups.ts'
import { allocate, cast, type NdArray, toFloat } from './nd-array.ts'

/** A tensor whose axes have names. */
export interface Tensor extends NdArray {
  /** Ids of the axes, in the order of `dims`. */
  readonly axes: readonly string[]
}

export interface Surroundings {
  /** Unprocessed inputs by id, for operations that refer to them. */
  readonly references: ReadonlyMap<string, Tensor>
  /** true: statistics are of all elements of the batch together, as for a stack or a series; false: of each by itself unless `axes` names the batch. */
  readonly together: boolean
}

/** Applies operations one after the other. Throws OutOfRange where the values cannot be normalised. */
export function applyOperations(tensor: Tensor, operations: readonly Operation[], around: Surroundings): Tensor {
  return operations.reduce((present, operation) => apply(present, operation, around), tensor)
}

function apply(tensor: Tensor, operation: Operation, around: Surroundings): Tensor {
  switch (operation.id) {
    case 'ensure_dtype':
      return named(cast(tensor, operation.dtype), tensor)
    case 'binarize': {
      const { at } = along(tensor, operation.axis)
      const threshold = operation.threshold
      return named({ ...map(toFloat(tensor), (value, i) => (value > pick(threshold, at(i)) ? 1 : 0)), dtype: 'bool' }, tensor)
    }
    case 'clip':
      return clip(tensor, operation, around)
    case 'scale_linear': {
      const { at } = along(tensor, operation.axis)
      const { gain, offset } = operation
      return named(
        map(toFloat(tensor), (value, i) => value * pick(gain, at(i)) + pick(offset, at(i))),
        tensor,
      )
    }
    case 'fixed_zero_mean_unit_variance': {
      const { at } = along(tensor, operation.axis)
      const { mean, std } = operation
      return named(
        map(toFloat(tensor), (value, i) => (value - pick(mean, at(i))) / pick(std, at(i))),
        tensor,
      )
    }
    case 'sigmoid':
      return named(
        map(toFloat(tensor), (value) => 1 / (1 + Math.exp(-value))),
        tensor,
      )
    case 'softmax':
      return softmax(tensor, operation.axis)
    case 'zero_mean_unit_variance': {
      const grouping = grouped(tensor, operation.axes, around)
      const { mean, std } = momentsOf(tensor, grouping)
      return affine(tensor, grouping, mean, (group) => 1 / ((std[group] as number) + operation.eps))
    }
    case 'scale_range':
      return scaleRange(tensor, operation, around)
    case 'scale_mean_variance': {
      const grouping = grouped(tensor, operation.axes, around)
      const reference = referenceOf(operation.reference, around)
      const { mean, std } = momentsOf(tensor, grouping)
      const wanted = momentsOf(reference, grouped(reference, operation.axes, around))
      const of = (values: Float64Array, group: number) => matching(values, group, grouping.groups, operation.reference)
      const factor = (group: number) => (of(wanted.std, group) + operation.eps) / ((std[group] as number) + operation.eps)
      return affine(tensor, grouping, mean, factor, (group) => of(wanted.mean, group))
    }
  }
}

function clip(tensor: Tensor, operation: Extract<Operation, { id: 'clip' }>, around: Surroundings): Tensor {
  const { min, max, minPercentile, maxPercentile } = operation
  const grouping = grouped(tensor, operation.axes, around)
  const percents = [minPercentile, maxPercentile].filter((percent) => percent !== null)
  const found = percents.length > 0 ? percentilesOf(tensor, grouping, percents, 'inverted_cdf') : []
  const low = minPercentile === null ? null : found.shift()
  const high = maxPercentile === null ? null : found.shift()
  const result = allocate(tensor.dtype, tensor.dims)
  forRows(grouping, (start, length, group, step) => {
    for (let i = 0; i < length; i++) {
      const least = low ? (low[group + i * step] as number) : (min ?? Number.NEGATIVE_INFINITY)
      const most = high ? (high[group + i * step] as number) : (max ?? Number.POSITIVE_INFINITY)
      result.data[start + i] = Math.min(most, Math.max(least, tensor.data[start + i] as number))
    }
  })
  return named(result, tensor)
}

function scaleRange(tensor: Tensor, operation: Extract<Operation, { id: 'scale_range' }>, around: Surroundings): Tensor {
  const { minPercentile, maxPercentile, eps, reference } = operation
  const grouping = grouped(tensor, operation.axes, around)
  const source = reference === null ? tensor : referenceOf(reference, around)
  const from = reference === null ? grouping : grouped(source, operation.axes, around)
  const [low, high] = percentilesOf(source, from, [minPercentile, maxPercentile], 'linear') as [Float64Array, Float64Array]
  const of = (values: Float64Array, group: number) => matching(values, group, grouping.groups, reference ?? '')
  const lower = Float64Array.from({ length: grouping.groups }, (_, group) => of(low, group))
  return affine(tensor, grouping, lower, (group) => 1 / (of(high, group) - (lower[group] as number) + eps))
}

function softmax(tensor: Tensor, axis: string): Tensor {
  const array = toFloat(tensor)
  const grouping = groupBy(
    array.dims,
    tensor.axes.map((id) => id === axis),
  )
  const largest = new Float64Array(grouping.groups).fill(Number.NEGATIVE_INFINITY)
  const sums = new Float64Array(grouping.groups)
  const result = allocate(array.dtype, array.dims)
  const each = (work: (index: number, group: number) => void) =>
    forRows(grouping, (start, length, group, step) => {
      for (let i = 0; i < length; i++) work(start + i, group + i * step)
    })
  each((i, group) => {
    largest[group] = Math.max(largest[group] as number, array.data[i] as number)
  })
  each((i, group) => {
    const value = Math.exp((array.data[i] as number) - (largest[group] as number))
    result.data[i] = value
    sums[group] = (sums[group] as number) + value
  })
  each((i, group) => {
    result.data[i] = (result.data[i] as number) / (sums[group] as number)
  })
  return named(result, tensor)
}

/** (value − offset) · factor + addend, each by group. */
function affine(
  tensor: Tensor,
  grouping: Grouping,
  offset: Float64Array,
  factor: (group: number) => number,
  addend: (group: number) => number = () => 0,
): Tensor {
  const array = toFloat(tensor)
  const factors = Float64Array.from({ length: grouping.groups }, (_, group) => factor(group))
  const addends = Float64Array.from({ length: grouping.groups }, (_, group) => addend(group))
  if (![...factors, ...addends, ...offset].every(Number.isFinite)) {
    throw notFinite()
  }
  const result = allocate(array.dtype, array.dims)
  const { data } = array
  forRows(grouping, (start, length, group, step) => {
    for (let i = 0; i < length; i++) {
      const at = group + i * step
      result.data[start + i] = ((data[start + i] as number) - (offset[at] as number)) * (factors[at] as number) + (addends[at] as number)
    }
  })
  return named(result, tensor)
}

/** Axes that statistics reduce: those named, or all; the batch too, where all planes of a stack are taken together. */
function grouped(tensor: Tensor, axes: readonly string[] | null, { together }: Surroundings): Grouping {
  return groupBy(
    tensor.dims,
    tensor.axes.map((id) => axes === null || axes.includes(id) || (together && id === 'batch')),
  )
}

/** A statistic of another tensor for a group of this one: it must have as many groups, or a single one. */
function matching(values: Float64Array, group: number, groups: number, reference: string): number {
  if (values.length === groups) return values[group] as number
  if (values.length === 1) return values[0] as number
  throw new AppError(
    'ModelInvalid',
    `The reference "${reference}" of an operation has ${values.length} parts to compare with, not ${groups}.`,
  )
}

function referenceOf(id: string, { references }: Surroundings): Tensor {
  const found = references.get(id)
  if (!found) throw new AppError('ModelInvalid', `An operation refers to the input "${id}", which was not given.`)
  return found
}

/** Index along an axis of the element at a place in the data; always 0 without an axis. */
function along({ dims, axes }: Tensor, id: string | null): { readonly at: (place: number) => number } {
  const axis = id === null ? -1 : axes.indexOf(id)
  if (axis < 0) return { at: () => 0 }
  const size = dims[axis] as number
  const step = dims.slice(axis + 1).reduce((product, length) => product * length, 1)
  return { at: (place) => Math.floor(place / step) % size }
}

function pick(list: readonly number[], index: number): number {
  return (list.length === 1 ? list[0] : list[index]) as number
}

function map(array: NdArray, change: (value: number, place: number) => number): NdArray {
  const result = allocate(array.dtype, array.dims)
  const { data } = array
  for (let i = 0; i < data.length; i++) result.data[i] = change(data[i] as number, i)
  return result
}

function named(array: NdArray, { axes }: Tensor): Tensor {
  return { ...array, axes }
}
