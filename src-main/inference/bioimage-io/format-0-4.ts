/**
 * Reads descriptions of format 0.4 (bioimageio.spec, model v0_4) into the words of 0.5. Axes are a string of letters, sizes a list:
 * fixed, {min, step}, or of an output {reference_tensor, scale, offset} with size = reference · scale + 2 · offset.
 */
import { z } from '#shared/zod.ts'
import { axisLetters } from './axis-letters.ts'
import type { Axis, AxisSize, Description, Dtype, TensorDescription } from './description.ts'
import { FieldProblem } from './field-problem.ts'
import { dtypeSchema } from './operation-schema.ts'
import { operation04, operationSchema04 } from './operations-0-4.ts'
import { commonFields, commonOf, count, fileSource, parseWith, weightsOf, weightsSchema } from './read-common.ts'

const axesSchema = z.string().regex(/^[bitczyx]{1,7}$/, 'may consist of the letters b, i, t, c, z, y and x only')
const sizes = z.array(count.positive()).min(1).max(7)
const inputShape = z.union(
  [sizes, z.object({ min: sizes, step: z.array(count.nonnegative()).min(1).max(7) })],
  'must be a list of sizes, or {min, step}',
)
const half = z.number().refine((value) => Number.isInteger(2 * value), 'must be a multiple of 0.5')
const outputShape = z.union(
  [
    sizes,
    z.object({
      reference_tensor: z.string().min(1),
      scale: z.array(z.number().nonnegative().nullable()).min(1).max(7),
      offset: z.array(half).min(1).max(7),
    }),
  ],
  'must be a list of sizes, or {reference_tensor, scale, offset}',
)
const tensor = { name: z.string().min(1).max(200), description: z.string().max(10_000).nullish(), axes: axesSchema, data_type: dtypeSchema }
const files = z.array(fileSource).nullish()

const schema = z.object({
  ...commonFields,
  inputs: z
    .array(z.object({ ...tensor, shape: inputShape, preprocessing: z.array(operationSchema04).nullish() }))
    .min(1)
    .max(32),
  outputs: z
    .array(
      z.object({
        ...tensor,
        shape: outputShape,
        halo: z.array(count.nonnegative()).nullish(),
        postprocessing: z.array(operationSchema04).nullish(),
      }),
    )
    .min(1)
    .max(32),
  test_inputs: files,
  test_outputs: files,
  weights: weightsSchema,
})
type Document = z.infer<typeof schema>

/** Throws FieldProblem. */
export function readFormat04(document: unknown): Description {
  const read = parseWith(schema, document)
  checkNames(read)
  const inputs = read.inputs.map((input, index): TensorDescription => {
    const field = `inputs[${index}]`
    return {
      ...tensorOf(input, field, read.test_inputs?.[index], `test_inputs[${index}]`),
      axes: inputAxes(input, field),
      operations: (input.preprocessing ?? []).map((each, step) =>
        operation04(each, input.axes, `${field}.preprocessing[${step}]`, 'preprocessing'),
      ),
      operationsField: `${field}.preprocessing`,
    }
  })
  const outputs = read.outputs.map((output, index): TensorDescription => {
    const field = `outputs[${index}]`
    return {
      ...tensorOf(output, field, read.test_outputs?.[index], `test_outputs[${index}]`),
      axes: outputAxes(output, inputs, field),
      operations: (output.postprocessing ?? []).map((each, step) =>
        operation04(each, output.axes, `${field}.postprocessing[${step}]`, 'postprocessing'),
      ),
      operationsField: `${field}.postprocessing`,
    }
  })
  return { ...commonOf(read), ...weightsOf(read.weights), inputs, outputs }
}

function checkNames({ inputs, outputs }: Document): void {
  const seen = new Set<string>()
  for (const [kind, tensors] of [['inputs', inputs] as const, ['outputs', outputs] as const]) {
    for (const [index, { name }] of tensors.entries()) {
      if (seen.has(name)) throw new FieldProblem(`${kind}[${index}].name`, `"${name}" is the name of another tensor too`)
      seen.add(name)
    }
  }
}

function tensorOf(
  { name, description, data_type }: { readonly name: string; readonly description?: string | null | undefined; readonly data_type: Dtype },
  field: string,
  source: string | undefined,
  testField: string,
) {
  return {
    id: name,
    description: description ?? '',
    field,
    idField: `${field}.name`,
    dtype: data_type,
    optional: false,
    test: source === undefined ? null : { source, sha256: null, field: testField },
  }
}

function axis(letter: string, index: number, size: AxisSize, field: string, more: Partial<Axis> = {}): Axis {
  const { type, id } = axisLetters[letter] as Pick<Axis, 'type' | 'id'>
  const names = type === 'channel' && size.kind === 'fixed' ? Array.from({ length: size.size }, (_, channel) => `channel${channel}`) : []
  return { type, id, size, scale: 1, unit: null, halo: 0, names, field: `${field}.shape[${index}]`, ...more }
}

function inputAxes({ axes, shape }: Document['inputs'][number], field: string): Axis[] {
  const [min, step] = Array.isArray(shape) ? [shape, shape.map(() => 0)] : [shape.min, shape.step]
  if (min.length !== axes.length || step.length !== axes.length) {
    throw new FieldProblem(`${field}.shape`, `has ${Math.max(min.length, step.length)} sizes for the ${axes.length} axes "${axes}"`)
  }
  return [...axes].map((letter, index) => {
    const least = min[index] as number
    const by = step[index] as number
    if (letter === 'b' && (least !== 1 || by !== 0)) throw new FieldProblem(`${field}.shape[${index}]`, 'the batch must be 1')
    if (letter === 'c' && by !== 0) throw new FieldProblem(`${field}.shape.step[${index}]`, 'the number of channels must be fixed')
    return axis(letter, index, by === 0 ? { kind: 'fixed', size: least } : { kind: 'steps', min: least, step: by }, field)
  })
}

function outputAxes({ axes, shape, halo }: Document['outputs'][number], inputs: readonly TensorDescription[], field: string): Axis[] {
  const count = Array.isArray(shape) ? shape.length : shape.scale.length
  if (count !== axes.length || (!Array.isArray(shape) && shape.offset.length !== axes.length)) {
    throw new FieldProblem(`${field}.shape`, `does not have one entry for each of the ${axes.length} axes "${axes}"`)
  }
  if (halo && halo.length !== axes.length) throw new FieldProblem(`${field}.halo`, `has ${halo.length} entries for ${axes.length} axes`)
  const crop = (index: number): Partial<Axis> => ({ halo: halo?.[index] ?? 0 })
  if (Array.isArray(shape)) {
    return [...axes].map((letter, index) => axis(letter, index, { kind: 'fixed', size: shape[index] as number }, field, crop(index)))
  }
  const reference = inputs.find(({ id }) => id === shape.reference_tensor)
  if (!reference) throw new FieldProblem(`${field}.shape.reference_tensor`, `there is no input "${shape.reference_tensor}"`)
  const referring = shape.scale.filter((scale) => scale !== null).length
  if (referring !== reference.axes.length) {
    throw new FieldProblem(`${field}.shape.scale`, `refers to ${referring} axes, but "${reference.id}" has ${reference.axes.length}`)
  }
  let at = 0
  return [...axes].map((letter, index) => {
    const scale = shape.scale[index] ?? null
    const offset = 2 * (shape.offset[index] as number)
    const other = scale === null ? undefined : reference.axes[at++]
    if (letter === 'b' && (offset !== 0 || scale !== 1)) {
      throw new FieldProblem(`${field}.shape.offset[${index}]`, `would make the batch ${(scale ?? 0) + offset}; it must stay 1`)
    }
    if (letter === 'b') return axis(letter, index, { kind: 'fixed', size: 1 }, field)
    if (!scale || !other) {
      if (offset < 1) throw new FieldProblem(`${field}.shape.offset[${index}]`, 'must say the size of an axis that refers to none')
      return axis(letter, index, { kind: 'fixed', size: offset }, field, crop(index))
    }
    // Channels and indices have no scale: their number is known now.
    if (letter === 'c' || letter === 'i') {
      if (other.size.kind !== 'fixed') throw new FieldProblem(`${field}.shape[${index}]`, 'refers to an axis without a fixed size')
      const size = Math.floor(other.size.size * scale) + offset
      if (size < 1) throw new FieldProblem(`${field}.shape[${index}]`, `would be ${size}`)
      return axis(letter, index, { kind: 'fixed', size }, field, crop(index))
    }
    const size: AxisSize = { kind: 'reference', tensor: reference.id, axis: other.id, offset }
    return axis(letter, index, size, field, { scale: other.scale / scale, ...crop(index) })
  })
}
