/** Planes through a network that refocuses: beside each goes a map of one distance. */
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import { cut, planeOf } from '../analysis/trust/plane.ts'
import { judgedDistances, type RefocusedStack } from '../analysis/trust/through-focus.ts'
import type { Training } from '../analysis/trust/training.ts'
import type { DistanceMap } from '../inference/distance-map.ts'
import type { ImagePrediction, ImageRequest, SeriesInference } from '../inference/inference.ts'
import type { Picture } from './picture.ts'

/** Planes at some distances, image by image: of the first distance all planes, then of the next. */
export interface Refocused {
  readonly width: number
  readonly height: number
  readonly pixelSizeUm: number | null
  readonly images: readonly Float32Array[]
  /** Of the errors; null where the network gives none. */
  readonly scales: readonly Float32Array[] | null
  readonly prediction: ImagePrediction
}

/** Of a large picture the middle is refocused to be judged, pixels. */
const judgedSide = 640

/** The middle of a picture at `judgedDistances`, by which it is judged; null where nothing says how large its pixels are. */
export async function judgedStack(
  inference: Pick<SeriesInference, 'predictImage'>,
  { input, ...request }: Omit<RefocusRequest, 'distances' | 'series' | 'width' | 'height'> & { readonly input: Picture },
  { pixelSizesUm }: Training,
  signal?: AbortSignal,
): Promise<RefocusedStack | null> {
  const whole = planeOf(input.width, input.height, input.data)
  const [columns, rows] = [Math.min(judgedSide, whole.width), Math.min(judgedSide, whole.height)]
  const middle = cut(whole, (whole.width - columns) >> 1, (whole.height - rows) >> 1, columns, rows)
  const asked = { ...request, width: columns, height: rows, series: [middle.data], distances: judgedDistances }
  const { width, height, pixelSizeUm, images } = await refocusPlanes(inference, asked, signal)
  const pixelUm = pixelSizeUm ?? pixelSizesUm[0]
  return pixelUm === undefined ? null : { input: middle, width, height, pixelUm, distancesUm: judgedDistances, planes: images }
}

export interface RefocusRequest extends Pick<ImageRequest, 'model' | 'pixelSizeUm' | 'priority'> {
  readonly map: DistanceMap
  readonly width: number
  readonly height: number
  /** Of one size: the times of one channel. They share one normalisation. */
  readonly series: readonly Pixels[]
  /** µm */
  readonly distances: readonly number[]
  /** 0…1 */
  readonly onProgress?: (share: number) => void
}

/** Values that go to the network at once. */
const largestImage = 2 ** 24

/** All planes go together, and so share one normalisation; of a single one several distances do. Rejects as `predictImage` does. */
export async function refocusPlanes(
  inference: Pick<SeriesInference, 'predictImage'>,
  { map, width, height, series, distances, onProgress, ...ask }: RefocusRequest,
  signal?: AbortSignal,
): Promise<Refocused> {
  const pixels = width * height
  const images: Float32Array[] = []
  const scales: Float32Array[] = []
  let last: ImagePrediction | null = null
  const together = series.length > 1 ? 1 : Math.max(1, Math.floor(largestImage / (2 * pixels)))
  for (let from = 0; from < distances.length; from += together) {
    const group = distances.slice(from, from + together)
    const pairs = group.flatMap((distance) => series.map((plane) => ({ distance, plane })))
    const data = new Float32Array(2 * pixels * pairs.length)
    for (const [index, { distance, plane }] of pairs.entries()) {
      data.set(plane, 2 * pixels * index + pixels * (map.channel === 0 ? 1 : 0))
      data.fill(distance / map.unitUm, 2 * pixels * index + pixels * map.channel, 2 * pixels * index + pixels * (map.channel + 1))
    }
    const report = (share: number) => onProgress?.((from + share * group.length) / distances.length)
    last = await inference.predictImage({ ...ask, dims: [pairs.length, 2, 1, height, width], data, onProgress: report }, signal)
    const [image] = last.images
    const [, channels = 1, , rows = 0, columns = 0] = image?.dims ?? []
    for (let index = 0; image && index < pairs.length; index++) {
      const start = index * channels * rows * columns
      images.push(image.data.slice(start, start + rows * columns))
      if (channels > 1) scales.push(image.data.slice(start + rows * columns, start + 2 * rows * columns))
    }
  }
  const [image] = last?.images ?? []
  if (!last || !image) throw new AppError('Internal', 'The network gave no image.')
  const [, , , rows = 0, columns = 0] = image.dims
  return {
    width: columns,
    height: rows,
    pixelSizeUm: image.pixelSizeUm,
    images,
    scales: scales.length > 0 ? scales : null,
    prediction: last,
  }
}
