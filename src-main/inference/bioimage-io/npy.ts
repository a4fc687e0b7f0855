/**
 * Reads numpy's .npy files (numpy.lib.format, versions 1 to 3):
 *
 *   | 0x93 "NUMPY" | major minor | header length: u16 LE (u32 LE from version 2) | header: a Python dict as text | values |
 */
import type { NdArray } from '../tensors/nd-array.ts'
import type { Dtype } from './description.ts'
import { FieldProblem } from './field-problem.ts'
import { halfToFloat } from './half.ts'

const largestElements = 2 ** 29

interface Header {
  readonly descr: string
  readonly fortran: boolean
  readonly dims: readonly number[]
  /** Where the values begin. */
  readonly start: number
}

/** The array in C order. Throws FieldProblem with the given field. */
export function readNpy(bytes: Buffer, field: string): NdArray {
  const { descr, fortran, dims, start } = readHeader(bytes, field)
  const kind = descr.slice(1)
  const reader = readers[kind]
  if (!reader) throw new FieldProblem(field, `holds values of type "${descr}", which cannot be read`)
  const count = dims.reduce((product, size) => product * size, 1)
  if (count > largestElements) throw new FieldProblem(field, `has ${count} elements, too many`)
  const expected = count * reader.size
  if (bytes.length - start !== expected) {
    throw new FieldProblem(field, `is cut short or too long: ${bytes.length - start} bytes of values instead of ${expected}`)
  }
  const big = descr.startsWith('>') && reader.size > 1
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, expected)
  const data = reader.wide ? new Float64Array(count) : new Float32Array(count)
  for (let i = 0; i < count; i++) data[i] = reader.get(view, i * reader.size, !big)
  const array: NdArray = { dtype: reader.dtype, dims, data }
  return fortran && dims.length > 1 ? fromFortran(array) : array
}

/** Bytes from the beginning of a file that hold its header for certain. */
export const largestHeader = 12 + 65_536

/** Dimensions of an array, from the first bytes of its file. Throws FieldProblem. */
export function npyDims(bytes: Buffer, field: string): readonly number[] {
  return readHeader(bytes, field).dims
}

function readHeader(bytes: Buffer, field: string): Header {
  const fail = (reason: string) => new FieldProblem(field, `is no .npy file: ${reason}`)
  if (bytes.length < 10 || bytes.toString('latin1', 0, 6) !== '\x93NUMPY') throw fail('it does not begin like one')
  const major = bytes[6] as number
  if (major < 1 || major > 3) throw fail(`it is of version ${major}`)
  const long = major > 1
  if (long && bytes.length < 12) throw fail('it is cut short')
  const length = long ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8)
  const begin = long ? 12 : 10
  if (length > 65_536 || begin + length > bytes.length) throw fail('its header is cut short')
  const text = bytes.toString('utf8', begin, begin + length)
  const descr = /'descr'\s*:\s*'([<>|=][a-z]\d+)'/.exec(text)?.[1]
  const fortran = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1]
  const shape = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text)?.[1]
  if (descr === undefined || fortran === undefined || shape === undefined) {
    throw fail('it holds structured values or Python objects, or its header cannot be read')
  }
  const dims = shape
    .split(',')
    .map((part) => part.trim().replace(/L$/, ''))
    .filter((part) => part !== '')
    .map(Number)
  return { descr, fortran: fortran === 'True', dims, start: begin + length }
}

interface Reader {
  readonly dtype: Dtype
  readonly size: number
  /** Needs more than the 24 bits of a 32-bit float. */
  readonly wide: boolean
  readonly get: (view: DataView, at: number, little: boolean) => number
}

const readers: Readonly<Record<string, Reader>> = {
  f2: { dtype: 'float16', size: 2, wide: false, get: (view, at, little) => halfToFloat(view.getUint16(at, little)) },
  f4: { dtype: 'float32', size: 4, wide: false, get: (view, at, little) => view.getFloat32(at, little) },
  f8: { dtype: 'float64', size: 8, wide: true, get: (view, at, little) => view.getFloat64(at, little) },
  u1: { dtype: 'uint8', size: 1, wide: false, get: (view, at) => view.getUint8(at) },
  i1: { dtype: 'int8', size: 1, wide: false, get: (view, at) => view.getInt8(at) },
  b1: { dtype: 'bool', size: 1, wide: false, get: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
  u2: { dtype: 'uint16', size: 2, wide: false, get: (view, at, little) => view.getUint16(at, little) },
  i2: { dtype: 'int16', size: 2, wide: false, get: (view, at, little) => view.getInt16(at, little) },
  u4: { dtype: 'uint32', size: 4, wide: true, get: (view, at, little) => view.getUint32(at, little) },
  i4: { dtype: 'int32', size: 4, wide: true, get: (view, at, little) => view.getInt32(at, little) },
  u8: { dtype: 'uint64', size: 8, wide: true, get: (view, at, little) => Number(view.getBigUint64(at, little)) },
  i8: { dtype: 'int64', size: 8, wide: true, get: (view, at, little) => Number(view.getBigInt64(at, little)) },
}

/** Values whose first axis runs fastest, in the order where the last does. */
function fromFortran({ dtype, dims, data }: NdArray): NdArray {
  const result = data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length)
  const index = dims.map(() => 0)
  const strides = dims.map((_, axis) => dims.slice(0, axis).reduce((product, size) => product * size, 1))
  for (let to = 0; to < data.length; to++) {
    let from = 0
    for (let axis = 0; axis < dims.length; axis++) from += (index[axis] as number) * (strides[axis] as number)
    result[to] = data[from] as number
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1
      if ((index[axis] as number) < (dims[axis] as number)) break
      index[axis] = 0
    }
  }
  return { dtype, dims, data: result }
}
