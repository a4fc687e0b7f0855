/** A loaded network as a function from arrays to arrays: what its description says is held against what ONNX Runtime knows of it. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { AppError } from '#shared/errors.ts'
import { type Dtype, dtypes, type TensorDescription } from '../bioimage-io/description.ts'
import { floatToHalf, halfToFloat } from '../bioimage-io/half.ts'
import { runFailure } from '../memory.ts'
import type { NetworkModel } from '../package.ts'
import { allocate, cast, elements, type NdArray } from './nd-array.ts'
import type { RunTensors } from './run-image.ts'

type Runtime = Pick<typeof import('onnxruntime-node'), 'Tensor'>
type Metadata = InferenceSession.ValueMetadata

/** Throws ModelInvalid, with the field, where network and description do not belong together. */
export function tensorRunner(runtime: Runtime, model: NetworkModel, session: InferenceSession): RunTensors {
  const inputs = matched(model, model.inputs, session.inputMetadata, 'inputs')
  const outputs = matched(model, model.outputs, session.outputMetadata, 'outputs')
  inputs.forEach((metadata, index) => {
    checkInput(model, model.inputs[index] as TensorDescription, metadata)
  })
  outputs.forEach((metadata, index) => {
    checkRank(model, model.outputs[index] as TensorDescription, metadata)
  })
  return async (arrays) => {
    const feeds = Object.fromEntries(
      inputs.map((metadata, index) => [metadata.name, feedOf(runtime, arrays[index] as NdArray, typeOf(metadata))]),
    )
    let results: InferenceSession.OnnxValueMapType
    try {
      results = await session.run(feeds)
    } catch (error) {
      throw runFailure(error, model)
    }
    return outputs.map(({ name }) => arrayOf(results[name] as OrtTensor))
  }
}

/** Tensors of the network in the order of the description: by their names where all agree, else by their order, as the format has it. */
function matched(
  model: NetworkModel,
  described: readonly TensorDescription[],
  found: readonly Metadata[],
  field: string,
): readonly Metadata[] {
  if (found.length !== described.length) {
    const names = found.map(({ name }) => name).join(', ')
    throw invalid(model, field, `names ${described.length} tensors, but the network has ${found.length} (${names})`)
  }
  const byName = described.map(({ id }) => found.find(({ name }) => name === id))
  return byName.every((each) => each !== undefined) ? byName : found
}

function checkInput(model: NetworkModel, input: TensorDescription, metadata: Metadata): void {
  checkRank(model, input, metadata)
  const type = typeOf(metadata)
  const last = input.operations.at(-1)
  const given: Dtype | null = last?.id === 'ensure_dtype' ? last.dtype : null
  if (given !== null && given !== type) throw invalid(model, input.operationsField, `ends with ${given}, but the network takes ${type}`)
  if (!metadata.isTensor) return
  metadata.shape.forEach((length, index) => {
    const axis = input.axes[index]
    if (typeof length !== 'number' || !axis || length < 1) return
    const { size } = axis
    const agrees = axis.type === 'batch' ? length === 1 : size.kind === 'fixed' ? size.size === length : size.kind === 'reference'
    if (!agrees) throw invalid(model, axis.field, `does not agree with the network, which takes exactly ${length}`)
  })
}

function checkRank(model: NetworkModel, { field, axes }: TensorDescription, metadata: Metadata): void {
  if (!metadata.isTensor) throw invalid(model, field, 'is not a tensor in the network')
  typeOf(metadata)
  // A network may leave the shape of an output open; then it is checked when it has run.
  if (metadata.shape.length !== 0 && metadata.shape.length !== axes.length) {
    throw invalid(model, `${field}.axes`, `names ${axes.length} axes, but the network has ${metadata.shape.length}`)
  }
}

function typeOf(metadata: Metadata): Dtype {
  const type = metadata.isTensor ? metadata.type : 'sequence'
  const found = dtypes.find((dtype) => dtype === type)
  if (found) return found
  throw new AppError('ModelInvalid', `The network's tensor "${metadata.name}" holds values of type ${type}, which cannot be used.`)
}

function invalid(model: NetworkModel, field: string, reason: string): AppError {
  return new AppError('ModelInvalid', `The model "${model.name}" cannot be used: ${field} ${reason}.`, { model: model.id, field })
}

function feedOf({ Tensor }: Runtime, array: NdArray, type: Dtype): OrtTensor {
  const { data, dims } = cast(array, type)
  switch (type) {
    case 'float32':
      return new Tensor('float32', data as Float32Array, dims)
    case 'float64':
      return new Tensor('float64', data as Float64Array, dims)
    case 'float16':
      return new Tensor('float16', Uint16Array.from(data, floatToHalf), dims)
    case 'int64':
      return new Tensor('int64', BigInt64Array.from(Array.from(data, BigInt)), dims)
    case 'uint64':
      return new Tensor('uint64', BigUint64Array.from(Array.from(data, BigInt)), dims)
    default:
      return new Tensor(type, new arrays[type](data), dims)
  }
}

const arrays = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  bool: Uint8Array,
} as const

function arrayOf({ type, data, dims }: OrtTensor): NdArray {
  const dtype = dtypes.find((each) => each === type) ?? 'float32'
  const result = allocate(dtype, [...dims])
  const count = elements(dims)
  // Copied: the runtime may use its memory again for the next block.
  if (dtype === 'float16') {
    const halves = new Uint16Array((data as Uint16Array).buffer, (data as Uint16Array).byteOffset, count)
    for (let i = 0; i < count; i++) result.data[i] = halfToFloat(halves[i] as number)
  } else if (dtype === 'int64' || dtype === 'uint64') {
    const large = data as BigInt64Array | BigUint64Array
    for (let i = 0; i < count; i++) result.data[i] = Number(large[i])
  } else result.data.set(data as Float32Array)
  return result
}
