/**
 * How the tensors of a network lie over an image with the axes t, c, z, y, x. Axes that a network does not have are gone through plane
 * by plane; channels are handed out to its inputs in order.
 */
import type { Axis, TensorDescription } from '../bioimage-io/description.ts'
import { axisOf, referredSize } from '../bioimage-io/sizes.ts'
import type { SizeRule } from '../tiling.ts'

export const extents = ['t', 'z', 'y', 'x'] as const
export type Extent = (typeof extents)[number]

/** size of the output = size of the input · ratio + offset; `halo` output elements beside a cut are not to be kept. */
export interface Link {
  readonly ratio: number
  readonly offset: number
  readonly halo: number
}

export interface OutputLayout {
  readonly tensor: TensorDescription
  /** null: the output has no such axis, or one of a single element. */
  readonly links: Readonly<Record<Extent, Link | null>>
  readonly channels: number
}

export interface ImageLayout {
  /** Channels that each input takes, in order. */
  readonly channels: readonly number[]
  /** Sizes that all inputs allow; null: the network has no such axis. */
  readonly rules: Readonly<Record<Extent, readonly SizeRule[] | null>>
  /** Outputs that are images. */
  readonly outputs: readonly OutputLayout[]
  /** Outputs that are not, and why. */
  readonly left: readonly string[]
}

/** Why a network cannot be run on an image: it ends a sentence that begins with "because". */
export class NoImage extends Error {}

export function extentOf({ type, id }: Pick<Axis, 'type' | 'id'>): Extent | null {
  if (type === 'time') return 't'
  return type === 'space' && (id === 'x' || id === 'y' || id === 'z') ? id : null
}

/** Throws NoImage. */
export function layOut(inputs: readonly TensorDescription[], outputs: readonly TensorDescription[]): ImageLayout {
  const channels = inputs.map((input) => channelsOf(input, 'takes'))
  const rules = Object.fromEntries(extents.map((extent) => [extent, rulesFor(extent, inputs)])) as ImageLayout['rules']
  if (!rules.y || !rules.x) throw new NoImage('its input has no x and y')
  const found: OutputLayout[] = []
  const left: string[] = []
  for (const tensor of outputs) {
    try {
      found.push(outputLayout(tensor, inputs, rules))
    } catch (error) {
      if (!(error instanceof NoImage)) throw error
      left.push(`“${tensor.id}” is left out, because ${error.message}.`)
    }
  }
  const [first] = left
  if (found.length === 0) throw new NoImage(first ? `no output is an image: ${first.replace(/\.$/, '')}` : 'it has no output')
  return { channels, rules, outputs: found, left }
}

function channelsOf(tensor: TensorDescription, verb: string): number {
  for (const axis of tensor.axes) {
    if (axis.type !== 'batch' && axis.type !== 'channel' && extentOf(axis) === null) {
      throw new NoImage(`“${tensor.id}” ${verb} an axis “${axis.id}” that is no part of an image`)
    }
  }
  const channel = tensor.axes.find(({ type }) => type === 'channel')
  if (!channel) return 1
  if (channel.size.kind !== 'fixed') throw new NoImage(`the number of channels of “${tensor.id}” is not fixed`)
  return channel.size.size
}

function rulesFor(extent: Extent, inputs: readonly TensorDescription[]): SizeRule[] | null {
  const axes = inputs.map((input) => input.axes.find((axis) => extentOf(axis) === extent))
  if (axes.every((axis) => axis === undefined)) return null
  return inputs.flatMap((input, index): SizeRule[] => {
    const axis = axes[index]
    if (!axis) throw new NoImage(`“${input.id}” has no axis ${extent}, and another input has`)
    const { size } = axis
    if (size.kind === 'fixed') return [{ min: size.size, step: 0 }]
    if (size.kind === 'steps') return [{ min: size.min, step: size.step }]
    const other = size.kind === 'reference' ? axisOf(size, inputs) : undefined
    if (size.kind !== 'reference' || !other) throw new NoImage(`the size of “${input.id}” along ${extent} does not follow from an input`)
    if (extentOf(other) !== extent || size.offset !== 0 || other.scale !== axis.scale) {
      throw new NoImage(`“${input.id}” must have another size along ${extent} than “${size.tensor}”`)
    }
    return []
  })
}

function outputLayout(tensor: TensorDescription, inputs: readonly TensorDescription[], rules: ImageLayout['rules']): OutputLayout {
  const channels = channelsOf(tensor, 'has')
  const links = Object.fromEntries(
    extents.map((extent) => [extent, linkOf(extent, tensor, inputs, rules[extent] !== null)]),
  ) as OutputLayout['links']
  if (!links.y || !links.x) throw new NoImage('it has no x and y')
  return { tensor, links, channels }
}

function linkOf(extent: Extent, tensor: TensorDescription, inputs: readonly TensorDescription[], wanted: boolean): Link | null {
  const axis = tensor.axes.find((each) => extentOf(each) === extent)
  if (!axis) {
    if (wanted && extent !== 't' && extent !== 'z') throw new NoImage(`it has no axis ${extent}`)
    return null
  }
  const { size, halo } = axis
  if (!wanted) {
    if (size.kind === 'fixed' && size.size === 1) return null
    throw new NoImage(`it has an axis ${extent}, and the input has none`)
  }
  if (size.kind === 'reference') {
    const other = axisOf(size, inputs)
    if (!other || extentOf(other) !== extent) throw new NoImage(`its size along ${extent} follows from another axis`)
    return { ratio: other.scale / axis.scale, offset: size.offset, halo }
  }
  const input = inputs.map(({ axes }) => axes.find((each) => extentOf(each) === extent)).find((each) => each?.size.kind === 'fixed')
  if (size.kind === 'fixed' && input?.size.kind === 'fixed') {
    const length = input.size.size
    // A fixed size may be a multiple of the input's, or smaller by what the network cuts off.
    const multiple = size.size / length
    const even = size.size > length ? Number.isInteger(multiple) : Number.isInteger(1 / multiple)
    const ratio = input.scale === axis.scale ? (even ? multiple : 1) : input.scale / axis.scale
    return { ratio, offset: size.size - referredSize(axis, { ...input, scale: ratio * axis.scale }, length, 0), halo }
  }
  throw new NoImage(`its size along ${extent} is not known before it has run`)
}
