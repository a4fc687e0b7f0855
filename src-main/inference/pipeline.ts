/**
 * One image through one network: to the network's grid, one normalisation for the whole, tiles, and back. Everything here is plain
 * arithmetic; what runs a tile is handed in.
 */
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { Band, Normalisation } from './inference.ts'
import { normalisationFor, postprocess, statisticsFor } from './operations.ts'
import type { RunnableModel } from './package.ts'
import { resampledLength } from './resample.ts'
import type { Statistics } from './statistics.ts'
import { type AxisPlan, planAxis } from './tiling.ts'
import { type GridShape, type SourceRows, type TileShape, Workbench } from './workbench.ts'

/** A one-channel image in 32-bit floats, row by row. */
export interface Plane {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** A tensor with batch 1: `dims` = [1, channels, y, x]. Its memory belongs to whoever ran the tile, until the next tile. */
export interface TileResult {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

/** Runs one tile; the result may be written to `output`, which is large enough for it. */
export type RunTile = (tile: Plane, output: Float32Array) => Promise<TileResult>

export interface ImageInput {
  readonly width: number
  readonly height: number
  readonly data: Pixels
  readonly pixelSizeUm: number | null
  /** null or absent: the image is whole. */
  readonly band?: Band | null
}

export interface PipelineOptions {
  readonly normalisation: Normalisation | null
  /** false: the scale channel is not wanted. */
  readonly scale: boolean
  /** Side of the largest tile, network pixels. */
  readonly largestTile: number
  /** Gives a place to work at, which nobody else uses until the next tile; by default a new one. */
  readonly workbench?: (tile: TileShape, grid: GridShape) => Workbench
}

export interface PipelineResult {
  readonly width: number
  readonly height: number
  /** Memory of the workbench where the image was one tile: good until the next tile is run. */
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
function checkInput({ width, height, data, band }: ImageInput, ratio: number): void {
  if (data.length !== width * height || width < 1 || height < 1) {
    throw new AppError('OutOfRange', `An image of ${width} × ${height} pixels cannot consist of ${data.length} values.`)
  }
  if (band && band.rows !== height) throw new AppError('OutOfRange', `A band of ${band.rows} rows cannot have ${height}.`)
  const pixels = resampledLength(width, ratio) * (band ? band.to - band.from : resampledLength(height, ratio))
  if (pixels > largestPixels) {
    throw new AppError(
      'OutOfRange',
      `On the network's grid this image would have ${Math.round(pixels / 1e6)} million pixels, which is too many. Crop it.`,
    )
  }
}

/** Rows that statistics are taken of at once, where they are resampled for it. */
const stripRows = 32

/**
 * What statistics are taken of, piece by piece: the pixels on the network's grid, in their own units. A piece is good until the next.
 * Throws OutOfRange for what is no image.
 */
export function* gridPixels(input: ImageInput, ratio: number): Generator<Pixels> {
  checkInput(input, ratio)
  const source = sourceOf(input)
  const from = input.band?.from ?? 0
  const to = input.band?.to ?? resampledLength(source.height, ratio)
  if (ratio === 1) {
    yield input.data.subarray((from - source.firstRow) * input.width, (to - source.firstRow) * input.width)
    return
  }
  const width = resampledLength(input.width, ratio)
  for (let y = from; y < to; y += stripRows) {
    const bench = new Workbench(
      { width, height: Math.min(stripRows, to - y), channels: 0 },
      { width: input.width, height: source.height, ratio },
    )
    bench.fill(source, y, 0, { offset: 0, scale: 1 })
    yield bench.input
  }
}

/** The rows at hand, as rows of the whole image. */
function sourceOf({ width, height, data, band }: ImageInput): SourceRows {
  return { width, height: band?.imageHeight ?? height, data, firstRow: band?.firstRow ?? 0 }
}

/** One offset and scale from a whole image, on the network's grid. */
function measure(model: RunnableModel, input: ImageInput, ratio: number): Normalisation {
  const statistics = statisticsFor(model.preprocessing)
  if (statistics) {
    for (const pixels of gridPixels(input, ratio)) statistics.add(pixels)
    requireFinite(statistics)
    if (statistics.needsSecondPass) for (const pixels of gridPixels(input, ratio)) statistics.refine(pixels)
  }
  return normalisationFor(model.preprocessing, statistics)
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
  const { ratio, pixelSizeUm } = gridStep(model, input.pixelSizeUm)
  checkInput(input, ratio)
  const normalisation = options.normalisation ?? measure(model, input, ratio)
  const source = sourceOf(input)
  const grid = { width: input.width, height: source.height, ratio }
  const width = resampledLength(input.width, ratio)
  const gridHeight = resampledLength(source.height, ratio)
  const from = input.band?.from ?? 0
  const height = (input.band?.to ?? gridHeight) - from
  const plan = planTiles(model, { width, height: gridHeight }, input.band?.tile ?? options.largestTile)
  const rows = plan.y.spans.filter(({ keepStart, keepEnd }) => keepStart >= from && keepEnd <= from + height)
  const size = { width: plan.x.size, height: plan.y.size, channels: model.channels }
  const place = options.workbench ?? ((tile, grid) => new Workbench(tile, grid))
  const wanted = [model.imageChannel, ...(options.scale && model.scaleChannel !== null ? [model.scaleChannel] : [])]
  const whole = plan.y.spans.length === 1 && plan.x.spans.length === 1 && size.width === width && size.height === gridHeight
  const results: Float32Array[] = whole ? [] : wanted.map(() => new Float32Array(width * height))
  let done = 0
  for (const y of rows) {
    for (const x of plan.x.spans) {
      const bench = place(size, grid)
      bench.fill(source, y.start, x.start, normalisation)
      const output = await run({ ...size, data: bench.input }, bench.output)
      checkShape(model, output, size)
      if (output.data !== bench.output) bench.output.set(output.data)
      const kept = { top: y.keepStart - y.start, bottom: y.keepEnd - y.start, left: x.keepStart - x.start, right: x.keepEnd - x.start }
      wanted.forEach((channel, index) => {
        const values = bench.output.subarray(channel * size.width * size.height, (channel + 1) * size.width * size.height)
        // The scale is a width: it has no offset, and the operations on the image's values are not meant for it.
        const isImage = channel === model.imageChannel
        if (isImage) postprocess(model.postprocessing, values)
        const factor = model.inverse ? normalisation.scale : 1
        const offset = model.inverse && isImage ? normalisation.offset : 0
        if (!bench.restore(channel, kept, factor, offset)) throw notANumber(model)
        if (whole) results.push(values)
        else copyKept(values, size.width, kept, results[index] as Float32Array, width, y.keepStart - from, x.keepStart)
      })
      done++
      yield done / (rows.length * plan.x.spans.length)
    }
  }
  const [image, scale] = results as [Float32Array, Float32Array?]
  return { width, height, image, scale: scale ?? null, pixelSizeUm, normalisation }
}

/** Puts the part of a tile that may be kept in its place in the image. */
function copyKept(
  tile: Float32Array,
  tileWidth: number,
  kept: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number },
  image: Float32Array,
  imageWidth: number,
  y: number,
  x: number,
): void {
  for (let row = kept.top; row < kept.bottom; row++) {
    image.set(tile.subarray(row * tileWidth + kept.left, row * tileWidth + kept.right), (y + row - kept.top) * imageWidth + x)
  }
}

export function planTiles(
  model: RunnableModel,
  image: { readonly width: number; readonly height: number },
  largest: number,
): { readonly y: AxisPlan; readonly x: AxisPlan } {
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
