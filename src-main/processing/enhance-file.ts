/** A TIFF through a network, plane by plane, into an OME-TIFF that says what made it. */
import { basename } from 'node:path'
import type { Provenance } from '#shared/api.ts'
import { AppError } from '#shared/errors.ts'
import { type Pixels, pixelSizeRange } from '#shared/image/frame.ts'
import type { Places } from '#shared/places.ts'
import { distancesOf, type Surfaces } from '#shared/surfaces.ts'
import type { Verdict } from '#shared/trust.ts'
import { planeSide } from '../analysis/trust/limits.ts'
import type { AnswerJudge, Judge } from '../analysis/trust/thread.ts'
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { ImageUse, Normalisation, Prediction, SeriesInference } from '../inference/inference.ts'
import { tellsOfMemory } from '../inference/memory.ts'
import { verdictAnnotations } from '../storage/export-tiff.ts'
import { openTiff } from '../storage/tiff/open.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import type { OmeTiffWriter } from '../storage/tiff/writer.ts'
import { enhanceLarge, isLarge } from './enhance-large.ts'
import { enhanceWhole } from './enhance-whole.ts'
import { createWriter, type Work, warningsOf } from './enhanced-writer.ts'
import { fileFacts } from './file-facts.ts'
import { judgePlane } from './judge-plane.ts'
import { locateFile } from './locate-file.ts'
import { freeName, stem } from './output-names.ts'
import { largestLook, type Picture, reduced } from './picture.ts'
import { writePreview } from './preview.ts'
import { noSurfaces, refocusFile } from './refocus-file.ts'
import { measuringShare, stackNormalisations } from './stack-normalisations.ts'
import { type Done, doneOf } from './throughput.ts'
import { gravestVerdict, type JudgedPlane, writeTrustTable } from './trust-table.ts'

export interface EnhanceRequest {
  readonly path: string
  /** The file's name for a person, where it is not that of the path: an upload. */
  readonly name?: string
  readonly outFolder: string
  /** null: the one that suits the pixels, see `chooseModel`. */
  readonly model: string | null
  /** µm; overrides what the file says. null = what the file says, if anything. */
  readonly pixelSizeUm?: number | null
  /** The surfaces that a network that refocuses is asked for; it then takes pictures of one plane. */
  readonly refocus?: Surfaces | null | undefined
  /** Also writes a before/after PNG of the first plane. */
  readonly preview: boolean
  readonly signal?: AbortSignal
  /** `fraction`: of the whole work, 0…1. */
  readonly onProgress?: (fraction: number, done: Done) => void
  /** Told as soon as it is known which network runs. */
  readonly onModel?: (model: string) => void
}

/** A request whose network is known. */
export interface ModelledRequest extends EnhanceRequest {
  readonly model: string
}

export interface EnhanceResult {
  /** Path of the OME-TIFF. */
  readonly output: string
  /** Further OME-TIFFs, of a network with several outputs. */
  readonly others: readonly string[]
  /** Path of the PNG. */
  readonly preview: string | null
  /** Path of the CSV with a verdict for each plane; null for a single plane. */
  readonly table: string | null
  /** The gravest of all planes; null: not judged. */
  readonly verdict: Verdict | null
  /** What was judged, or why nothing was, as a sentence. */
  readonly judged: string
  /** What was known of the picture. */
  readonly facts: PictureFacts
  /** Sentences for the person who asked. */
  readonly warnings: readonly string[]
  readonly provenance: Provenance
  /** Planes that were enhanced. */
  readonly planes: number
  /** The first plane, at most 2048 pixels wide and high, to look at. */
  readonly before: Picture
  readonly after: Picture
  /** Whether `before` is the plane itself, not a smaller copy of it. */
  readonly original: boolean
  /** µm from the focus of `before` to what `after` shows, of a network that refocuses. */
  readonly distanceUm?: number | null
  /** All surfaces in `output`, of such a network. */
  readonly surfaces?: readonly Surface[]
  /** The result is in units of the input; false: its values are of another kind. */
  readonly inputUnits: boolean
  /** What a network told of the picture that tells what it shows; `output` is then the table, and `others` holds the maps. */
  readonly places?: Places
}

/** One surface of a refocused stack. */
export interface Surface {
  /** µm from the plane in focus, positive away from the objective. */
  readonly distanceUm: number
  /** The gravest of all channels. */
  readonly verdict: Verdict
  /** The place in the file of its first channel at the first time. */
  readonly plane: number
}

export interface EnhanceParts {
  readonly inference: SeriesInference
  readonly judge: Judge & AnswerJudge
}

/**
 * Enhances every plane with one normalisation for each channel's stack. The output appears under its name only when it is whole; nothing
 * is overwritten. Rejects with DatasetInvalid, ModelInvalid, ModelFailed, OutOfMemory, OutOfRange, StorageFull, StorageRefused or AbortError.
 */
export async function enhanceFile(request: EnhanceRequest, parts: EnhanceParts): Promise<EnhanceResult> {
  try {
    return await enhance(request, parts)
  } catch (error) {
    if (!tellsOfMemory(error)) throw error
    const name = request.name ?? basename(request.path)
    throw new AppError('OutOfMemory', `There was not enough memory for ${name}.`, { path: request.path }, error)
  }
}

function refusePixelSize(given: number | null): void {
  const { min, max } = pixelSizeRange
  if (given === null || (given >= min && given <= max)) return
  throw new AppError('OutOfRange', `A pixel size of ${given} µm is outside ${min} to ${max} µm.`, { value: given, min, max })
}

/** Takes the way that suits the network. */
async function enhance(asked: EnhanceRequest, parts: EnhanceParts): Promise<EnhanceResult> {
  const { signal, pixelSizeUm = null } = asked
  const { inference } = parts
  refusePixelSize(pixelSizeUm)
  await using source = await openTiff(asked.path, signal ? { signal } : {})
  const model = asked.model ?? (await inference.chosenFor(pixelSizeUm ?? source.pixelSizeUm))
  asked.onModel?.(model)
  const request: ModelledRequest = { ...asked, model }
  const surfaces = request.refocus ? distancesOf(request.refocus) : null
  if (await inference.classifierOf(model)) {
    if (surfaces) throw noSurfaces(model)
    return await locateFile(request, source, parts)
  }
  const use = await inference.useOf(model)
  if (surfaces) return await refocusFile(request, source, use, surfaces, parts)
  if (!use.planes) return await enhanceWhole(request, source, use, parts)
  return await enhancePlanes(request, source, use, parts)
}

async function enhancePlanes(
  request: ModelledRequest,
  source: TiffSource,
  use: ImageUse,
  { inference, judge }: EnhanceParts,
): Promise<EnhanceResult> {
  const { signal, pixelSizeUm: given = null } = request
  const name = request.name ?? basename(request.path)
  const pixelSizeUm = given ?? source.pixelSizeUm
  const output = await freeName(request.outFolder, `${stem(name)}-${request.model}`, '.ome.tif')
  const work: Work = { request, source, name, pixelSizeUm, inference, judge, facts: fileFacts(source, pixelSizeUm) }
  if (await isLarge(work)) return await enhanceLarge(work, output, use.inputUnits)
  const training = await inference.training(request.model)
  const judged: JudgedPlane[] = []
  // A single plane's normalisation is measured by the process that has it.
  const normalisations = source.planes > 1 ? await stackNormalisations(work) : []
  const share = normalisations.length > 0 ? measuringShare : 0
  const report = (done: number) => request.onProgress?.(share + (1 - share) * done, doneOf(source, done))
  const words = `${source.planes > 1 ? 'Every plane' : 'The plane'} was judged${judgedPart(source)}`
  let writer: OmeTiffWriter | null = null
  let first: { readonly before: Picture; readonly after: Picture; readonly prediction: Prediction } | null = null
  try {
    for await (const { plane, data, prediction } of predictions(work, normalisations, report)) {
      signal?.throwIfAborted()
      const used = normalisations.length > 0 ? normalisations : [prediction.normalisation]
      writer ??= await createWriter(work, output, { ...prediction, scaled: prediction.scale !== null }, used, warningsOf(work, prediction))
      await writer.writePlane(prediction.image)
      if (prediction.scale) await writer.writePlane(prediction.scale)
      const before = { width: source.width, height: source.height, data }
      const after = { width: prediction.width, height: prediction.height, data: prediction.image }
      judged.push(await judgePlane(work, training, plane, { before, after, scale: prediction.scale }, prediction))
      first ??= {
        prediction,
        before: await reduced(before, largestLook),
        after: await reduced(after, largestLook),
      }
    }
    if (!writer || !first) throw new AppError('DatasetInvalid', `${name} holds no picture.`, { path: request.path })
    signal?.throwIfAborted()
    await writer.close({ ...verdictAnnotations(gravestVerdict(judged)), Judged: words })
  } finally {
    await writer?.[Symbol.asyncDispose]()
  }
  const { before, after, prediction } = first
  const table = await writeTrustTable(output, judged)
  const sides = { before, after, inputUnits: use.inputUnits, width: prediction.width, name, prediction }
  const preview = request.preview ? await writePreview(output, sides) : null
  return {
    output,
    others: [],
    preview,
    table,
    verdict: gravestVerdict(judged),
    judged: words,
    facts: work.facts,
    original: before.width === source.width && before.height === source.height,
    warnings: warningsOf(work, prediction),
    provenance: prediction.provenance,
    planes: source.planes,
    before,
    after,
    inputUnits: use.inputUnits,
  }
}

/** Ends a sentence that says what was judged. */
export function judgedPart({ width, height }: { readonly width: number; readonly height: number }): string {
  return Math.max(width, height) > planeSide ? `, in its middle ${planeSide} × ${planeSide} pixels.` : '.'
}

interface PredictedPlane {
  readonly plane: number
  readonly data: Pixels
  readonly prediction: Prediction
}

/** Every plane and what became of it, in order; small ones go through the network together. `report` is told the finished share, 0…1. */
async function* predictions(
  { request, source, pixelSizeUm, inference }: Work,
  normalisations: readonly Normalisation[],
  report: (done: number) => void,
): AsyncGenerator<PredictedPlane> {
  const { width, height, planes, sizeC } = source
  const { model, signal } = request
  const size = { width, height, pixelSizeUm }
  const ask = { model, ...size, priority: 'batch' } as const
  if (normalisations.length === 0) {
    const data = await source.readPlane(0, signal)
    yield { plane: 0, data, prediction: await inference.predict({ ...ask, data, onProgress: report }, signal) }
    return
  }
  const most = await inference.planesAtOnce(model, size)
  for (let first = 0; first < planes; first += most) {
    const group: Pixels[] = []
    while (group.length < most && first + group.length < planes) group.push(await source.readPlane(first + group.length, signal))
    const found = await inference.predictPlanes(
      {
        ...ask,
        planes: group,
        normalisations: group.map((_, index) => normalisations[(first + index) % sizeC] as Normalisation),
        onProgress: (fraction) => report((first + fraction * group.length) / planes),
      },
      signal,
    )
    for (const [index, prediction] of found.entries()) yield { plane: first + index, data: group[index] as Pixels, prediction }
  }
}
