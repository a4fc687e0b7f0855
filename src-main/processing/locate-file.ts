/** A TIFF through a network that tells what a picture shows: a table of the places, window by window, and maps of the evidence. */
import { basename } from 'node:path'
import { AppError } from '#shared/errors.ts'
import { type JudgedWindow, noPlace, nothing, placeName, placeWords, rankedPlaces } from '#shared/places.ts'
import type { AnswerJudge } from '../analysis/trust/thread.ts'
import type { Classification, SeriesInference } from '../inference/inference.ts'
import { makeFolder, storageError } from '../storage/disk.ts'
import { verdictAnnotations } from '../storage/export-tiff.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import type { OmeTiffWriter } from '../storage/tiff/writer.ts'
import { csv, writeTable } from './csv.ts'
import type { EnhanceResult, ModelledRequest } from './enhance-file.ts'
import { createResult, sourceWarnings } from './enhanced-writer.ts'
import { fileFacts } from './file-facts.ts'
import { beside, freeName, stem } from './output-names.ts'
import { largestLook, reduced } from './picture.ts'
import { doneOf } from './throughput.ts'
import { gravestVerdict, type JudgedPlane } from './trust-table.ts'

export interface LocateParts {
  readonly inference: Pick<SeriesInference, 'classify' | 'training'>
  readonly judge: AnswerJudge
}

interface LocatedPlane extends JudgedPlane {
  readonly windows: readonly JudgedWindow[]
}

/**
 * The table appears under its name only when it is whole, beside the maps; nothing is overwritten. Each plane is judged. Rejects as `enhanceFile`.
 * `source` stays the caller's.
 */
export async function locateFile(request: ModelledRequest, source: TiffSource, { inference, judge }: LocateParts): Promise<EnhanceResult> {
  const { model, signal } = request
  const name = request.name ?? basename(request.path)
  const pixelSizeUm = request.pixelSizeUm ?? source.pixelSizeUm
  const facts = fileFacts(source, pixelSizeUm)
  const training = await inference.training(model)
  const maps = await freeName(request.outFolder, `${stem(name)}-${model}`, '.ome.tif')
  const located: LocatedPlane[] = []
  let first: Classification | null = null
  let writer: OmeTiffWriter | null = null
  const warnings = new Set(sourceWarnings({ request, source }))
  try {
    for (let plane = 0; plane < source.planes; plane++) {
      signal?.throwIfAborted()
      const { width, height } = source
      const data = await source.readPlane(plane, signal)
      const report = (share: number) =>
        request.onProgress?.((plane + share) / source.planes, doneOf(source, (plane + share) / source.planes))
      const found = await inference.classify({ model, width, height, data, pixelSizeUm, priority: 'batch', onProgress: report }, signal)
      for (const warning of found.provenance.warnings) warnings.add(warning)
      const input = { width, height, data }
      const asked = { facts, training, input, grid: found.grid, gridUm: found.pixelSizeUm }
      const { classes, noveltyLimit, windows } = found
      const { report: judged, empty } = await judge.judgeAnswer({ ...asked, classes, noveltyLimit, windows }, signal)
      located.push({ ...placeOf(source, plane), report: judged, windows: inPixels(found, source, pixelSizeUm, empty) })
      first ??= found
      writer ??= found.activation && (await createMaps(maps, request, source, name, found))
      for (const map of mapsOf(found)) await writer?.writePlane(map)
    }
    if (!first) throw new AppError('DatasetInvalid', `${name} holds no picture.`, { path: request.path })
    signal?.throwIfAborted()
    await writer?.close(verdictAnnotations(gravestVerdict(located)))
  } finally {
    await writer?.[Symbol.asyncDispose]()
  }
  const output = writer ? beside(maps, '-places.csv') : await freeName(request.outFolder, `${stem(name)}-${model}-places`, '.csv')
  await makeFolder(request.outFolder).catch(async (error: unknown) => Promise.reject(await storageError(error, output, request.outFolder)))
  await writeTable(output, placesTable(first.classes, located))
  const windows = located[0]?.windows ?? []
  const shown = commonest(windows) ?? ''
  return {
    output,
    others: writer ? [maps] : [],
    preview: null,
    table: null,
    verdict: gravestVerdict(located),
    judged: source.planes > 1 ? 'Every plane was judged.' : 'The plane was judged.',
    facts,
    warnings: [...warnings],
    provenance: { ...first.provenance, warnings: [...warnings] },
    planes: source.planes,
    before: await reduced(first.grid, largestLook),
    after: evidence(first, shown) ?? first.grid,
    original: false,
    inputUnits: false,
    places: { words: placeWords(located.flatMap((plane) => plane.windows)), shown, windows: [...windows] },
  }
}

function placeOf({ sizeC, sizeZ }: TiffSource, plane: number): Pick<JudgedPlane, 'plane' | 'c' | 'z' | 't'> {
  return { plane, c: plane % sizeC, z: Math.floor(plane / sizeC) % sizeZ, t: Math.floor(plane / sizeC / sizeZ) }
}

/** Windows in pixels of the image itself. */
function inPixels(
  found: Classification,
  { width, height }: TiffSource,
  pixelSizeUm: number | null,
  empty: readonly boolean[],
): JudgedWindow[] {
  const ratio = found.pixelSizeUm !== null && pixelSizeUm !== null ? found.pixelSizeUm / pixelSizeUm : 1
  const left = (Math.round(width / ratio) - found.grid.width) >> 1
  const top = (Math.round(height / ratio) - found.grid.height) >> 1
  const pixels = (value: number) => Math.round(value * ratio)
  return found.windows.map(({ probabilities, novelty, ...window }, i) => {
    const ranked = rankedPlaces(found.classes, probabilities)
    const strange = novelty !== null && found.noveltyLimit !== null && novelty > found.noveltyLimit
    return {
      x: pixels(left + window.x),
      y: pixels(top + window.y),
      width: pixels(window.width),
      height: pixels(window.height),
      place: empty[i] ? nothing : strange ? noPlace : (ranked[0]?.place ?? noPlace),
      novelty,
      ranked,
    }
  })
}

function commonest(windows: readonly JudgedWindow[]): string | null {
  const counts = new Map<string, number>()
  for (const { place, ranked } of windows) {
    const named = place === noPlace || place === nothing ? null : ranked[0]?.place
    if (named) counts.set(named, (counts.get(named) ?? 0) + 1)
  }
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? windows[0]?.ranked[0]?.place ?? null
}

function mapsOf({ activation, classes }: Classification): Float32Array[] {
  if (!activation) return []
  const size = activation.width * activation.height
  return classes.map((_, c) => activation.data.subarray(c * size, (c + 1) * size))
}

function evidence(found: Classification, place: string) {
  const data = mapsOf(found)[found.classes.findIndex((named) => placeName(named) === place)]
  return data && found.activation ? { width: found.activation.width, height: found.activation.height, data } : null
}

async function createMaps(
  path: string,
  { outFolder }: ModelledRequest,
  source: TiffSource,
  name: string,
  found: Classification,
): Promise<OmeTiffWriter> {
  const { activation, classes, provenance, grid, pixelSizeUm } = found
  const { width, height } = activation ?? grid
  const channels = source.channels.flatMap((channel) =>
    classes.map((place) => ({
      name: channel ? `${channel} (evidence for ${placeName(place)})` : `evidence for ${placeName(place)}`,
      color: '#ffffff',
    })),
  )
  return await createResult(
    path,
    { folder: outFolder, source: name, provenance, warnings: provenance.warnings },
    {
      width,
      height,
      sizeZ: source.sizeZ,
      sizeC: channels.length,
      sizeT: source.sizeT,
      pixelSizeUm: pixelSizeUm === null ? null : (pixelSizeUm * grid.width) / width,
      channels,
    },
    { evidence: 'Logarithmic odds of each place, one value for a square of the picture; their mean over a window is what names it.' },
  )
}

/** One row a window; x, y, width and height in pixels of the image. */
function placesTable(classes: readonly string[], planes: readonly LocatedPlane[]): string {
  const header = ['plane', 'c', 'z', 't', 'x', 'y', 'width', 'height', 'place', 'probability', 'second', 'second probability', 'novelty']
  const rows = planes.flatMap(({ plane, c, z, t, windows, report }) =>
    windows.map(({ x, y, width, height, place, novelty, ranked }) => {
      const [best, second] = ranked
      const each = new Map(ranked.map(({ place: named, probability }) => [named, probability]))
      return [
        ...[plane, c, z, t, x, y, width, height, place],
        ...[digits(best?.probability), second?.place ?? '', digits(second?.probability), digits(novelty)],
        ...classes.map((named) => digits(each.get(placeName(named)))),
        report.verdict.level,
        report.verdict.reasons.map(({ message }) => message).join(' '),
      ]
    }),
  )
  return csv([[...header, ...classes.map(placeName), 'verdict', 'reasons'], ...rows])
}

const digits = (value: number | null | undefined) => (value === null || value === undefined ? '' : Number(value.toPrecision(5)))
