/**
 * A model package as BioImage.IO describes it (`rdf.yaml`, format 0.5): what is read of it, and what this application can run.
 * Spec: https://bioimage.io/docs, bioimageio.spec.model.v0_5. Every refusal names the field.
 */
import { z } from '#shared/zod.ts'
import { type Postprocessing, type Preprocessing, postprocessingSchema, preprocessingSchema } from './operations.ts'
import type { SizeRule } from './tiling.ts'

/** What the inference process needs to run a package. Plain data: it crosses to that process. */
export interface RunnableModel {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly onnxPath: string
  readonly sha256: string
  readonly preprocessing: readonly Preprocessing[]
  readonly postprocessing: readonly Postprocessing[]
  readonly sizeY: SizeRule
  readonly sizeX: SizeRule
  /** Pixels beside a cut that must not be kept, at least the receptive field. */
  readonly halo: number
  /** Channels of the output, and which of them are the image and the Laplace scale of its error. */
  readonly channels: number
  readonly imageChannel: number
  readonly scaleChannel: number | null
  /** true: the output is in units of the normalised input and is brought back to the input's. */
  readonly inverse: boolean
  /** µm of the network's pixels; null = it works on any grid. */
  readonly gridUm: number | null
  /** Pixel sizes of the images it was trained on, µm; others are resampled with a warning. */
  readonly trainedUm: readonly number[]
}

/** A field of a description that keeps the package from being used. */
export class FieldProblem extends Error {
  constructor(
    readonly field: string,
    readonly reason: string,
  ) {
    super(`${field}: ${reason}`)
  }
}

const text = z.string().max(10_000)
const fileSource = z.string().min(1).max(500)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits')
const count = z.number().int()

const sizeSchema = z.union([
  count.positive().transform((size): SizeRule => ({ min: size, step: 0 })),
  z.object({ min: count.positive(), step: count.positive() }),
  z.object({ tensor_id: z.string(), axis_id: z.string(), offset: count.default(0) }),
])

const axisSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('batch'), id: z.string().default('batch'), size: z.literal(1).nullish() }),
  z.object({ type: z.literal('channel'), id: z.string().default('channel'), channel_names: z.array(z.string()).min(1).max(256) }),
  z.object({ type: z.literal('index'), id: z.string().default('index') }),
  z.object({ type: z.literal('time'), id: z.string().default('time') }),
  z.object({
    type: z.literal('space'),
    id: z.enum(['x', 'y', 'z']).default('x'),
    size: sizeSchema,
    unit: z.string().nullish(),
    scale: z.number().positive().default(1),
    halo: count.nonnegative().default(0),
  }),
])
type Axis = z.infer<typeof axisSchema>
type SpaceAxis = Extract<Axis, { type: 'space' }>

/** What only this application's own packages say (`config.deepscope`). */
const ownSchema = z.object({
  pixel_size_um: z.number().positive(),
  source_pixel_size_um: z.number().positive(),
  resample: z.object({
    kernel: z.literal('catmull-rom'),
    a: z.literal(-0.5),
    alignment: z.literal('corners'),
    border: z.literal('replicate'),
  }),
  intensity: z.object({
    inverse: z.literal('inverse-of-input-normalisation'),
    image: z.literal('scale-and-offset'),
    scale: z.literal('scale-only'),
  }),
  outputs: z.array(z.enum(['image', 'scale'])),
  tile: z.object({ halo: count.nonnegative(), multiple_of: count.positive(), border: z.literal('replicate') }),
})

const onnxSchema = z.object({
  source: fileSource,
  sha256,
  opset_version: count.min(7),
  external_data: z.unknown().optional(),
})

export const descriptionSchema = z.object({
  format_version: z.string().regex(/^0\.5\.\d+/, 'only format 0.5 can be read'),
  type: z.literal('model', 'must be "model"'),
  name: text.min(1),
  version: z.union([z.string(), z.number()]).nullish(),
  description: text.default(''),
  license: z.string().max(200).default(''),
  documentation: z.string().max(500).nullish(),
  inputs: z
    .array(
      z.object({
        id: z.string().default('input'),
        optional: z.boolean().default(false),
        axes: z.array(axisSchema),
        preprocessing: z.array(preprocessingSchema).default([]),
      }),
    )
    .min(1),
  outputs: z
    .array(
      z.object({
        id: z.string().default('output'),
        axes: z.array(axisSchema),
        postprocessing: z.array(postprocessingSchema).default([]),
      }),
    )
    .min(1),
  weights: z.object({ onnx: onnxSchema.optional() }).catchall(z.unknown()),
  config: z.object({ deepscope: ownSchema.optional() }).default({}),
})
export type Description = z.infer<typeof descriptionSchema>

/** Reads a parsed YAML document. Throws FieldProblem. */
export function readDescription(document: unknown): Description {
  const read = descriptionSchema.safeParse(document)
  if (read.success) return read.data
  const issue = read.error.issues[0]
  const field = issue?.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('') ?? ''
  throw new FieldProblem(field.replace(/^\./, '') || 'rdf.yaml', issue?.message ?? 'cannot be read')
}

/** Works out how to run a package, or throws FieldProblem for what this application cannot run. */
export function planModel(description: Description, place: { readonly id: string; readonly onnxPath: string }): RunnableModel {
  const { inputs, outputs, weights, config } = description
  const onnx = weights.onnx
  if (!onnx) {
    const others = Object.keys(weights).join(', ') || 'none'
    throw new FieldProblem('weights.onnx', `the package has no ONNX weights (it has: ${others}), so it is valid but cannot be run here`)
  }
  if (onnx.external_data) throw new FieldProblem('weights.onnx.external_data', 'weights in several files cannot be read')
  const [input, another] = inputs
  const [output, second] = outputs
  if (!input || another) throw new FieldProblem('inputs', 'only networks with one input can be run')
  if (!output || second) throw new FieldProblem('outputs', 'only networks with one output can be run')
  if (input.id === output.id) throw new FieldProblem('outputs[0].id', `"${output.id}" is also the name of the input`)
  const from = planeAxes(input.axes, 'inputs[0].axes')
  const to = planeAxes(output.axes, 'outputs[0].axes')
  if (from.channels !== 1) throw new FieldProblem('inputs[0].axes[1].channel_names', 'only networks with one input channel can be run')
  const sizeY = inputSize(from.y, 'inputs[0].axes[2].size')
  const sizeX = inputSize(from.x, 'inputs[0].axes[3].size')
  checkOutputSize(to.y, from.y, input.id, 'outputs[0].axes[2]')
  checkOutputSize(to.x, from.x, input.id, 'outputs[0].axes[3]')
  const own = config.deepscope
  const roles = own?.outputs ?? ['image']
  if (own && roles.length !== to.channels) {
    throw new FieldProblem('config.deepscope.outputs', `names ${roles.length} channels, but the output has ${to.channels}`)
  }
  if (!roles.includes('image')) throw new FieldProblem('config.deepscope.outputs', 'no channel is the image')
  const grid = own?.pixel_size_um ?? micrometres(from)
  const scaleChannel = roles.indexOf('scale')
  return {
    ...place,
    name: description.name,
    version: String(description.version ?? 'unversioned'),
    sha256: onnx.sha256.toLowerCase(),
    preprocessing: input.preprocessing,
    postprocessing: output.postprocessing,
    sizeY,
    sizeX,
    halo: Math.max(to.y.halo, to.x.halo, own?.tile.halo ?? 0),
    channels: to.channels,
    imageChannel: roles.indexOf('image'),
    scaleChannel: scaleChannel < 0 ? null : scaleChannel,
    inverse: own !== undefined,
    gridUm: grid,
    trainedUm: grid === null ? [] : own ? [own.source_pixel_size_um, grid] : [grid],
  }
}

interface PlaneAxes {
  readonly channels: number
  readonly y: SpaceAxis
  readonly x: SpaceAxis
}

function planeAxes(axes: readonly Axis[], field: string): PlaneAxes {
  const [batch, channel, y, x] = axes
  const fits =
    axes.length === 4 &&
    batch?.type === 'batch' &&
    channel?.type === 'channel' &&
    y?.type === 'space' &&
    y.id === 'y' &&
    x?.type === 'space' &&
    x.id === 'x'
  if (!fits) {
    const found = axes.map((axis) => axis.id).join(', ')
    throw new FieldProblem(field, `only batch, channel, y, x in this order can be run, not ${found || 'none'}`)
  }
  return { channels: channel.channel_names.length, y, x }
}

function inputSize(axis: SpaceAxis, field: string): SizeRule {
  if ('min' in axis.size) return axis.size
  throw new FieldProblem(field, 'a size by reference to another tensor cannot be run')
}

function checkOutputSize(axis: SpaceAxis, input: SpaceAxis, inputId: string, field: string): void {
  const { size } = axis
  if ('min' in size) {
    const fixed = 'min' in input.size && input.size.step === 0 && size.step === 0 && size.min === input.size.min
    if (!fixed) throw new FieldProblem(`${field}.size`, 'must refer to the size of the input')
    return
  }
  if (size.tensor_id !== inputId || size.axis_id !== input.id) {
    throw new FieldProblem(`${field}.size`, `must refer to axis ${input.id} of ${inputId}`)
  }
  if (size.offset !== 0) throw new FieldProblem(`${field}.size.offset`, 'an output smaller or larger than the input cannot be run')
  if (axis.scale !== input.scale) throw new FieldProblem(`${field}.scale`, 'an output smaller or larger than the input cannot be run')
}

function micrometres({ y, x }: PlaneAxes): number | null {
  return y.unit === 'micrometer' && x.unit === 'micrometer' && y.scale === x.scale ? y.scale : null
}
