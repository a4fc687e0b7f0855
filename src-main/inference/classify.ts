/** A plane through a network that tells what it shows, window by window. Plain arithmetic; what runs a window is handed in. */
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import { cut, type Plane } from '#shared/image/plane.ts'
import { onGrid } from './area-resample.ts'
import type { TensorDescription } from './bioimage-io/description.ts'
import type { Classifier } from './classifier.ts'
import type { ClassifiedGrid, ClassifiedWindow } from './inference.ts'
import { notFinite } from './not-finite.ts'
import type { NetworkModel } from './package.ts'
import { resampledLength } from './resample.ts'
import type { NdArray } from './tensors/nd-array.ts'
import { applyOperations, type Tensor } from './tensors/operations.ts'
import type { RunTensors } from './tensors/run-image.ts'

/** Side of a window on the network's grid, pixels: one cell or a few. The shipped network was evaluated on 128 to 208 pixels; windows have 144 to 287. */
const windowSide = 192
/** Values of a plane on the grid, and of all maps of the evidence. */
const largest = 2 ** 26

export interface Classified {
  readonly grid: ClassifiedGrid
  readonly windows: readonly ClassifiedWindow[]
  /** For each class the evidence, one value for `step` × `step` pixels of the grid; null where the network gives none. */
  readonly activation: { readonly width: number; readonly height: number; readonly data: Float32Array } | null
}

/**
 * Yields the finished fraction after every window. Each window is normalised by itself, as the network's training pictures were.
 * Throws OutOfRange for a plane that is too small or holds no numbers, ModelInvalid or ModelFailed where the network gives something else than promised.
 */
export async function* classifyPlane(
  model: NetworkModel,
  classifier: Classifier,
  plane: { readonly width: number; readonly height: number; readonly data: Pixels },
  ratio: number,
  run: RunTensors,
): AsyncGenerator<number, Classified> {
  const { step, classes } = classifier
  refuseTooLarge(plane, ratio, classifier)
  const grid = middle(onGrid(plane, ratio), classifier, model)
  const [columns, rows] = [parts(grid.width, classifier), parts(grid.height, classifier)]
  const map = { width: grid.width / step, height: grid.height / step }
  const activation = classifier.activation === null ? null : new Float32Array(classes.length * map.width * map.height)
  const windows: ClassifiedWindow[] = []
  for (const y of rows) {
    for (const x of columns) {
      const place = { x: x.from, y: y.from, width: x.to - x.from, height: y.to - y.from }
      const outputs = await answer(model, cut(grid, place.x, place.y, place.width, place.height), run)
      const values = (index: number | null, count: number) => (index === null ? null : checked(model, outputs[index], index, count))
      const probabilities = values(classifier.probabilities, classes.length) as NdArray
      refuseOdds(model, probabilities)
      const size = { width: place.width / step, height: place.height / step }
      const evidence = values(classifier.activation, classes.length * size.width * size.height)
      if (activation && evidence) paste(activation, map, evidence.data, { x: x.from / step, y: y.from / step, ...size }, classes.length)
      windows.push({ ...place, probabilities: [...probabilities.data], novelty: values(classifier.novelty, 1)?.data[0] ?? null })
      yield windows.length / (rows.length * columns.length)
    }
  }
  return { grid, windows, activation: activation && { ...map, data: activation } }
}

interface Place {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

function refuseTooLarge({ width, height }: { width: number; height: number }, ratio: number, { step, classes }: Classifier): void {
  const pixels = resampledLength(width, ratio) * resampledLength(height, ratio)
  const values = Math.max(pixels, (pixels / step ** 2) * classes.length)
  if (values <= largest) return
  const message = `On the network's grid this image would have ${Math.round(values / 1e6)} million values, which is too many. Check its pixel size, or crop it.`
  throw new AppError('OutOfRange', message)
}

/** The middle of a plane, whose sides are what the network takes. */
function middle(plane: Plane, { smallest, step }: Classifier, model: NetworkModel): ClassifiedGrid {
  const [width, height] = [plane.width, plane.height].map((length) => Math.floor(length / step) * step) as [number, number]
  if (Math.min(width, height) < smallest) {
    const um = model.gridUm === null ? '' : ` of ${model.gridUm} µm`
    const message = `The picture has ${plane.width} × ${plane.height} pixels${um} on the network's grid; it needs ${smallest} at least. Check the pixel size.`
    throw new AppError('OutOfRange', message, { model: model.id })
  }
  const [left, top] = [(plane.width - width) >> 1, (plane.height - height) >> 1]
  const found = cut(plane, left, top, width, height)
  if (!found.data.every(Number.isFinite)) throw notFinite()
  return { ...found, left, top, columns: plane.width, rows: plane.height }
}

/** Windows of nearly equal length, the borders between them multiples of `step`. */
function parts(length: number, { smallest, step }: Classifier): { readonly from: number; readonly to: number }[] {
  const units = length / step
  const count = Math.max(1, Math.min(Math.round(length / windowSide), Math.floor(length / (smallest + step))))
  const border = (i: number) => Math.round((i * units) / count) * step
  return Array.from({ length: count }, (_, i) => ({ from: border(i), to: border(i + 1) }))
}

async function answer(model: NetworkModel, { width, height, data }: Plane, run: RunTensors): Promise<readonly NdArray[]> {
  const input = model.inputs[0] as TensorDescription
  const raw: Tensor = { dtype: 'float32', dims: [1, 1, height, width], data, axes: input.axes.map(({ id }) => id) }
  const around = { references: new Map([[input.id, raw]]), together: false }
  const given = await run([applyOperations(raw, input.operations, around)])
  return given.map((found, index) => {
    const output = model.outputs[index]
    return output ? applyOperations({ ...found, axes: output.axes.map(({ id }) => id) }, output.operations, around) : found
  })
}

function checked(model: NetworkModel, found: NdArray | undefined, index: number, count: number): NdArray {
  const id = model.outputs[index]?.id ?? ''
  if (!found || found.data.length !== count) {
    const message = `The network "${model.name}" gave ${found?.data.length ?? 0} values as "${id}" where its description promises ${count}.`
    throw new AppError('ModelInvalid', message, { model: model.id, field: model.outputs[index]?.field ?? 'outputs' })
  }
  if (!found.data.every(Number.isFinite))
    throw new AppError('ModelFailed', `The network "${model.name}" gave values that are no numbers as "${id}".`, { model: model.id })
  return found
}

function refuseOdds(model: NetworkModel, { data }: NdArray): void {
  if (data.every((value) => value >= -1e-3 && value <= 1 + 1e-3)) return
  throw new AppError('ModelInvalid', `The network "${model.name}" gave probabilities below 0 or above 1.`, {
    model: model.id,
    field: 'outputs',
  })
}

/** Puts the maps of a window where they belong. */
function paste(whole: Float32Array, map: { width: number; height: number }, part: ArrayLike<number>, place: Place, count: number): void {
  for (let c = 0; c < count; c++) {
    for (let row = 0; row < place.height; row++) {
      for (let column = 0; column < place.width; column++) {
        const to = (c * map.height + place.y + row) * map.width + place.x + column
        whole[to] = part[(c * place.height + row) * place.width + column] as number
      }
    }
  }
}
