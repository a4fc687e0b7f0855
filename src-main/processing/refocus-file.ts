/**
 * A TIFF of single planes through a network that refocuses: each becomes a stack of the surfaces that were asked for, and is judged by what the
 * stack, brought back through the optics, leaves of it unexplained.
 */
import { basename } from 'node:path'
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { TrustReport } from '#shared/trust.ts'
import type { Finding } from '../analysis/trust/metadata-guard.ts'
import type { Judge } from '../analysis/trust/thread.ts'
import type { Training } from '../analysis/trust/training.ts'
import type { DistanceMap } from '../inference/distance-map.ts'
import type { ImageUse, SeriesInference } from '../inference/inference.ts'
import { makeFolder, storageError } from '../storage/disk.ts'
import { verdictAnnotations } from '../storage/export-tiff.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import { createOmeTiff, type OmeTiffWriter } from '../storage/tiff/writer.ts'
import type { EnhanceResult, ModelledRequest } from './enhance-file.ts'
import { warningsOf } from './enhanced-writer.ts'
import { fileFacts } from './file-facts.ts'
import { freeName, stem } from './output-names.ts'
import { reduced } from './picture.ts'
import { writePreview } from './preview.ts'
import { judgedStack, type Refocused, refocusPlanes } from './refocus-planes.ts'
import { doneOf } from './throughput.ts'
import { gravestVerdict, type JudgedPlane, writeTrustTable } from './trust-table.ts'

export interface RefocusParts {
  readonly inference: SeriesInference
  readonly judge: Judge
}

const largestLook = 2048
/** Values of the result that are made before they are written. */
const largestPart = 2 ** 25
/** Values of a film's result, which is held until all of it is there: its planes are stored time by time. */
const largestFilm = 2 ** 28

interface Task {
  readonly request: ModelledRequest
  readonly source: TiffSource
  readonly name: string
  readonly map: DistanceMap
  readonly pixelSizeUm: number | null
  readonly distances: readonly number[]
  readonly training: Training
  readonly inference: SeriesInference
  readonly judge: Judge
}

/** As `enhanceFile`; `source` stays the caller's. `distances`: µm. */
export async function refocusFile(
  request: ModelledRequest,
  source: TiffSource,
  { distance: map, inputUnits }: ImageUse,
  distances: readonly number[],
  parts: RefocusParts,
): Promise<EnhanceResult> {
  const name = request.name ?? basename(request.path)
  if (!map) {
    const message = `The network "${request.model}" does not refocus, so it cannot be asked for other surfaces.`
    throw new AppError('OutOfRange', message, { model: request.model })
  }
  refuse(source, distances, name)
  const training = await parts.inference.training(request.model)
  const pixelSizeUm = request.pixelSizeUm ?? source.pixelSizeUm
  const task: Task = { request, source, name, map, pixelSizeUm, distances, training, ...parts }
  const output = await freeName(request.outFolder, `${stem(name)}-${request.model}`, '.ome.tif')
  const { shown, judged, warnings, words } = await make(task, output)
  const { provenance } = shown.prediction
  const table = judged.length > 1 ? output.replace(/\.ome\.tif$/, '-trust.csv') : null
  if (table) await writeTrustTable(table, judged)
  const first = await source.readPlane(0, request.signal)
  const before = await reduced({ width: source.width, height: source.height, data: first }, largestLook)
  const after = await reduced({ width: shown.width, height: shown.height, data: shown.images[0] as Float32Array }, largestLook)
  const preview = request.preview ? output.replace(/\.ome\.tif$/, '.png') : null
  if (preview) {
    const prediction = { provenance, pixelSizeUm: shown.pixelSizeUm }
    await writePreview(preview, { before, after, inputUnits, width: shown.width, name, prediction })
  }
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
    distanceUm: distances[0] ?? null,
    inputUnits,
  }
}

/** Makes, judges and writes the surfaces, some at a time. `shown`: the first of them. */
async function make(task: Task, output: string) {
  const { source, request, distances } = task
  const { sizeC, sizeT, width, height } = source
  const series: Pixels[][] = []
  for (let c = 0; c < sizeC; c++) series.push(await readSeries(source, c, request.signal))
  const judges = series.map(([input], c) => new SurfaceJudge(task, c, input as Pixels))
  const together = sizeT > 1 ? distances.length : Math.max(1, Math.floor(largestPart / (2 * width * height * sizeC)))
  const words = `${distances.length > 1 ? 'Every surface' : 'The surface'}${sizeT > 1 ? ' of the first time' : ''} was judged.`
  const judged: JudgedPlane[] = []
  const report = (share: number) => request.onProgress?.(share, doneOf(source, share))
  let writer: OmeTiffWriter | null = null
  let shown: Refocused | null = null
  let warnings: string[] = []
  try {
    for (let from = 0; from < distances.length; from += together) {
      const group = distances.slice(from, from + together)
      const made: Refocused[] = []
      for (const [c, planes] of series.entries()) {
        const onProgress = (share: number) => report((from + (group.length * (c + 0.9 * share)) / sizeC) / distances.length)
        const found = await refocusPlanes(task.inference, { ...asking(task), series: planes, distances: group, onProgress }, request.signal)
        for (const z of group.keys()) judged.push(await (judges[c] as SurfaceJudge).judge(found, z * sizeT, from + z))
        made.push(found)
      }
      const [first] = made as [Refocused]
      if (!writer) {
        shown = first
        warnings = warningsOf(task, first.prediction)
        writer = await createWriter(output, task, first, warnings)
      }
      await writePlanes(writer, sizeT, group, made)
    }
    if (!writer || !shown) throw new AppError('DatasetInvalid', `${task.name} holds no picture.`, { path: request.path })
    request.signal?.throwIfAborted()
    judged.sort((a, b) => a.plane - b.plane)
    await writer.close({ ...verdictAnnotations(gravestVerdict(judged)), Judged: words })
    return { shown, judged, warnings, words }
  } finally {
    await writer?.[Symbol.asyncDispose]()
  }
}

/** Throws OutOfRange for what cannot be refocused. */
function refuse({ sizeZ, sizeC, sizeT, width, height }: TiffSource, distances: readonly number[], name: string): void {
  if (sizeZ > 1) {
    const message = `${name} is a stack of ${sizeZ} planes already. Refocusing makes a stack of one plane: give that plane alone.`
    throw new AppError('OutOfRange', message)
  }
  const values = sizeC * sizeT * distances.length * width * height * 2
  if (sizeT === 1 || values <= largestFilm) return
  const millions = Math.round(values / 1e6)
  const message = `The stacks of all times would have ${millions} million values, too many at once. Ask for fewer surfaces, or crop ${name}.`
  throw new AppError('OutOfRange', message)
}

/** One channel at all times. */
async function readSeries(source: TiffSource, c: number, signal: AbortSignal | undefined): Promise<Pixels[]> {
  const planes: Pixels[] = []
  for (let t = 0; t < source.sizeT; t++) planes.push(await source.readPlane(t * source.sizeC + c, signal))
  return planes
}

function asking({ request, source, map, pixelSizeUm }: Task) {
  const { width, height } = source
  return { model: request.model, map, width, height, pixelSizeUm, priority: 'batch' as const }
}

/** Judges the surfaces of one channel at the first time. The stack that is brought back through the optics serves all of them. */
class SurfaceJudge {
  #explained: Finding | null = null

  constructor(
    private readonly task: Task,
    private readonly c: number,
    private readonly input: Pixels,
  ) {}

  /** `index`: of the image; `z`: of the surface. */
  async judge({ width, height, pixelSizeUm, images, scales }: Refocused, index: number, z: number): Promise<JudgedPlane> {
    const { source, request, training, inference, judge, distances } = this.task
    const input = { width: source.width, height: source.height, data: this.input }
    const scale = scales?.[index]
    const stack = this.#explained ? null : await judgedStack(inference, { ...asking(this.task), input }, training, request.signal)
    const { report } = await judge.judge(
      {
        facts: fileFacts(source, this.task.pixelSizeUm),
        training,
        input,
        output: { width, height, data: images[index] as Float32Array },
        outputPixelUm: pixelSizeUm,
        distanceUm: distances[z] as number,
        ...(scale ? { scale } : {}),
        ...(this.#explained ? { explained: this.#explained } : stack ? { stack } : {}),
        depth: 'plane',
      },
      request.signal,
    )
    this.#explained ??= findingOf(report, 'explanation')
    return { plane: z * source.sizeC + this.c, c: this.c, z, t: 0, report }
  }
}

/** What one instrument found, from a report. */
function findingOf({ instruments, verdict }: TrustReport, id: 'explanation'): Finding | null {
  const instrument = instruments.find((each) => each.id === id)
  return instrument ? { instrument, reasons: verdict.reasons.filter((reason) => reason.instrument === id) } : null
}

/** Of each channel the picture and its error. Rejects with StorageFull or StorageRefused. */
async function createWriter(
  path: string,
  { request, source, name, distances }: Task,
  { width, height, pixelSizeUm, scales, prediction }: Refocused,
  warnings: readonly string[],
): Promise<OmeTiffWriter> {
  const { provenance } = prediction
  const channels = source.channels.flatMap((channel) => [
    { name: channel ? `${channel} (refocused)` : 'refocused', color: '#ffffff' },
    ...(scales ? [{ name: channel ? `${channel} (error scale)` : 'error scale', color: '#808080' }] : []),
  ])
  const [first = 0, second = first] = distances
  await makeFolder(request.outFolder).catch(async (error: unknown) => {
    throw await storageError(error, request.outFolder, request.outFolder)
  })
  return createOmeTiff(path, {
    name: basename(path, '.ome.tif'),
    width,
    height,
    pixelType: 'float32',
    sizeZ: distances.length,
    sizeC: channels.length,
    sizeT: source.sizeT,
    pixelSizeUm,
    zStepUm: second === first ? null : Math.abs(second - first),
    channels,
    annotations: {
      origin: 'Made by a neural network, not measured.',
      source: name,
      model: provenance.model,
      modelName: provenance.modelName,
      modelVersion: provenance.version,
      modelSha256: provenance.sha256,
      provider: provenance.provider,
      distances: `${distances.join(', ')} µm from the plane in focus, positive away from the objective`,
      normalisation: 'By the package’s own operations, once for each channel.',
      ...(scales ? { errorScale: "Every second channel is the Laplace scale b of the error, in the image's units." } : {}),
      ...Object.fromEntries(warnings.map((warning, index) => [`warning${index + 1}`, warning])),
    },
  })
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
