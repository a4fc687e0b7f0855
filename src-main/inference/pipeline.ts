/**
 * One image through one network: to the network's grid, one normalisation for the whole, tiles, and back. Everything here is plain
 * arithmetic; what runs a tile is handed in.
 */
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { Band, Normalisation } from './inference.ts'
import { notFinite } from './not-finite.ts'
import { normalisationFor, postprocess, statisticsFor } from './operations.ts'
import type { RunnableModel } from './package.ts'
import { resampledLength } from './resample.ts'
import type { Statistics } from './statistics.ts'
import { type AxisPlan, planAxis, type Span } from './tiling.ts'
import { type GridShape, type SourceRows, type TileShape, Workbench } from './workbench.ts'

/** The same place of one or more planes, normalised, one plane after the other, each row by row. */
export interface Tile {
  readonly width: number
  readonly height: number
  readonly planes: number
  readonly data: Float32Array
}

/** A tensor with a batch of the tile's planes: `dims` = [planes, channels, y, x]. Its memory belongs to whoever ran the tile, until the next tile. */
export interface TileResult {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

/** Runs one tile; the result may be written to `output`, which is large enough for it. */
export type RunTile = (tile: Tile, output: Float32Array) => Promise<TileResult>

export interface ImageInput {
  readonly width: number
  readonly height: number
  /** Plane after plane. */
  readonly data: Pixels
  /** Default 1. */
  readonly planes?: number
  readonly pixelSizeUm: number | null
  /** Of a single plane; null or absent: the image is whole. */
  readonly band?: Band | null
}

export interface PipelineOptions {
  /** One for each plane; null: measured, for a single plane. */
  readonly normalisations: readonly Normalisation[] | null
  /** false: the scale channel is not wanted. */
  readonly scale: boolean
  /** Side of the largest tile, network pixels. */
  readonly largestTile: number
  /** How many tiles of so many pixels go through the network at once; by default one. */
  readonly batch?: (tilePixels: number) => number
  /** Gives a place to work at, which nobody else uses until the next tile; by default a new one. */
  readonly workbench?: (tile: TileShape, grid: GridShape) => Workbench
}

export interface PlaneResult {
  /** Memory of the workbench where the image was one tile: good until the next tile is run. */
  readonly image: Float32Array
  readonly scale: Float32Array | null
  readonly normalisation: Normalisation
}

export interface PipelineResult {
  readonly width: number
  readonly height: number
  readonly pixelSizeUm: number | null
  readonly planes: readonly PlaneResult[]
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

/** The grid of a network that takes more than planes: it states one size of pixels, or none. */
export function imageGrid({ gridUm }: Pick<RunnableModel, 'gridUm'>): Pick<RunnableModel, 'gridUm' | 'trainedUm'> {
  return { gridUm, trainedUm: gridUm === null ? [] : [gridUm] }
}

function near(a: number, b: number): boolean {
  return Math.abs(a / b - 1) <= onGridTolerance
}

/** Refuses what is no image, or would be too large on the network's grid. Throws OutOfRange. */
function checkInput({ width, height, data, band, planes = 1 }: ImageInput, ratio: number): void {
  if (data.length !== width * height * planes || width < 1 || height < 1 || planes < 1) {
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

/** The rows at hand of one plane, as rows of the whole image. */
function sourceOf({ width, height, data, band }: ImageInput, plane = 0): SourceRows {
  const pixels = data.subarray(plane * width * height, (plane + 1) * width * height)
  return { width, height: band?.imageHeight ?? height, data: pixels, firstRow: band?.firstRow ?? 0 }
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
  if (!statistics.finite) throw notFinite()
}

/**
 * Runs the network over an image of one or more planes; yields the finished fraction (0…1) after every run, so that the caller can stop
 * between runs. The same place of several planes goes through the network at once where `batch` allows it.
 */
export async function* runPipeline(
  model: RunnableModel,
  input: ImageInput,
  run: RunTile,
  options: PipelineOptions,
): AsyncGenerator<number, PipelineResult> {
  const { ratio, pixelSizeUm } = gridStep(model, input.pixelSizeUm)
  checkInput(input, ratio)
  const count = input.planes ?? 1
  const normalisations = options.normalisations ?? [measure(model, input, ratio)]
  if (normalisations.length !== count)
    throw new AppError('OutOfRange', `${count} planes cannot have ${normalisations.length} normalisations.`)
  const sources = Array.from({ length: count }, (_, plane) => sourceOf(input, plane))
  const imageHeight = input.band?.imageHeight ?? input.height
  const grid = { width: input.width, height: imageHeight, ratio }
  const width = resampledLength(input.width, ratio)
  const gridHeight = resampledLength(imageHeight, ratio)
  const from = input.band?.from ?? 0
  const height = (input.band?.to ?? gridHeight) - from
  const plan = planTiles(model, { width, height: gridHeight }, input.band?.tile ?? options.largestTile)
  const rows = plan.y.spans.filter(({ keepStart, keepEnd }) => keepStart >= from && keepEnd <= from + height)
  const size = { width: plan.x.size, height: plan.y.size }
  const batch = Math.min(count, options.batch?.(size.width * size.height) ?? 1)
  const place = options.workbench ?? ((tile, grid) => new Workbench(tile, grid))
  const wanted = [model.imageChannel, ...(options.scale && model.scaleChannel !== null ? [model.scaleChannel] : [])]
  const single = plan.y.spans.length === 1 && plan.x.spans.length === 1 && batch === count
  const whole = single && size.width === width && size.height === gridHeight
  const results: Float32Array[][] = sources.map(() => (whole ? [] : wanted.map(() => new Float32Array(width * height))))
  const runs = rows.length * plan.x.spans.length * Math.ceil(count / batch)
  let done = 0
  for (const { y, x, first, planes } of runPlaces(rows, plan.x.spans, count, batch)) {
    const kept = { top: y.keepStart - y.start, bottom: y.keepEnd - y.start, left: x.keepStart - x.start, right: x.keepEnd - x.start }
    const bench = place({ ...size, channels: model.channels, planes: batch }, grid)
    for (let plane = 0; plane < planes; plane++) {
      bench.fill(sources[first + plane] as SourceRows, y.start, x.start, normalisations[first + plane] as Normalisation, plane)
    }
    const pixels = planes * size.width * size.height
    const memory = bench.output.subarray(0, pixels * model.channels)
    const output = await run({ ...size, planes, data: bench.input.subarray(0, pixels) }, memory)
    checkShape(model, output, { ...size, planes })
    if (output.data !== memory) memory.set(output.data)
    for (let part = 0; part < planes * wanted.length; part++) {
      const plane = Math.floor(part / wanted.length)
      const index = part % wanted.length
      const result = results[first + plane] as Float32Array[]
      const values = finish(model, bench, plane, wanted[index] as number, kept, normalisations[first + plane] as Normalisation)
      if (whole) result.push(values)
      else copyKept(values, size.width, kept, result[index] as Float32Array, width, y.keepStart - from, x.keepStart)
    }
    done++
    yield done / runs
  }
  const planes = results.map(([image, scale], plane) => ({
    image: image as Float32Array,
    scale: scale ?? null,
    normalisation: normalisations[plane] as Normalisation,
  }))
  return { width, height, pixelSizeUm, planes }
}

/** What goes through the network together: a tile's place, for `planes` planes from `first` on. */
function* runPlaces(rows: readonly Span[], columns: readonly Span[], count: number, batch: number) {
  for (const y of rows)
    for (const x of columns)
      for (let first = 0; first < count; first += batch) yield { y, x, first, planes: Math.min(batch, count - first) }
}

/** Brings one channel of one plane at a bench to the image's units, in place. Throws ModelFailed for what is no number. */
function finish(
  model: RunnableModel,
  bench: Workbench,
  plane: number,
  channel: number,
  kept: Kept,
  { offset, scale }: Normalisation,
): Float32Array {
  const index = plane * model.channels + channel
  const pixels = bench.tile.width * bench.tile.height
  const values = bench.output.subarray(index * pixels, (index + 1) * pixels)
  // The scale is a width: it has no offset, and the operations on the image's values are not meant for it.
  const isImage = channel === model.imageChannel
  if (isImage) postprocess(model.postprocessing, values)
  if (!bench.restore(index, kept, model.inverse ? scale : 1, model.inverse && isImage ? offset : 0)) throw notANumber(model)
  return values
}

/** The part of a tile that may be kept: from top ≤ row < bottom, left ≤ column < right. */
interface Kept {
  readonly top: number
  readonly bottom: number
  readonly left: number
  readonly right: number
}

/** Puts the part of a tile that may be kept in its place in the image. */
function copyKept(tile: Float32Array, tileWidth: number, kept: Kept, image: Float32Array, imageWidth: number, y: number, x: number): void {
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

function checkShape(
  model: RunnableModel,
  { dims, data }: TileResult,
  size: { readonly width: number; readonly height: number; readonly planes: number },
): void {
  const wanted = [size.planes, model.channels, size.height, size.width]
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
