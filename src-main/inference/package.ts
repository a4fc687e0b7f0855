/**
 * What this application can run of a package. Two ways: `plane`, the quick one of the live view, for networks that turn one channel of a
 * plane into planes of the same size after an offset and a scale; and tensors of any shape (`tensors/`) for everything else.
 */
import { z } from '#shared/zod.ts'
import type { Axis, Description, NamedFile, TensorDescription, Tolerance } from './bioimage-io/description.ts'
import { FieldProblem } from './bioimage-io/field-problem.ts'
import { parseWith } from './bioimage-io/read-common.ts'
import { type Classifier, classifies, readClassifier } from './classifier.ts'
import { type DistanceMap, readDistanceMap, refocuses } from './distance-map.ts'
import { type AffineOperation, isAffine, isPointwise, type PointwiseOperation } from './operations.ts'
import { purposeOf } from './purpose.ts'
import type { SizeRule } from './tiling.ts'

/** Where the inference process finds the weights. */
export interface WeightsPlace {
  /** Folder, zip or description file. */
  readonly path: string
  readonly source: string
  /** Of the file of weights; it must not have changed since. */
  readonly sha256: string
  readonly external: NamedFile | null
}

/** What every network has. Plain data: it crosses to the inference process. */
export interface ModelIdentity {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly weights: WeightsPlace
  readonly sha256: string
}

/** A package that can be run. */
export interface NetworkModel extends ModelIdentity {
  readonly inputs: readonly TensorDescription[]
  readonly outputs: readonly TensorDescription[]
  readonly tolerances: readonly Tolerance[]
  /** "classification" …, as the package says; null = it does not. */
  readonly task: string | null
  /** µm of its pixels, to which images are resampled; null = it works on any grid. */
  readonly gridUm: number | null
  /** The quick way, where the network allows it. */
  readonly plane: RunnableModel | null
  /** What it needs beside the image, where it refocuses. */
  readonly distance: DistanceMap | null
  /** What it tells apart, where it tells what an image shows. */
  readonly classifier: Classifier | null
}

/** What the quick way needs to run a package. */
export interface RunnableModel extends ModelIdentity {
  readonly preprocessing: readonly AffineOperation[]
  readonly postprocessing: readonly PointwiseOperation[]
  readonly sizeY: SizeRule
  readonly sizeX: SizeRule
  /** Several planes may go through it at once. */
  readonly batches: boolean
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

const count = z.number().int()

/** What only this application's own packages for planes say (`config.deepscope`). */
const ownSchema = z.object({
  config: z.object({
    deepscope: z.object({
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
      // A picture is mirrored beyond its edges; older packages say that its last pixels were repeated, and are mirrored all the same.
      tile: z.object({ halo: count.nonnegative(), multiple_of: count.positive(), border: z.enum(['mirror', 'replicate']) }),
    }),
  }),
})
type Own = z.infer<typeof ownSchema>['config']['deepscope']

/** Tasks whose result is the input's own image, better: those say how to bring it to the network's grid and back. */
const imageTasks: readonly unknown[] = [undefined, 'super-resolution', 'cross-modality', 'restoration', 'denoising']

/** Throws FieldProblem. null where a package says nothing of the kind, or is for another task (classification, refocusing). */
export function ownPart({ own }: Description): Own | null {
  if (own === undefined || own === null) return null
  return !imageTasks.includes((own as { task?: unknown }).task)
    ? null
    : parseWith(ownSchema, { config: { deepscope: own } }).config.deepscope
}

/** Works out how to run a package, or throws FieldProblem for what this application cannot run. */
export function planModel(description: Description, identity: ModelIdentity): NetworkModel {
  const { inputs, outputs, tolerances } = description
  const common = { ...identity, inputs, outputs, tolerances, task: purposeOf(description.own).task }
  const grid = { ...common, gridUm: gridOf(inputs), plane: null, distance: null, classifier: null }
  if (refocuses(description)) return { ...grid, distance: readDistanceMap(description) }
  if (classifies(description)) return { ...grid, classifier: readClassifier(description) }
  const own = ownPart(description)
  const plane = planPlane(description, identity, own)
  if (own && !plane)
    throw new FieldProblem('config.deepscope', 'speaks of one channel of a plane, but inputs and outputs are something else')
  return { ...grid, gridUm: plane?.gridUm ?? grid.gridUm, plane }
}

function planPlane({ inputs, outputs }: Description, identity: ModelIdentity, own: Own | null): RunnableModel | null {
  const [input, another] = inputs
  const [output, second] = outputs
  if (!input || another || !output || second) return null
  const from = planeAxes(input.axes)
  const to = planeAxes(output.axes)
  if (!from || !to || from.channels !== 1) return null
  const sizeY = ruleOf(from.y)
  const sizeX = ruleOf(from.x)
  const sameSize = keepsSize(to.y, from.y, input) && keepsSize(to.x, from.x, input)
  const whole = (axes: readonly string[] | null) => axes === null || (axes.includes('y') && axes.includes('x'))
  const preprocessing = input.operations.filter(isAffine).filter((each) => !('axes' in each) || whole(each.axes))
  const postprocessing = output.operations.filter(isPointwise)
  const simple =
    preprocessing.length === input.operations.length && postprocessing.length === output.operations.length && feedsFloats(input)
  if (!sizeY || !sizeX || !sameSize || !simple || output.dtype !== 'float32') return null
  const roles = own?.outputs ?? ['image']
  if (own && roles.length !== to.channels) {
    throw new FieldProblem('config.deepscope.outputs', `names ${roles.length} channels, but the output has ${to.channels}`)
  }
  if (!roles.includes('image')) throw new FieldProblem('config.deepscope.outputs', 'no channel is the image')
  // Without roles, one channel is shown; several are all results, so the other way is taken.
  if (!own && to.channels > 1) return null
  const grid = own?.pixel_size_um ?? micrometres(from)
  const scaleChannel = roles.indexOf('scale')
  return {
    ...identity,
    preprocessing,
    postprocessing,
    sizeY,
    sizeX,
    batches: from.batches && to.batches,
    halo: Math.max(to.y.halo, to.x.halo, own?.tile.halo ?? 0),
    channels: to.channels,
    imageChannel: roles.indexOf('image'),
    scaleChannel: scaleChannel < 0 ? null : scaleChannel,
    inverse: own !== null,
    gridUm: grid,
    trainedUm: grid === null ? [] : own ? [own.source_pixel_size_um, grid] : [grid],
  }
}

/** What the first input says of its pixels, in micrometres. */
function gridOf(inputs: readonly TensorDescription[]): number | null {
  const axis = (id: string) => inputs[0]?.axes.find((each) => each.id === id)
  const [y, x] = [axis('y'), axis('x')]
  return y?.unit === 'micrometer' && x?.unit === 'micrometer' && y.scale === x.scale ? x.scale : null
}

interface PlaneAxes {
  readonly batches: boolean
  readonly channels: number
  readonly y: Axis
  readonly x: Axis
}

/** batch, channel, y, x in this order; else null. */
function planeAxes(axes: readonly Axis[]): PlaneAxes | null {
  const [batch, channel, y, x] = axes
  if (axes.length !== 4 || batch?.type !== 'batch' || channel?.type !== 'channel' || y?.id !== 'y' || x?.id !== 'x') return null
  const batches = batch.size.kind !== 'fixed'
  return channel.size.kind === 'fixed' ? { batches, channels: channel.size.size, y, x } : null
}

function ruleOf({ size }: Axis): SizeRule | null {
  if (size.kind === 'fixed') return { min: size.size, step: 0 }
  return size.kind === 'steps' ? { min: size.min, step: size.step } : null
}

function keepsSize(axis: Axis, from: Axis, input: TensorDescription): boolean {
  if (axis.size.kind === 'fixed') return from.size.kind === 'fixed' && from.size.size === axis.size.size
  return (
    axis.size.kind === 'reference' &&
    axis.size.tensor === input.id &&
    axis.size.axis === from.id &&
    axis.size.offset === 0 &&
    axis.scale === from.scale
  )
}

/** Whether the network itself gets 32-bit floats. */
function feedsFloats({ operations, dtype }: TensorDescription): boolean {
  const casts = operations.flatMap((each) => (each.id === 'ensure_dtype' ? [each.dtype] : []))
  return (casts.at(-1) ?? dtype) === 'float32' && casts.every((cast) => cast === 'float32')
}

function micrometres({ y, x }: PlaneAxes): number | null {
  return y.unit === 'micrometer' && x.unit === 'micrometer' && y.scale === x.scale ? y.scale : null
}
