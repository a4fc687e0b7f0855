/**
 * A TIFF through a network that takes more than one channel of a plane: all its channels, depths and times at once, and every output
 * into an OME-TIFF of its own.
 */
import { basename } from 'node:path'
import { AppError, isAbort, messageOf } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { Verdict } from '#shared/trust.ts'
import { type DistanceMap, farthest } from '../inference/distance-map.ts'
import type { ImagePrediction, ImageRequest, ImageUse, ResultImage } from '../inference/inference.ts'
import { verdictAnnotations } from '../storage/export-tiff.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import { type EnhanceParts, type EnhanceResult, judgedPart, type ModelledRequest } from './enhance-file.ts'
import { createResult, sourceWarnings } from './enhanced-writer.ts'
import { fileFacts } from './file-facts.ts'
import { SurfaceJudge, type SurfaceTask } from './judge-surface.ts'
import { freeName, stem } from './output-names.ts'
import { largestLook, type Picture, reduced } from './picture.ts'
import { writePreview } from './preview.ts'
import { doneOf } from './throughput.ts'

/** Values of an image that go to the network at once. */
const largestImage = 2 ** 28

const notJudged =
  'Not judged, because the instruments compare one plane with one plane, and do not cover how this network takes or gives its images.'

/** As `enhanceFile`; `source` stays the caller's. */
export async function enhanceWhole(
  request: ModelledRequest,
  source: TiffSource,
  use: ImageUse,
  { inference, judge }: EnhanceParts,
): Promise<EnhanceResult> {
  const name = request.name ?? basename(request.path)
  const pixelSizeUm = request.pixelSizeUm ?? source.pixelSizeUm
  const groups = channelGroups(source, use, name, request.model)
  const parts: ImagePrediction[] = []
  const made = use.distance ? 0.9 : 1 // what is refocused is judged next
  for (const [index, channels] of groups.entries()) {
    const { dims, data } = await readImage(source, channels, name, request.signal)
    const ask: ImageRequest = {
      model: request.model,
      dims,
      data,
      pixelSizeUm,
      priority: 'batch',
      onProgress: (fraction) =>
        request.onProgress?.((made * (index + fraction)) / groups.length, doneOf(source, (index + fraction) / groups.length)),
    }
    parts.push(await inference.predictImage(ask, request.signal))
  }
  const [first] = parts
  const [shown] = first?.images ?? []
  if (!first || !shown) throw new AppError('DatasetInvalid', `${name} holds no picture.`, { path: request.path })
  const warnings = [...sourceWarnings({ request, source }), ...new Set(parts.flatMap(({ provenance }) => provenance.warnings))]
  const task = { request, source, map: use.distance, pixelSizeUm, inference, judge }
  const data = await source.readPlane(pictureChannel(use.distance), request.signal)
  const picture: Picture = { width: source.width, height: source.height, data }
  const { verdict, words } = await judgeMapped(task, picture, first).catch((error: unknown): Judged => {
    if (isAbort(error)) throw error
    return { verdict: null, words: `Not judged, because the instruments failed: ${messageOf(error)}` }
  })
  const outputs: string[] = []
  for (const [index, { id }] of first.images.entries()) {
    request.signal?.throwIfAborted()
    const suffix = first.images.length > 1 ? `-${id.replace(/[^\w.-]+/g, '-')}` : ''
    const path = await freeName(request.outFolder, `${stem(name)}-${request.model}${suffix}`, '.ome.tif')
    const images = parts.map((part) => part.images[index] as ResultImage)
    await write(path, images, { name, warnings, source, groups, prediction: first, folder: request.outFolder, verdict, words })
    outputs.push(path)
  }
  const [output = '', ...others] = outputs
  const [, , , height = 1, width = 1] = shown.dims
  const before = await reduced(picture, largestLook)
  const after: Picture = await reduced({ width, height, data: shown.data.subarray(0, width * height) }, largestLook)
  const prediction = { provenance: first.provenance, pixelSizeUm: shown.pixelSizeUm }
  const sides = { before, after, inputUnits: use.inputUnits, width, name, prediction }
  const preview = request.preview ? await writePreview(output, sides) : null
  const told = [...warnings, ...others.map((path) => `Another result is in ${basename(path)}.`)]
  return {
    output,
    others,
    preview,
    table: null,
    verdict,
    judged: words,
    facts: fileFacts(source, pixelSizeUm),
    warnings: told,
    provenance: { ...first.provenance, warnings },
    planes: source.planes,
    before,
    after,
    original: false,
    inputUnits: use.inputUnits,
  }
}

/** Which channel is the picture, where another one is a map. */
const pictureChannel = (map: DistanceMap | null) => (map?.channel === 0 ? 1 : 0)

interface Judged {
  readonly verdict: Verdict | null
  /** What was judged, or why nothing was, as a sentence. */
  readonly words: string
}

/** A picture beside the map of the surface it is refocused to, as every surface is judged; anything else is not. */
async function judgeMapped(
  { map, ...task }: Omit<SurfaceTask, 'map' | 'training'> & { readonly map: DistanceMap | null },
  input: Picture,
  { images }: ImagePrediction,
): Promise<Judged> {
  const { source, request, inference } = task
  const [{ dims, data, pixelSizeUm }] = images as [ResultImage]
  const [times = 1, channels = 1, depths = 1, height = 1, width = 1] = dims
  if (!map || images.length > 1 || depths > 1) return { verdict: null, words: notJudged }
  const training = await inference.training(request.model)
  const distances = await source.readPlane(map.channel, request.signal)
  const distanceUm = Math.round(farthest(map, distances) * 100) / 100
  const plane = width * height
  const report = await new SurfaceJudge({ ...task, map, training }, input, pictureChannel(map)).judge({
    width,
    height,
    pixelSizeUm,
    image: data.slice(0, plane),
    scale: map.inverse && channels > 1 ? data.slice(plane, 2 * plane) : null,
    distanceUm,
  })
  const which = `The plane${times > 1 ? ' of the first time' : ''}`
  return {
    verdict: report.verdict,
    words: `${which} was judged as a surface at ${distanceUm} µm, the farthest distance of its map${judgedPart(source)}`,
  }
}

/** Channels that go to the network together: each by itself where it takes one, else all. Throws OutOfRange. */
function channelGroups({ sizeC }: TiffSource, { channels, beside }: ImageUse, name: string, model: string): number[][] {
  const all = Array.from({ length: sizeC }, (_, channel) => channel)
  if (channels === 1) return all.map((channel) => [channel])
  if (channels === sizeC) return [all]
  const need = beside ? ` ${beside}` : ''
  throw new AppError('OutOfRange', `The network "${model}" takes ${channels} channels at once, and ${name} has ${sizeC}.${need}`, { model })
}

/** The channels of an image, [t, c, z, y, x]. */
async function readImage(
  source: TiffSource,
  channels: readonly number[],
  name: string,
  signal: AbortSignal | undefined,
): Promise<{ readonly dims: ImageRequest['dims']; readonly data: Pixels }> {
  const { sizeT, sizeZ, sizeC, width, height } = source
  const plane = width * height
  const count = sizeT * channels.length * sizeZ * plane
  if (count > largestImage) {
    const millions = Math.round(count / 1e6)
    throw new AppError('OutOfRange', `${name} has ${millions} million values, which are too many for this network at once. Crop it.`)
  }
  let data: Pixels | null = null
  let at = 0
  for (let t = 0; t < sizeT; t++)
    for (const c of channels)
      for (let z = 0; z < sizeZ; z++) {
        const pixels = await source.readPlane((t * sizeZ + z) * sizeC + c, signal)
        data ??= new (pixels.constructor as new (length: number) => Pixels)(count)
        data.set(pixels, at)
        at += plane
      }
  return { dims: [sizeT, channels.length, sizeZ, height, width], data: data ?? new Float32Array(0) }
}

interface Origin extends Judged {
  readonly name: string
  readonly folder: string
  readonly warnings: readonly string[]
  readonly source: TiffSource
  readonly groups: readonly (readonly number[])[]
  readonly prediction: ImagePrediction
}

async function write(path: string, images: readonly ResultImage[], origin: Origin): Promise<void> {
  const { name, source, groups, prediction, warnings, folder, verdict, words } = origin
  const { provenance } = prediction
  const [first] = images as [ResultImage]
  const [sizeT = 1, , sizeZ = 1, height = 1, width = 1] = first.dims
  const channels = images.flatMap((image, index) => {
    const [only, another] = groups[index] ?? []
    const of = another === undefined && only !== undefined ? source.channels[only] : ''
    return image.channels.map((channel) => ({ name: of ? `${of} (${channel})` : channel, color: '#ffffff' }))
  })
  await using writer = await createResult(
    path,
    { folder, source: name, provenance, warnings },
    { width, height, sizeZ, sizeC: channels.length, sizeT, pixelSizeUm: first.pixelSizeUm, channels },
    { output: first.id, normalisation: 'By the package’s own operations, once for the whole image.', Judged: words },
  )
  const plane = width * height
  for (let t = 0; t < sizeT; t++)
    for (let z = 0; z < sizeZ; z++)
      for (const image of images) {
        const count = image.channels.length
        for (let c = 0; c < count; c++) {
          const start = ((t * count + c) * sizeZ + z) * plane
          await writer.writePlane(image.data.subarray(start, start + plane))
        }
      }
  await writer.close(verdict ? verdictAnnotations(verdict) : {})
}
