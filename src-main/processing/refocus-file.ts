/**
 * A TIFF of single planes through a network that refocuses: each becomes a stack of the surfaces that were asked for, and is judged by what the
 * stack, brought back through the optics, leaves of it unexplained.
 */
import { basename } from 'node:path'
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import { beyondRange } from '../inference/distance-map.ts'
import type { ImageUse } from '../inference/inference.ts'
import { verdictAnnotations } from '../storage/export-tiff.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import type { OmeTiffWriter } from '../storage/tiff/writer.ts'
import { type EnhanceParts, type EnhanceResult, judgedPart, type ModelledRequest, type Surface } from './enhance-file.ts'
import { createResult, numbered, resultChannels, sourceWarnings } from './enhanced-writer.ts'
import { fileFacts } from './file-facts.ts'
import { asking, SurfaceJudge, type SurfaceTask } from './judge-surface.ts'
import { freeName, stem } from './output-names.ts'
import { largestLook, reduced } from './picture.ts'
import { writePreview } from './preview.ts'
import { type Refocused, refocusPlanes } from './refocus-planes.ts'
import { doneOf } from './throughput.ts'
import { gravestVerdict, type JudgedPlane, writeTrustTable } from './trust-table.ts'

/** Values of the result that are made before they are written. */
const largestPart = 2 ** 25
/** Values of one surface, or of a film's result, which is held until all of it is there: its planes are stored time by time. */
const largestFilm = 2 ** 28

/** What a person is shown of the result. */
interface Shown extends Pick<Refocused, 'width' | 'height' | 'pixelSizeUm' | 'provenance'> {
  readonly data: Float32Array
  readonly distanceUm: number
  /** The result has widths of the errors beside every picture. */
  readonly scaled: boolean
}

interface Task extends SurfaceTask {
  readonly request: ModelledRequest
  readonly name: string
  readonly distances: readonly number[]
}

/** Of a network that does not refocus. */
export function noSurfaces(model: string): AppError {
  return new AppError('OutOfRange', `The network "${model}" does not refocus, so it cannot be asked for other surfaces.`, { model })
}

/** As `enhanceFile`; `source` stays the caller's. `distances`: µm. */
export async function refocusFile(
  request: ModelledRequest,
  source: TiffSource,
  { distance: map, inputUnits }: ImageUse,
  distances: readonly number[],
  parts: EnhanceParts,
): Promise<EnhanceResult> {
  const name = request.name ?? basename(request.path)
  if (!map) throw noSurfaces(request.model)
  const training = await parts.inference.training(request.model)
  const pixelSizeUm = request.pixelSizeUm ?? source.pixelSizeUm
  const task: Task = { request, source, name, map, pixelSizeUm, distances, training, ...parts }
  refuse(task)
  const output = await freeName(request.outFolder, `${stem(name)}-${request.model}`, '.ome.tif')
  const { first, shown, judged, warnings, words } = await make(task, output)
  const { provenance } = shown
  const table = await writeTrustTable(output, judged)
  const before = await reduced({ width: source.width, height: source.height, data: first }, largestLook)
  const after = await reduced(shown, largestLook)
  const prediction = { provenance, pixelSizeUm: shown.pixelSizeUm }
  const sides = { before, after, inputUnits, width: shown.width, name, prediction }
  const preview = request.preview ? await writePreview(output, sides) : null
  return {
    output,
    others: [],
    preview,
    table,
    verdict: gravestVerdict(judged),
    judged: words,
    facts: fileFacts(source, pixelSizeUm),
    warnings,
    provenance: { ...provenance, warnings },
    planes: source.planes,
    before,
    after,
    original: before.width === source.width && before.height === source.height,
    distanceUm: shown.distanceUm,
    surfaces: surfacesOf(task, shown, judged),
    inputUnits,
  }
}

function surfacesOf({ source, distances }: Task, { scaled }: Shown, judged: readonly JudgedPlane[]): Surface[] {
  const channels = resultChannels(source, 'refocused', scaled).length
  return distances.map((distanceUm, z) => {
    const verdict = gravestVerdict(judged.filter((plane) => plane.z === z))
    return { distanceUm, verdict, plane: z * channels }
  })
}

/** Makes, judges and writes the surfaces, some at a time. */
async function make(task: Task, output: string) {
  const { source, request, distances, map } = task
  const { sizeC, sizeT, width, height } = source
  const series: Pixels[][] = []
  for (let c = 0; c < sizeC; c++) series.push(await readSeries(source, c, request.signal))
  const judges = series.map(([data], channel) => new SurfaceJudge(task, { width, height, data: data as Pixels }, channel))
  const together = sizeT > 1 ? distances.length : Math.max(1, Math.floor(largestPart / (2 * width * height * sizeC * growth(task))))
  const look = shownIndex(distances)
  const judged: JudgedPlane[] = []
  const warnings = new Set(sourceWarnings(task))
  const beyond = beyondRange(
    map,
    distances.map((um) => um / map.unitUm),
  )
  if (beyond) warnings.add(beyond)
  let writer: OmeTiffWriter | null = null
  let shown: Shown | null = null
  try {
    for (let from = 0; from < distances.length; from += together) {
      const group = distances.slice(from, from + together)
      const made: Refocused[] = []
      for (const [c, planes] of series.entries()) {
        const report = (share: number) => {
          const done = (from + (group.length * (c + 0.9 * share)) / sizeC) / distances.length
          request.onProgress?.(done, doneOf(source, done))
        }
        const asked = { ...asking(task), series: planes, distances: group, onProgress: report }
        const found = await refocusPlanes(task.inference, asked, request.signal)
        for (const [index, distanceUm] of group.entries()) {
          const [image, scale] = [found.images[index * sizeT] as Float32Array, found.scales?.[index * sizeT] ?? null]
          const report = await (judges[c] as SurfaceJudge).judge({ ...found, image, scale, distanceUm })
          const z = from + index
          judged.push({ plane: z * sizeC + c, c, z, t: 0, report })
        }
        for (const warning of found.provenance.warnings) warnings.add(warning)
        made.push(found)
      }
      const [first] = made as [Refocused]
      writer ??= await createWriter(output, task, first)
      await writePlanes(writer, sizeT, group, made)
      const data = first.images[(look - from) * sizeT]
      if (data && look >= from) shown = { ...first, data, distanceUm: distances[look] as number, scaled: first.scales !== null }
    }
    const [[first]] = series as [[Pixels]]
    if (!writer || !shown) throw new AppError('DatasetInvalid', `${task.name} holds no picture.`, { path: request.path })
    request.signal?.throwIfAborted()
    judged.sort((a, b) => a.plane - b.plane)
    const times = sizeT > 1 ? ' of the first time' : ''
    const words = `${distances.length > 1 ? 'Every surface' : 'The surface'}${times} was judged${judgedPart(source)}`
    await writer.close({ ...verdictAnnotations(gravestVerdict(judged)), Judged: words, ...numbered([...warnings]) })
    return { first, shown, judged, warnings: [...warnings], words }
  } finally {
    await writer?.[Symbol.asyncDispose]()
  }
}

/** The surface that a person is shown of a stack: the one nearest to the focus, but not in it. */
function shownIndex(distances: readonly number[]): number {
  const apart = distances.filter((um) => um !== 0).map(Math.abs)
  return apart.length === 0 ? 0 : distances.findIndex((um) => Math.abs(um) === Math.min(...apart))
}

/** Pixels of the result for each of the picture. */
function growth({ pixelSizeUm, training: { pixelSizesUm } }: Task): number {
  const [grid] = pixelSizesUm
  return pixelSizeUm === null || grid === undefined ? 1 : Math.max(1, (pixelSizeUm / grid) ** 2)
}

/** Throws OutOfRange for what cannot be refocused. */
function refuse(task: Task): void {
  const { source, distances, name } = task
  const { sizeZ, sizeC, sizeT, width, height } = source
  if (sizeZ > 1) {
    const message = `${name} is a stack of ${sizeZ} planes already. Refocusing makes a stack of one plane: give that plane alone.`
    throw new AppError('OutOfRange', message)
  }
  const surface = 2 * width * height * growth(task)
  const film = surface * sizeC * sizeT * distances.length
  const millions = (values: number) => Math.round(values / 1e6)
  if (surface > largestFilm) {
    throw new AppError('OutOfRange', `One surface of ${name} would have ${millions(surface)} million values, too many at once. Crop it.`)
  }
  if (sizeT === 1 || film <= largestFilm) return
  const all = `The stacks of all times would have ${millions(film)} million values, too many at once.`
  throw new AppError('OutOfRange', `${all} Ask for fewer surfaces, or crop ${name}.`)
}

/** One channel at all times. */
async function readSeries(source: TiffSource, c: number, signal: AbortSignal | undefined): Promise<Pixels[]> {
  const planes: Pixels[] = []
  for (let t = 0; t < source.sizeT; t++) planes.push(await source.readPlane(t * source.sizeC + c, signal))
  return planes
}

/** Of each channel the picture and its error. Rejects as `createResult` does; the warnings follow when it is closed. */
function createWriter(
  path: string,
  { request, source, name, distances }: Task,
  { width, height, pixelSizeUm, scales, provenance }: Refocused,
): Promise<OmeTiffWriter> {
  const { sizeT } = source
  const channels = resultChannels(source, 'refocused', scales !== null)
  const [first = 0, second = first] = distances
  const zStepUm = second === first ? null : Math.abs(second - first)
  return createResult(
    path,
    { folder: request.outFolder, source: name, provenance, warnings: [] },
    { width, height, sizeZ: distances.length, sizeC: channels.length, sizeT, pixelSizeUm, zStepUm, channels },
    {
      distances: `${distances.join(', ')} µm from the plane in focus, positive away from the objective`,
      normalisation: 'By the package’s own operations, once for each channel.',
      ...(scales ? { errorScale: "Every second channel is the Laplace scale b of the error, in the image's units." } : {}),
    },
  )
}

/** Times, surfaces, channels. */
async function writePlanes(writer: OmeTiffWriter, times: number, distances: readonly number[], made: readonly Refocused[]): Promise<void> {
  for (let t = 0; t < times; t++)
    for (const [z, distance] of distances.entries())
      for (const { images, scales } of made) {
        const index = z * times + t
        await writer.writePlane(images[index] as Float32Array, { z: distance })
        if (scales) await writer.writePlane(scales[index] as Float32Array, { z: distance })
      }
}
