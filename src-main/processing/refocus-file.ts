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
/** Share of the progress that the network takes. */
const refocusingShare = 0.7
/** Values of a result that are held until they can be written. */
const largestResult = 2 ** 28

interface Task {
  readonly request: ModelledRequest
  readonly source: TiffSource
  readonly name: string
  readonly map: DistanceMap
  readonly pixelSizeUm: number | null
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
  const { signal } = request
  const { inference } = parts
  const task: Task = { request, source, name, map, pixelSizeUm: request.pixelSizeUm ?? source.pixelSizeUm, ...parts }
  const made: Refocused[] = []
  const judged: JudgedPlane[] = []
  for (let c = 0; c < source.sizeC; c++) {
    const report = (share: number) => request.onProgress?.((c + share) / source.sizeC, doneOf(source, (c + share) / source.sizeC))
    const series = await readSeries(source, c, signal)
    const found = await refocusPlanes(
      inference,
      { ...asking(task), series, distances, onProgress: (share) => report(refocusingShare * share) },
      signal,
    )
    judged.push(
      ...(await judgeSurfaces(task, c, series[0] as Pixels, found, distances, (share) =>
        report(refocusingShare + (1 - refocusingShare) * share),
      )),
    )
    made.push(found)
  }
  const [shown] = made as [Refocused]
  const { provenance } = shown.prediction
  const verdict = gravestVerdict(judged)
  const words = `${distances.length > 1 ? 'Every surface' : 'The surface'}${source.sizeT > 1 ? ' of the first time' : ''} was judged.`
  const warnings = warningsOf({ request, source }, shown.prediction)
  const output = await freeName(request.outFolder, `${stem(name)}-${request.model}`, '.ome.tif')
  await write(output, task, distances, made, { ...verdictAnnotations(verdict), Judged: words, ...numbered(warnings) })
  const table = judged.length > 1 ? output.replace(/\.ome\.tif$/, '-trust.csv') : null
  if (table) await writeTrustTable(table, judged)
  const before = await reduced({ width: source.width, height: source.height, data: await source.readPlane(0, signal) }, largestLook)
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
    verdict,
    judged: words,
    facts: fileFacts(source, task.pixelSizeUm),
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

/** Throws OutOfRange for what cannot be refocused. */
function refuse({ sizeZ, sizeC, sizeT, width, height }: TiffSource, distances: readonly number[], name: string): void {
  if (sizeZ > 1) {
    const message = `${name} is a stack of ${sizeZ} planes already. Refocusing makes a stack of one plane: give that plane alone.`
    throw new AppError('OutOfRange', message)
  }
  const values = sizeC * sizeT * distances.length * width * height * 2
  if (values <= largestResult) return
  const millions = Math.round(values / 1e6)
  throw new AppError(
    'OutOfRange',
    `The stack would have ${millions} million values, too many at once. Ask for fewer surfaces, or crop ${name}.`,
  )
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

/** Every surface of the first time. The stack that is brought back through the optics serves all of them. */
async function judgeSurfaces(
  task: Task,
  c: number,
  input: Pixels,
  { width, height, pixelSizeUm, images, scales }: Refocused,
  distances: readonly number[],
  report: (share: number) => void,
): Promise<JudgedPlane[]> {
  const { source, request, inference, judge } = task
  const training = await inference.training(request.model)
  const stack = await judgedStack(inference, { ...asking(task), series: [input] }, training, request.signal)
  const times = images.length / distances.length
  const judged: JudgedPlane[] = []
  let explained: Finding | null = null
  for (const [z, distance] of distances.entries()) {
    const scale = scales?.[z * times]
    const { report: said } = await judge.judge(
      {
        facts: fileFacts(source, task.pixelSizeUm),
        training,
        input: { width: source.width, height: source.height, data: input },
        output: { width, height, data: images[z * times] as Float32Array },
        outputPixelUm: pixelSizeUm,
        distanceUm: distance,
        ...(scale ? { scale } : {}),
        ...(explained ? { explained } : stack ? { stack } : {}),
        depth: 'plane',
      },
      request.signal,
    )
    explained ??= findingOf(said, 'explanation')
    judged.push({ plane: z * source.sizeC + c, c, z, t: 0, report: said })
    report((z + 1) / distances.length)
  }
  return judged
}

/** What one instrument found, from a report. */
function findingOf({ instruments, verdict }: TrustReport, id: 'explanation'): Finding | null {
  const instrument = instruments.find((each) => each.id === id)
  return instrument ? { instrument, reasons: verdict.reasons.filter((reason) => reason.instrument === id) } : null
}

const numbered = (warnings: readonly string[]) => Object.fromEntries(warnings.map((warning, index) => [`warning${index + 1}`, warning]))

/** Times, surfaces, channels, and of each channel the picture and its error. Rejects with StorageFull or StorageRefused. */
async function write(
  path: string,
  { request, source, name }: Task,
  distances: readonly number[],
  made: readonly Refocused[],
  annotations: Readonly<Record<string, string>>,
): Promise<void> {
  const [{ width, height, pixelSizeUm, scales, prediction }] = made as [Refocused]
  const { provenance } = prediction
  const channels = source.channels.flatMap((channel) => [
    { name: channel ? `${channel} (refocused)` : 'refocused', color: '#ffffff' },
    ...(scales ? [{ name: channel ? `${channel} (error scale)` : 'error scale', color: '#808080' }] : []),
  ])
  const [first = 0, second = first] = distances
  await makeFolder(request.outFolder).catch(async (error: unknown) => {
    throw await storageError(error, request.outFolder, request.outFolder)
  })
  await using writer: OmeTiffWriter = await createOmeTiff(path, {
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
      ...annotations,
    },
  })
  for (let t = 0; t < source.sizeT; t++)
    for (const [z, distance] of distances.entries())
      for (const { images, scales } of made) {
        const index = z * source.sizeT + t
        await writer.writePlane(images[index] as Float32Array, { z: distance })
        if (scales) await writer.writePlane(scales[index] as Float32Array, { z: distance })
      }
  await writer.close()
}
