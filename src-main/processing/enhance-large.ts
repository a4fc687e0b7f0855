/**
 * Planes too large for memory: read, enhanced and written a band of rows at a time, so that neither a plane nor its result is ever in
 * memory as a whole. The normalisation of a band is that of its whole stack, found in a first passage through the file.
 */
import { AppError } from '#shared/errors.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { Band, Normalisation, Prediction, PredictRequest } from '../inference/inference.ts'
import { verdictAnnotations } from '../storage/export-tiff.ts'
import type { OmeTiffWriter, PlaneWriter } from '../storage/tiff/writer.ts'
import type { EnhanceResult } from './enhance-file.ts'
import { createWriter, type Work, warningsOf } from './enhanced-writer.ts'
import { type JudgedWindow, judgePlane, middleWindow, windowOf } from './judge-plane.ts'
import { largestLook, type Picture } from './picture.ts'
import { writePreview } from './preview.ts'
import { Reducer } from './reducer.ts'
import { measuringShare, stackNormalisations } from './stack-normalisations.ts'
import { doneOf } from './throughput.ts'
import { gravestVerdict, type JudgedPlane, writeTrustTable } from './trust-table.ts'

/** Pixels of a plane, before or after, from which on it is not held in memory: about 4096². */
const largePlane = 2 ** 24 + 2 ** 20

/** Pixels of a plane on the network's grid, whichever is more before or after. */
export async function isLarge({ inference, request, source, pixelSizeUm }: Work): Promise<boolean> {
  const { width, height } = source
  const bands = await inference.bandsOf(request.model, { width, height, pixelSizeUm })
  const rows = bands.at(-1)?.to ?? height
  return Math.max(width * height, rows * Math.round((width * rows) / height)) > largePlane
}

/** As `enhanceFile`, for its work so far. The instruments of trust judge a window in the middle of each plane, and say so. */
export async function enhanceLarge(work: Work, output: string, inputUnits: boolean): Promise<EnhanceResult> {
  const { request, source, pixelSizeUm, inference, name } = work
  const { signal } = request
  const { width, height, planes } = source
  const bands = await inference.bandsOf(request.model, { width, height, pixelSizeUm })
  const gridHeight = bands.at(-1)?.to ?? height
  const normalisations = await stackNormalisations(work, bands)
  const before = new Reducer(width, height, largestLook)
  let look: { readonly reducer: Reducer; readonly prediction: Prediction } | null = null
  let warnings: string[] = []
  const training = await inference.training(request.model)
  const judged: JudgedPlane[] = []
  let place: JudgedWindow | null = null
  let writer: OmeTiffWriter | null = null
  let words = ''
  try {
    let writers: readonly PlaneWriter[] = []
    for await (const { plane, index, band, data, prediction } of predictions(work, bands, normalisations)) {
      if (!writer) {
        warnings = warningsOf(work, prediction)
        const made = { ...prediction, height: gridHeight, scaled: prediction.scale !== null }
        writer = await createWriter(work, output, made, normalisations, warnings)
      }
      const results = [prediction.image, ...(prediction.scale ? [prediction.scale] : [])]
      if (index === 0) writers = openPlanes(writer, results.length)
      for (const [channel, rows] of results.entries()) await writers[channel]?.writeRows(rows)
      place ??= middleWindow(bands, width, prediction.width)
      if (index === place.band) {
        const pair = windowOf(place, band, { width, height: band.rows, data }, prediction)
        judged.push(await judgePlane(work, training, plane, pair, prediction))
      }
      if (plane > 0) continue
      look ??= { reducer: new Reducer(prediction.width, gridHeight, largestLook), prediction }
      await look.reducer.add(prediction.image)
      // Neighbouring bands share rows: each row is looked at once.
      const next = bands[index + 1]?.firstRow ?? height
      await before.add(data.subarray(0, (next - band.firstRow) * width))
    }
    if (!writer || !look || !place) throw new AppError('DatasetInvalid', `${name} holds no picture.`, { path: request.path })
    signal?.throwIfAborted()
    words = `A window of ${place.x.length} × ${place.y.length} pixels in the middle of ${planes > 1 ? 'each' : 'the'} plane was judged: the whole is too large for the instruments.`
    await writer.close({ ...verdictAnnotations(gravestVerdict(judged)), Judged: words })
  } finally {
    await writer?.[Symbol.asyncDispose]()
  }
  const { prediction } = look
  const pictures: { before: Picture; after: Picture } = { before: before.picture, after: look.reducer.picture }
  const table = await writeTrustTable(output, judged)
  const sides = { ...pictures, inputUnits, width: prediction.width, name, prediction }
  const preview = request.preview ? await writePreview(output, sides) : null
  return {
    output,
    others: [],
    preview,
    table,
    verdict: gravestVerdict(judged),
    judged: words,
    facts: work.facts,
    original: false,
    inputUnits,
    warnings,
    provenance: { ...prediction.provenance, warnings },
    planes,
    ...pictures,
  }
}

interface PredictedBand {
  readonly plane: number
  readonly index: number
  readonly band: Band
  readonly data: Pixels
  readonly prediction: Prediction
}

/** Every band of every plane, and what became of it, from the top. */
async function* predictions(
  { request, source, pixelSizeUm, inference }: Work,
  bands: readonly Band[],
  normalisations: readonly Normalisation[],
): AsyncGenerator<PredictedBand> {
  const { width, planes, sizeC } = source
  const { model, signal } = request
  for (let plane = 0; plane < planes; plane++) {
    for (const [index, band] of bands.entries()) {
      const data = await source.readRows(plane, band.firstRow, band.rows, signal)
      const ask: PredictRequest = {
        model,
        width,
        height: band.rows,
        data,
        pixelSizeUm,
        priority: 'batch',
        normalisation: normalisations[plane % sizeC] as Normalisation,
        band,
        onProgress: (fraction) => {
          const done = (plane + (index + fraction) / bands.length) / planes
          request.onProgress?.(measuringShare + (1 - measuringShare) * done, doneOf(source, done))
        },
      }
      yield { plane, index, band, data, prediction: await inference.predict(ask, signal) }
    }
  }
}

/** The image of the next plane, and its error's scale if there is one. */
function openPlanes(writer: OmeTiffWriter, count: number): PlaneWriter[] {
  return Array.from({ length: count }, () => writer.openPlane())
}
