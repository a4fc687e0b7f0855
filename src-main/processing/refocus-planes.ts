/** Planes through a network that refocuses: beside each goes a map of one distance. */
import type { Provenance } from '#shared/api.ts'
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import { middleOf, planeOf } from '../analysis/trust/plane.ts'
import { judgedDistances, type RefocusedStack } from '../analysis/trust/through-focus.ts'
import type { Training } from '../analysis/trust/training.ts'
import { beyondRange, type DistanceMap } from '../inference/distance-map.ts'
import type { ImageRequest, SeriesInference } from '../inference/inference.ts'
import type { Picture } from './picture.ts'

/** Planes at some distances, image by image: of the first distance all planes, then of the next. */
export interface Refocused {
  readonly width: number
  readonly height: number
  readonly pixelSizeUm: number | null
  readonly images: readonly Float32Array[]
  /** Of the errors; null where the network gives none. */
  readonly scales: readonly Float32Array[] | null
  /** Its warnings say nothing of the distances: see `beyondRange`. */
  readonly provenance: Provenance
  readonly elapsedMs: number
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

/** Values that are handed over at once: several surfaces of a picture of up to 2048², so that a network may share what it makes of it. */
const largestImage = 2 ** 25

/** All planes go together, and so share one normalisation, and nothing else; of a single one several distances do. Rejects as `predictImage` does. */
export async function refocusPlanes(
  inference: Pick<SeriesInference, 'predictImage'>,
  { map, width, height, series, distances, onProgress, ...ask }: RefocusRequest,
  signal?: AbortSignal,
): Promise<Refocused> {
  const pixels = width * height
  const images: Float32Array[] = []
  const scales: Float32Array[] = []
  const warnings = new Set<string>()
  let made: Pick<Refocused, 'width' | 'height' | 'pixelSizeUm' | 'provenance'> | null = null
  let elapsedMs = 0
  const together = series.length > 1 ? 1 : Math.max(1, Math.floor(largestImage / (2 * pixels)))
  for (let from = 0; from < distances.length; from += together) {
    const group = distances.slice(from, from + together)
    const pairs = group.flatMap((distance) => series.map((plane) => ({ value: distance / map.unitUm, plane })))
    const data = new Float32Array(2 * pixels * pairs.length)
    for (const [index, { value, plane }] of pairs.entries()) {
      data.set(plane, 2 * pixels * index + pixels * (map.channel === 0 ? 1 : 0))
      data.fill(value, 2 * pixels * index + pixels * map.channel, 2 * pixels * index + pixels * (map.channel + 1))
    }
    const report = (share: number) => onProgress?.((from + share * group.length) / distances.length)
    const dims = [pairs.length, 2, 1, height, width] as const
    const answer = await inference.predictImage({ ...ask, dims, data, onProgress: report }, signal)
    const [image] = answer.images
    if (!image) throw new AppError('Internal', 'The network gave no image.')
    const [, channels = 1, , rows = 0, columns = 0] = image.dims
    for (const index of pairs.keys()) {
      const start = index * channels * rows * columns
      images.push(image.data.slice(start, start + rows * columns))
      if (channels > 1) scales.push(image.data.slice(start + rows * columns, start + 2 * rows * columns))
    }
    const ofDistance = pairs.map(({ value }) => beyondRange(map, [value]))
    for (const warning of answer.provenance.warnings) if (!ofDistance.includes(warning)) warnings.add(warning)
    elapsedMs += answer.elapsedMs
    made = { width: columns, height: rows, pixelSizeUm: image.pixelSizeUm, provenance: answer.provenance }
  }
  if (!made) throw new AppError('OutOfRange', 'No surface was asked for.')
  const provenance = { ...made.provenance, warnings: [...warnings] }
  return { ...made, provenance, elapsedMs, images, scales: scales.length > 0 ? scales : null }
}

/** Of a large picture the middle is refocused to be judged, pixels. */
const judgedSide = 640

type JudgedRequest = Omit<RefocusRequest, 'distances' | 'series' | 'width' | 'height'> & { readonly input: Picture }

/** The middle of a picture at the distances that it is judged by; null where the package does not say what that takes. */
export async function judgedStack(
  inference: Pick<SeriesInference, 'predictImage'>,
  { input, ...request }: JudgedRequest,
  { pixelSizesUm, refocusing }: Training,
  signal?: AbortSignal,
): Promise<RefocusedStack | null> {
  const distancesUm = refocusing ? judgedDistances(refocusing.target, request.map.rangeUm) : []
  if (distancesUm.length < 4) return null
  const middle = middleOf(planeOf(input.width, input.height, input.data), judgedSide)
  const asked = { ...request, width: middle.width, height: middle.height, series: [middle.data], distances: distancesUm }
  const { width, height, pixelSizeUm, images } = await refocusPlanes(inference, asked, signal)
  const pixelUm = pixelSizeUm ?? pixelSizesUm[0]
  return pixelUm === undefined ? null : { input: middle, width, height, pixelUm, distancesUm, planes: images }
}
