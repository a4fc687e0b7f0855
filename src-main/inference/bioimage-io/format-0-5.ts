/** Reads descriptions of format 0.5 (bioimageio.spec, model v0_5). */
import { z } from '#shared/zod.ts'
import type { Axis, AxisSize, Description, TensorDescription } from './description.ts'
import { dtypeSchema, postprocessingSchema, preprocessingSchema } from './operation-schema.ts'
import { commonFields, commonOf, count, fileSource, parseWith, sha256, weightsOf, weightsSchema } from './read-common.ts'

const sizeSchema = z.union(
  [
    count.positive().transform((size): AxisSize => ({ kind: 'fixed', size })),
    z
      .object({ tensor_id: z.string(), axis_id: z.string(), offset: count.default(0) })
      .transform(({ tensor_id, axis_id, offset }): AxisSize => ({ kind: 'reference', tensor: tensor_id, axis: axis_id, offset })),
    z.object({ min: count.positive(), step: count.positive() }).transform(({ min, step }): AxisSize => ({ kind: 'steps', min, step })),
    z
      .object({ min: count.positive().default(1), max: count.positive().nullish(), step: z.undefined() })
      .transform(({ min, max }): AxisSize => ({ kind: 'data', min, max: max ?? null })),
  ],
  { error: 'must be a number, {min, step}, {tensor_id, axis_id, offset}, or, of an output, {min, max}' },
)

const scaled = { unit: z.string().max(40).nullish(), scale: z.number().positive().default(1), halo: count.nonnegative().default(0) }
const axisSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('batch'), id: z.literal('batch').default('batch'), size: z.literal(1).nullish() }),
  z.object({
    type: z.literal('channel'),
    id: z.string().min(1).default('channel'),
    channel_names: z.array(z.string().max(200)).min(1).max(4096),
  }),
  z.object({ type: z.literal('index'), id: z.string().min(1).default('index'), size: sizeSchema }),
  z.object({ type: z.literal('time'), id: z.string().min(1).default('time'), size: sizeSchema, ...scaled }),
  z.object({ type: z.literal('space'), id: z.string().min(1).default('x'), size: sizeSchema, ...scaled }),
])

const dataSchema = z.object({ type: dtypeSchema.nullish(), values: z.array(z.unknown()).nullish() })
const testTensor = z.object({ source: fileSource, sha256: sha256.nullish() }).nullish()
const tensor = {
  description: z.string().max(10_000).nullish(),
  axes: z.array(axisSchema).min(1).max(8),
  data: z.union([dataSchema, z.array(dataSchema).min(1)]).nullish(),
  test_tensor: testTensor,
}

const schema = z.object({
  ...commonFields,
  inputs: z
    .array(
      z.object({
        ...tensor,
        id: z.string().min(1).max(200).default('input'),
        optional: z.boolean().default(false),
        preprocessing: z.array(preprocessingSchema).default([]),
      }),
    )
    .min(1)
    .max(32),
  outputs: z
    .array(
      z.object({ ...tensor, id: z.string().min(1).max(200).default('output'), postprocessing: z.array(postprocessingSchema).default([]) }),
    )
    .min(1)
    .max(32),
  weights: weightsSchema,
})
type Document = z.infer<typeof schema>
type TensorDocument = Document['inputs'][number] | Document['outputs'][number]

/** Throws FieldProblem. */
export function readFormat05(document: unknown): Description {
  const read = parseWith(schema, document)
  return {
    ...commonOf(read),
    ...weightsOf(read.weights),
    inputs: read.inputs.map((input, index) => ({
      ...tensorOf(input, `inputs[${index}]`),
      optional: input.optional,
      operations: input.preprocessing,
      operationsField: `inputs[${index}].preprocessing`,
    })),
    outputs: read.outputs.map((output, index) => ({
      ...tensorOf(output, `outputs[${index}]`),
      optional: false,
      operations: output.postprocessing,
      operationsField: `outputs[${index}].postprocessing`,
    })),
  }
}

function tensorOf(tensor: TensorDocument, field: string): Omit<TensorDescription, 'optional' | 'operations' | 'operationsField'> {
  const data = Array.isArray(tensor.data) ? tensor.data[0] : tensor.data
  return {
    id: tensor.id,
    description: tensor.description ?? '',
    field,
    idField: `${field}.id`,
    axes: tensor.axes.map((axis, index) => axisOf(axis, `${field}.axes[${index}]`)),
    dtype: data?.type ?? (data?.values ? 'uint8' : 'float32'),
    test: tensor.test_tensor && {
      source: tensor.test_tensor.source,
      sha256: tensor.test_tensor.sha256?.toLowerCase() ?? null,
      field: `${field}.test_tensor`,
    },
  } as Omit<TensorDescription, 'optional' | 'operations' | 'operationsField'>
}

function axisOf(axis: Document['inputs'][number]['axes'][number], field: string): Axis {
  const plain = { type: axis.type, id: axis.id, scale: 1, unit: null, halo: 0, names: [] }
  switch (axis.type) {
    case 'batch':
      return { ...plain, size: axis.size === 1 ? { kind: 'fixed', size: 1 } : { kind: 'steps', min: 1, step: 1 }, field: `${field}.size` }
    case 'channel':
      return {
        ...plain,
        size: { kind: 'fixed', size: axis.channel_names.length },
        names: axis.channel_names,
        field: `${field}.channel_names`,
      }
    case 'index':
      return { ...plain, size: axis.size, field: `${field}.size` }
    default:
      return { ...plain, size: axis.size, scale: axis.scale, unit: axis.unit ?? null, halo: axis.halo, field: `${field}.size` }
  }
}
