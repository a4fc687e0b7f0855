/**
 * An image with any axes through any network: tensors of all its inputs, one normalisation for the whole, blocks, and back. Everything
 * here is plain arithmetic; what runs a block is handed in.
 */
import { AppError } from '#shared/errors.ts'
import type { TensorDescription } from '../bioimage-io/description.ts'
import { needOf } from '../distance-map.ts'
import type { NetworkModel } from '../package.ts'
import { mirrored } from '../tiling.ts'
import { type Block, type BlockPlan, lostOf, outputLength, planBlocks } from './blocks.ts'
import { type Extent, extentOf, extents, type ImageLayout, type Link, layOut, NoImage, type OutputLayout } from './image-layout.ts'
import { allocate, cast, gather, type NdArray, paste, strides } from './nd-array.ts'
import { applyOperations, type Tensor } from './operations.ts'

/** Runs a network once: its inputs in the order of the description, each with its axes in the order of the description. */
export type RunTensors = (inputs: readonly NdArray[]) => Promise<readonly NdArray[]>

/** dims = [t, c, z, y, x] */
export type ImageArray = NdArray

export interface ImageResult {
  readonly id: string
  readonly image: ImageArray
  /** Pixels of the result for one of the image, along x. */
  readonly ratio: number
}

const order: readonly (Extent | 'c')[] = ['t', 'c', 'z', 'y', 'x']

/**
 * Yields the finished fraction (0…1) after every block, so that the caller can stop between blocks.
 * @param largest wished upper limits of a block.
 * @param maps of distances that go with one block of one picture at most, where the network takes several (`DistanceMap.shared`).
 * Throws ModelInvalid where the network does not take images or gives another shape than promised, OutOfRange for an image that does not
 * suit it, ModelFailed for values that are no numbers.
 */
export async function* runImage(
  model: NetworkModel,
  image: ImageArray,
  run: RunTensors,
  largest: Readonly<Record<Extent, number>>,
  maps: (blockPixels: number) => number = () => 1,
): AsyncGenerator<number, readonly ImageResult[]> {
  const layout = layoutOf(model)
  checkChannels(model, layout, image.dims[1] as number)
  const lengths = lengthsOf(image)
  const plans = Object.fromEntries(
    extents.map((extent) => [extent, planExtent(model, layout, extent, lengths[extent], largest[extent])]),
  ) as Record<Extent, BlockPlan | null>
  const raw = inputTensors(model, layout, image)
  const references = new Map(model.inputs.map(({ id }, index) => [id, raw[index] as Tensor]))
  const around = { references, together: true }
  const prepared = model.inputs.map(({ operations }, index) => applyOperations(raw[index] as Tensor, operations, around))
  const planes = prepared[0]?.dims[0] ?? 0
  const places = placesOf(plans)
  const results: (NdArray | null)[] = layout.outputs.map(() => null)
  const blockPixels = extents.reduce((product, extent) => product * (plans[extent]?.size ?? 1), 1)
  const groups = groupsOf(model, prepared, planes, maps(blockPixels))
  for (const group of groups) {
    for (const [index, place] of places.entries()) {
      const outputs = await run(
        model.inputs.map((input, each) => cutOut(prepared[each] as Tensor, input, partOf(model, input, group), place, plans)),
      )
      layout.outputs.forEach((output, each) => {
        const found = outputs[model.outputs.indexOf(output.tensor)]
        if (!found)
          throw new AppError('ModelInvalid', `The network "${model.name}" gave no output "${output.tensor.id}".`, { model: model.id })
        const block = batchFirst(model, output, found, group.count, plans)
        results[each] ??= allocate(block.dtype, [planes, ...resultDims(output, lengths)])
        putBack(block, output, results[each] as NdArray, group.first, place)
      })
      yield (group.first * places.length + (index + 1) * group.count) / (planes * places.length)
    }
  }
  return layout.outputs.map((output, index): ImageResult => {
    const { tensor } = output
    const axes = ['batch', ...bare(tensor).map(({ id }) => id)]
    const finished = applyOperations({ ...(results[index] as NdArray), axes }, tensor.operations, around)
    checkFinite(model, finished)
    const made = toImage(cast(finished, tensor.dtype), output, lengths, layout)
    const image = model.distance?.inverse ? restored(made, raw[0] as Tensor, prepared[0] as Tensor) : made
    return { id: tensor.id, image, ratio: output.links.x?.ratio ?? 1 }
  })
}

/** The image back in the units of the picture that was normalised by one factor and addend; its first channel is the picture, the others are widths. */
export function restored(image: ImageArray, raw: NdArray, normalised: NdArray): ImageArray {
  let [low, high] = [0, 0]
  for (let i = 0; i < raw.data.length; i++) {
    if ((raw.data[i] as number) < (raw.data[low] as number)) low = i
    if ((raw.data[i] as number) > (raw.data[high] as number)) high = i
  }
  const [a, b] = [normalised.data[low] as number, normalised.data[high] as number]
  const scale = b > a ? ((raw.data[high] as number) - (raw.data[low] as number)) / (b - a) : 1
  const offset = (raw.data[low] as number) - a * scale
  const [, channels = 1, ...rest] = image.dims
  const plane = rest.reduce((product, length) => product * length, 1)
  const data = new Float32Array(image.data.length)
  for (let i = 0; i < data.length; i++) {
    const isPicture = Math.floor(i / plane) % channels === 0
    data[i] = (image.data[i] as number) * scale + (isPicture ? offset : 0)
  }
  return { dtype: 'float32', dims: image.dims, data }
}

function layoutOf(model: NetworkModel): ImageLayout {
  try {
    return layOut(model.inputs, model.outputs)
  } catch (error) {
    if (!(error instanceof NoImage)) throw error
    throw new AppError('ModelInvalid', `The network "${model.name}" cannot be run on images, because ${error.message}.`, {
      model: model.id,
    })
  }
}

function checkChannels(model: NetworkModel, { channels }: ImageLayout, found: number): void {
  const wanted = channels.reduce((sum, each) => sum + each, 0)
  if (found === wanted) return
  const need = model.distance ? ` ${needOf(model.distance)}` : ''
  throw new AppError('OutOfRange', `The network "${model.name}" takes ${wanted} channels at once; the image has ${found}.${need}`, {
    model: model.id,
  })
}

function lengthsOf({ dims: [t = 1, , z = 1, y = 1, x = 1] }: ImageArray): Record<Extent, number> {
  return { t, z, y, x }
}

function planExtent(
  model: NetworkModel,
  { rules, outputs }: ImageLayout,
  extent: Extent,
  length: number,
  largest: number,
): BlockPlan | null {
  const own = rules[extent]
  if (own === null) return null
  const plan = planBlocks(
    length,
    own,
    outputs.flatMap(({ links }) => links[extent] ?? []),
    largest,
  )
  if (plan) return plan
  throw new AppError('OutOfRange', `No size along ${extent} suits the network "${model.name}" and an image of ${length}.`, {
    model: model.id,
  })
}

/** Axes without the batch. */
function bare({ axes }: TensorDescription): TensorDescription['axes'] {
  return axes.filter(({ type }) => type !== 'batch')
}

/** One tensor for each input: [batch, its axes]; the batch holds the planes that the network takes one after the other. */
function inputTensors(model: NetworkModel, { rules, channels }: ImageLayout, image: ImageArray): Tensor[] {
  const [sizeT = 1, , sizeZ = 1] = image.dims
  const steps = strides(image.dims)
  const step = (axis: Extent | 'c') => steps[order.indexOf(axis)] as number
  const times = rules.t ? [0] : Array.from({ length: sizeT }, (_, t) => t * step('t'))
  const depths = rules.z ? [0] : Array.from({ length: sizeZ }, (_, z) => z * step('z'))
  const planes = Int32Array.from(times.flatMap((t) => depths.map((z) => t + z)))
  let channel = 0
  return model.inputs.map((input, index) => {
    const first = channel
    channel += channels[index] as number
    const base = planes.map((plane) => plane + first * step('c'))
    const axes = bare(input)
    const offsets = axes.map((axis) => {
      const extent = axis.type === 'channel' ? 'c' : (extentOf(axis) as Extent)
      const length = extent === 'c' ? (channels[index] as number) : (image.dims[order.indexOf(extent)] as number)
      return Int32Array.from({ length }, (_, i) => i * step(extent))
    })
    const tensor = gather(image, [base, ...offsets])
    return { ...cast(tensor, input.dtype), axes: ['batch', ...axes.map(({ id }) => id)] }
  })
}

/** Planes that go through the network together. */
interface Group {
  readonly first: number
  readonly count: number
}

/** Each plane alone; but up to `most` neighbours that show one picture together, where the network takes it once for several maps. */
function groupsOf({ distance, inputs, outputs }: NetworkModel, prepared: readonly Tensor[], planes: number, most: number): Group[] {
  const sharing = distance?.shared === true && [...inputs, ...outputs].every(({ axes }) => axes[0]?.type === 'batch')
  const pictures = prepared.filter((_, index) => inputs[index]?.id !== distance?.input)
  const groups: Group[] = []
  for (let first = 0, next = 1; first < planes; first = next, next++) {
    if (sharing) while (next < planes && next - first < most && pictures.every((picture) => alike(picture, first, next))) next++
    groups.push({ first, count: next - first })
  }
  return groups
}

function alike({ dims: [planes = 1], data }: Tensor, a: number, b: number): boolean {
  const length = data.length / planes
  for (let i = 0; i < length; i++) if (data[a * length + i] !== data[b * length + i]) return false
  return true
}

/** Of several planes every input takes all, but for the picture that they share. */
function partOf({ distance }: NetworkModel, { id }: TensorDescription, group: Group): Group {
  return id === distance?.input ? group : { ...group, count: 1 }
}

type Place = Readonly<Partial<Record<Extent, Block>>>

function placesOf(plans: Readonly<Record<Extent, BlockPlan | null>>): Place[] {
  return extents.reduce<Place[]>(
    (places, extent) =>
      places.flatMap((place) => (plans[extent]?.blocks ?? [null]).map((block) => (block ? { ...place, [extent]: block } : place))),
    [{}],
  )
}

/** The block of some planes, the image mirrored beyond its edges, and its axes in the order of the description; of several the batch is the first. */
function cutOut(
  tensor: Tensor,
  input: TensorDescription,
  { first, count }: Group,
  place: Place,
  plans: Readonly<Record<Extent, BlockPlan | null>>,
): NdArray {
  const steps = strides(tensor.dims)
  const offsets = bare(input).map((axis, index) => {
    const length = tensor.dims[index + 1] as number
    const step = steps[index + 1] as number
    const extent = extentOf(axis)
    const block = extent ? place[extent] : undefined
    const size = extent && block ? (plans[extent]?.size ?? length) : length
    const start = block?.start ?? 0
    return Int32Array.from({ length: size }, (_, i) => mirrored(start + i, length) * step)
  })
  const planes = Int32Array.from({ length: count }, (_, i) => (first + i) * (steps[0] as number))
  const block = gather(tensor, [planes, ...offsets])
  const dims = input.axes.map((axis) => (axis.type === 'batch' ? count : (block.dims[bare(input).indexOf(axis) + 1] as number)))
  return { ...block, dims }
}

/** The tensor with its batch of `count` as the first axis, if it has the shape that its description promises. */
function batchFirst(
  model: NetworkModel,
  { tensor, links, channels }: OutputLayout,
  found: NdArray,
  count: number,
  plans: Readonly<Record<Extent, BlockPlan | null>>,
): NdArray {
  const wanted = tensor.axes.map((axis) => {
    if (axis.type === 'batch') return count
    if (axis.type === 'channel') return channels
    const extent = extentOf(axis) as Extent
    const link = links[extent]
    return link ? Math.floor((plans[extent]?.size ?? 0) * link.ratio + link.offset + 1e-9) : 1
  })
  if (found.dims.length === wanted.length && found.dims.every((size, index) => size === wanted[index])) {
    // A batch elsewhere holds one plane only.
    return { ...found, dims: [count, ...wanted.filter((_, index) => tensor.axes[index]?.type !== 'batch')] }
  }
  throw new AppError(
    'ModelInvalid',
    `The network "${model.name}" gave a tensor of shape ${found.dims.join(' × ')} where its description (${tensor.field}.axes) says ${wanted.join(' × ')}.`,
    { model: model.id, field: `${tensor.field}.axes` },
  )
}

function resultDims({ tensor, links, channels }: OutputLayout, lengths: Readonly<Record<Extent, number>>): number[] {
  return bare(tensor).map((axis) => {
    if (axis.type === 'channel') return channels
    const extent = extentOf(axis) as Extent
    const link = links[extent]
    return link ? outputLength(lengths[extent], link) : 1
  })
}

/** Copies the part of a block that may be kept. */
function putBack(block: NdArray, { tensor, links }: OutputLayout, result: NdArray, first: number, place: Place): void {
  const spans = bare(tensor).map((axis, index) => {
    const extent = extentOf(axis)
    const link = extent ? links[extent] : null
    const cut = extent ? place[extent] : undefined
    return link && cut ? keptSpan(link, cut, result.dims[index + 1] as number) : { from: 0, at: 0, size: result.dims[index + 1] as number }
  })
  const size = [block.dims[0] as number, ...spans.map((span) => span.size)]
  paste(block, [0, ...spans.map(({ from }) => from)], size, result, [first, ...spans.map(({ at }) => at)])
}

/** Where the kept part lies in the block's output and in the whole result. */
function keptSpan(link: Link, { start, keepStart, keepEnd }: Block, total: number) {
  const { ratio, offset } = link
  const scaled = (elements: number) => Math.floor(elements * ratio + 1e-9)
  const at = scaled(keepStart)
  // An output that is longer than its input is never cut: the rest belongs to the only block.
  const end = offset > 0 ? total : Math.min(total, scaled(keepEnd))
  return { at, from: at - Math.round(start * ratio + lostOf(link)), size: end - at }
}

function checkFinite(model: NetworkModel, { data }: NdArray): void {
  let check = 0
  // Zero for every finite value, NaN otherwise, and NaN sticks.
  for (let i = 0; i < data.length; i++) check += (data[i] as number) * 0
  if (check === 0) return
  throw new AppError(
    'ModelFailed',
    `The network "${model.name}" gave values that are not finite numbers for this image, so its result was thrown away.`,
    {
      model: model.id,
    },
  )
}

/** The result's axes in the order of an image; planes that were taken one after the other are laid out again. */
function toImage(result: NdArray, { tensor }: OutputLayout, lengths: Readonly<Record<Extent, number>>, { rules }: ImageLayout): ImageArray {
  const steps = strides(result.dims)
  const axes = bare(tensor)
  const planesZ = rules.z ? 1 : lengths.z
  const offsets = order.map((extent) => {
    const index = axes.findIndex((axis) => (extent === 'c' ? axis.type === 'channel' : extentOf(axis) === extent))
    const length = index < 0 ? 1 : (result.dims[index + 1] as number)
    const step = index < 0 ? 0 : (steps[index + 1] as number)
    // Each plane is an element of the batch: its index is t · planes in z + z.
    if (extent === 't' && !rules.t) return Int32Array.from({ length: lengths.t }, (_, t) => t * planesZ * (steps[0] as number))
    if (extent === 'z' && !rules.z) return Int32Array.from({ length: lengths.z }, (_, z) => z * (steps[0] as number))
    return Int32Array.from({ length }, (_, i) => i * step)
  })
  return gather(result, offsets)
}
