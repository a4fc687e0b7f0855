/** Arrays of any number of dimensions: values row by row, the last axis fastest. */
import type { Dtype } from '../bioimage-io/description.ts'

export type Values = Float32Array | Float64Array

/**
 * Values are kept as floats whatever the type: 32 bits where those hold every value of it, else 64. `dtype` says what they are
 * values of; `cast` makes them so.
 */
export interface NdArray {
  readonly dtype: Dtype
  readonly dims: readonly number[]
  readonly data: Values
}

export function elements(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1)
}

/** Whether 32-bit floats hold every value of the type. */
function isWide(dtype: Dtype): boolean {
  return ['float64', 'uint32', 'int32', 'uint64', 'int64'].includes(dtype)
}

export function allocate(dtype: Dtype, dims: readonly number[]): NdArray {
  const length = elements(dims)
  return { dtype, dims, data: isWide(dtype) ? new Float64Array(length) : new Float32Array(length) }
}

/** Bits and sign of integer types. */
const integers: Readonly<Partial<Record<Dtype, readonly [bits: number, signed: boolean]>>> = {
  uint8: [8, false],
  int8: [8, true],
  uint16: [16, false],
  int16: [16, true],
  uint32: [32, false],
  int32: [32, true],
  uint64: [64, false],
  int64: [64, true],
}

/**
 * The same values in another type, as numpy's `astype` gives them: towards zero, and what does not fit wraps around; bool is 1 for
 * all but 0. NaN becomes 0 where there is no NaN. Returns the array itself where nothing changes.
 */
export function cast(array: NdArray, dtype: Dtype): NdArray {
  if (array.dtype === dtype) return array
  const result = allocate(dtype, array.dims)
  const { data } = array
  const to = result.data
  if (dtype === 'bool') {
    for (let i = 0; i < data.length; i++) to[i] = data[i] === 0 ? 0 : 1
    return result
  }
  const integer = integers[dtype]
  if (!integer) {
    to.set(data)
    return result
  }
  const [bits, signed] = integer
  const span = 2 ** bits
  const low = signed ? -span / 2 : 0
  for (let i = 0; i < data.length; i++) {
    const value = Math.trunc(data[i] as number)
    const fits = value >= low && value < low + span
    to[i] = fits ? value : Number.isFinite(value) ? ((((value - low) % span) + span) % span) + low : 0
  }
  return result
}

/** Values to compute with: floats stay what they are, integers become 32-bit floats, or 64-bit ones where those would lose digits. */
export function toFloat(array: NdArray): NdArray {
  if (array.dtype === 'float32' || array.dtype === 'float64') return array
  return { ...array, dtype: isWide(array.dtype) ? 'float64' : 'float32' }
}

/** Distance in `data` between neighbours along each axis. */
export function strides(dims: readonly number[]): number[] {
  const result = dims.map(() => 1)
  for (let axis = dims.length - 2; axis >= 0; axis--) result[axis] = (result[axis + 1] as number) * (dims[axis + 1] as number)
  return result
}

/** The axes in another order: `order[i]` is the present place of the new axis i. */
export function permute(array: NdArray, order: readonly number[]): NdArray {
  if (order.every((from, to) => from === to)) return array
  const dims = order.map((from) => array.dims[from] as number)
  const steps = strides(array.dims)
  return gather(
    array,
    dims.map((length, to) => Int32Array.from({ length }, (_, i) => i * (steps[order[to] as number] as number))),
  )
}

/** The block whose element [i, j, …] is the one at offset indices[0][i] + indices[1][j] + … of the data. */
export function gather(array: NdArray, offsets: readonly Int32Array[]): NdArray {
  const result = allocate(
    array.dtype,
    offsets.map(({ length }) => length),
  )
  const from = array.data
  const to = result.data
  const last = offsets.at(-1) ?? Int32Array.of(0)
  let at = 0
  const fill = (axis: number, base: number) => {
    if (axis >= offsets.length - 1) {
      for (let i = 0; i < last.length; i++) to[at++] = from[base + (last[i] as number)] as number
      return
    }
    for (const offset of offsets[axis] as Int32Array) fill(axis + 1, base + offset)
  }
  if (to.length > 0) fill(0, 0)
  return result
}

/** Writes a block of `source` that begins at `from` into `target` at `at`. */
export function paste(source: NdArray, from: readonly number[], size: readonly number[], target: NdArray, at: readonly number[]): void {
  const fromSteps = strides(source.dims)
  const toSteps = strides(target.dims)
  const last = size.length - 1
  const copy = (axis: number, sourceAt: number, targetAt: number) => {
    const start = sourceAt + (from[axis] as number) * (fromSteps[axis] as number)
    const goal = targetAt + (at[axis] as number) * (toSteps[axis] as number)
    if (axis === last) {
      target.data.set(source.data.subarray(start, start + (size[axis] as number)), goal)
      return
    }
    for (let i = 0; i < (size[axis] as number); i++) {
      copy(axis + 1, start + i * (fromSteps[axis] as number), goal + i * (toSteps[axis] as number))
    }
  }
  if (size.every((length) => length > 0)) copy(0, 0, 0)
}
