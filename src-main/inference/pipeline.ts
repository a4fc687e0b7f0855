/**
 * One image through one network: to the network's grid, one normalisation for the whole, tiles, and back. Everything here is plain
 * arithmetic; what runs a tile is handed in.
 */
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { Normalisation } from './inference.ts'
import { normalisationFor, postprocess, statisticsFor } from './operations.ts'
import type { RunnableModel } from './package.ts'
import { resample, resampledLength } from './resample.ts'
import type { Statistics } from './statistics.ts'
import { cutOut, normalise, type Plane, putBack, toFloats } from './tensors.ts'
import { type AxisPlan, planAxis } from './tiling.ts'

/** A tensor with batch 1: `dims` = [1, channels, y, x]. Its memory belongs to whoever ran the tile, until the next tile. */
export interface TileResult {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

export type RunTile = (tile: Plane) => Promise<TileResult>

export interface ImageInput {
  readonly width: number
  readonly height: number
  readonly data: Pixels
  readonly pixelSizeUm: number | null
}

export interface PipelineOptions {
  readonly normalisation: Normalisation | null
  /** false: the scale channel is not wanted. */
  readonly scale: boolean
  /** Side of the largest tile, network pixels. */
  readonly largestTile: number
  /** Memory for a part of the work, with any content; null or absent: new memory. */
  readonly allocate?: (part: ImagePart, length: number) => Float32Array | null
}

export type ImagePart = 'grid' | 'image' | 'scale'

export interface PipelineResult {
  readonly width: number
  readonly height: number
  readonly image: Float32Array
  readonly scale: Float32Array | null
  readonly pixelSizeUm: number | null
  readonly normalisation: Normalisation
}

/** Images whose pixels are this near the grid's are taken as they are. */
const onGridTolerance = 0.02
/** Side of the largest image on the network's grid: beyond, a plane of floats no longer fits a typed array. */
const largestPixels = 2 ** 29

/** How an image comes to the network's grid. */
export interface GridStep {
  /** Grid pixel / image pixel; 1 = as it is. */
  readonly ratio: number
  /** µm of the result's pixels; null = unknown. */
  readonly pixelSizeUm: number | null
  readonly warnings: readonly string[]
}

/** Decides whether an image must be resampled, and says what the user must know about it. */
export function gridStep(model: Pick<RunnableModel, 'gridUm' | 'trainedUm'>, pixelSizeUm: number | null): GridStep {
  const { gridUm, trainedUm } = model
  if (gridUm === null) return { ratio: 1, pixelSizeUm, warnings: [] }
  if (pixelSizeUm === null) {
    const warning =
      `The pixel size is unknown, so the network's scale could not be checked: the image was taken as being on the network's grid ` +
      `(${gridUm} µm). State the pixel size if it differs.`
    return { ratio: 1, pixelSizeUm: null, warnings: [warning] }
  }
  if (near(pixelSizeUm, gridUm)) return { ratio: 1, pixelSizeUm, warnings: [] }
  const trained = trainedUm.some((size) => near(pixelSizeUm, size))
  const warning =
    `Pixels of ${pixelSizeUm} µm were resampled to the network's ${gridUm} µm, but it was trained on images with pixels of ` +
    `${trainedUm.join(' or ')} µm only: judge the result with care.`
  return { ratio: gridUm / pixelSizeUm, pixelSizeUm: gridUm, warnings: trained ? [] : [warning] }
}

function near(a: number, b: number): boolean {
  return Math.abs(a / b - 1) <= onGridTolerance
}

/** Refuses what is no image, or would be too large on the network's grid. Throws OutOfRange. */
function checkInput({ width, height, data }: ImageInput, ratio: number): void {
  if (data.length !== width * height || width < 1 || height < 1) {
    throw new AppError('OutOfRange', `An image of ${width} × ${height} pixels cannot consist of ${data.length} values.`)
  }
  const pixels = resampledLength(width, ratio) * resampledLength(height, ratio)
  if (pixels > largestPixels) {
    throw new AppError(
      'OutOfRange',
      `On the network's grid this image would have ${Math.round(pixels / 1e6)} million pixels, which is too many. Crop it.`,
    )
  }
}

/** What statistics are taken of: the pixels on the network's grid, in their own units. Throws OutOfRange where they cannot be. */
export function gridPixels(input: ImageInput, ratio: number): Pixels {
  checkInput(input, ratio)
  return ratio === 1 ? input.data : resample(toFloats(input.data), input.width, input.height, ratio).data
}

/** The image on the network's grid, normalised as given, or by its own statistics. */
function prepare(
  model: RunnableModel,
  input: ImageInput,
  ratio: number,
  options: PipelineOptions,
): Plane & { normalisation: Normalisation } {
  checkInput(input, ratio)
  const { width, height } = input
  const floats = toFloats(input.data)
  const given = options.normalisation
  // Interpolation and normalisation may be exchanged, and there are fewer pixels before than after.
  if (given) normalise(floats, given)
  const image =
    ratio === 1 ? { width, height, data: floats } : resample(floats, width, height, ratio, (length) => memory(options, 'grid', length))
  if (given) return { ...image, normalisation: given }
  const normalisation = measure(model, ratio === 1 ? input.data : image.data)
  normalise(image.data, normalisation)
  return { ...image, normalisation }
}

/** One offset and scale from a whole image, on the network's grid. */
function measure(model: RunnableModel, data: Pixels): Normalisation {
  const statistics = statisticsFor(model.preprocessing)
  if (statistics) {
    statistics.add(data)
    requireFinite(statistics)
    if (statistics.needsSecondPass) statistics.refine(data)
  }
  return normalisationFor(model.preprocessing, statistics)
}

function memory({ allocate }: PipelineOptions, part: ImagePart, length: number): Float32Array {
  return allocate?.(part, length) ?? new Float32Array(length)
}

export function requireFinite(statistics: Statistics): void {
  if (!statistics.finite) {
    throw new AppError('OutOfRange', 'The image contains values that are not finite numbers (NaN or infinity). Replace them first.')
  }
}

/** Runs the network over an image; yields the finished fraction (0…1) after every tile, so that the caller can stop between tiles. */
export async function* runPipeline(
  model: RunnableModel,
  input: ImageInput,
  run: RunTile,
  options: PipelineOptions,
): AsyncGenerator<number, PipelineResult> {
  const step = gridStep(model, input.pixelSizeUm)
  const image = prepare(model, input, step.ratio, options)
  const { width, height, normalisation } = image
  const result: Plane = { width, height, data: memory(options, 'image', width * height) }
  const scaleChannel = options.scale ? model.scaleChannel : null
  const scale: Plane | null = scaleChannel === null ? null : { width, height, data: memory(options, 'scale', width * height) }
  const plan = planTiles(model, image, options.largestTile)
  const factor = model.inverse ? normalisation.scale : 1
  const offset = model.inverse ? normalisation.offset : 0
  const size = { width: plan.x.size, height: plan.y.size }
  const whole = plan.y.spans.length === 1 && plan.x.spans.length === 1 && size.width === width && size.height === height
  const tile: Plane = whole ? image : { ...size, data: new Float32Array(size.width * size.height) }
  let done = 0
  for (const y of plan.y.spans) {
    for (const x of plan.x.spans) {
      if (!whole) cutOut(image, y, x, tile)
      const output = await run(tile)
      checkShape(model, output, size)
      const channel = (index: number): Plane => ({
        ...size,
        data: output.data.subarray(index * size.width * size.height, (index + 1) * size.width * size.height),
      })
      const values = channel(model.imageChannel)
      postprocess(model.postprocessing, values.data)
      const finite = putBack(values, y, x, result, factor, offset)
      const finiteScale = !scale || scaleChannel === null || putBack(channel(scaleChannel), y, x, scale, factor, 0)
      if (!finite || !finiteScale) throw notANumber(model)
      done++
      yield done / (plan.y.spans.length * plan.x.spans.length)
    }
  }
  return { width, height, image: result.data, scale: scale?.data ?? null, pixelSizeUm: step.pixelSizeUm, normalisation }
}

export function planTiles(model: RunnableModel, image: Plane, largest: number): { readonly y: AxisPlan; readonly x: AxisPlan } {
  return { y: planAxis(image.height, model.sizeY, model.halo, largest), x: planAxis(image.width, model.sizeX, model.halo, largest) }
}

function checkShape(model: RunnableModel, { dims, data }: TileResult, size: { readonly width: number; readonly height: number }): void {
  const wanted = [1, model.channels, size.height, size.width]
  const fits = dims.length === 4 && dims.every((value, index) => value === wanted[index]) && data instanceof Float32Array
  if (fits) return
  throw new AppError(
    'ModelInvalid',
    `The network "${model.name}" gave a tensor of shape ${dims.join(' × ')} where its description (outputs[0].axes) says ${wanted.join(' × ')}.`,
    { model: model.id, field: 'outputs[0].axes' },
  )
}

function notANumber(model: RunnableModel): AppError {
  return new AppError(
    'ModelFailed',
    `The network "${model.name}" gave values that are not finite numbers for this image, so its result was thrown away.`,
    { model: model.id },
  )
}
