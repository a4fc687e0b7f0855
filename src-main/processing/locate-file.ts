/** A TIFF through a network that tells what a picture shows: a table of the places, window by window, and maps of the evidence. */
import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { AppError } from '#shared/errors.ts'
import { isNamed, noPlace, nothing, placeName, placeWords, rankedPlaces, type ToldWindow } from '#shared/places.ts'
import type { AnswerJudgement, AnswerRequest } from '../analysis/trust/judge-answer.ts'
import type { AnswerJudge } from '../analysis/trust/thread.ts'
import type { Classification, SeriesInference } from '../inference/inference.ts'
import { makeFolder, storageError } from '../storage/disk.ts'
import { verdictAnnotations } from '../storage/export-tiff.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import type { OmeTiffWriter } from '../storage/tiff/writer.ts'
import { csv, writeTable } from './csv.ts'
import type { EnhanceResult, ModelledRequest } from './enhance-file.ts'
import { createResult, numbered, sourceWarnings } from './enhanced-writer.ts'
import { fileFacts } from './file-facts.ts'
import { beside, freeName, stem } from './output-names.ts'
import { largestLook, type Picture, reduced } from './picture.ts'
import { writePreview } from './preview.ts'
import { doneOf } from './throughput.ts'
import { gravestVerdict, type JudgedPlane, placeOf } from './trust-table.ts'

export interface LocateParts {
  readonly inference: Pick<SeriesInference, 'classify' | 'training'>
  readonly judge: AnswerJudge
}

interface ToldPlane extends JudgedPlane {
  readonly windows: readonly ToldWindow[]
}

const [mapsEnding, tableEnding] = ['.ome.tif', '-places.csv']

/**
 * The table and the maps appear under their names only when they are whole; nothing is overwritten, and nothing is left after a failure. Each plane is
 * judged. Rejects as `enhanceFile`. `source` stays the caller's.
 */
export async function locateFile(request: ModelledRequest, source: TiffSource, { inference, judge }: LocateParts): Promise<EnhanceResult> {
  const { model, signal } = request
  const name = request.name ?? basename(request.path)
  const pixelSizeUm = request.pixelSizeUm ?? source.pixelSizeUm
  const training = await inference.training(model)
  const maps = await freeName(request.outFolder, `${stem(name)}-${model}`, mapsEnding, tableEnding, '.png')
  const output = beside(maps, tableEnding)
  const judged = source.planes > 1 ? 'Every plane was judged.' : 'The plane was judged.'
  const warnings = new Set(sourceWarnings({ request, source }))
  const told: ToldPlane[] = []
  let first: Classification | null = null
  let writer: OmeTiffWriter | null = null
  try {
    for (let plane = 0; plane < source.planes; plane++) {
      signal?.throwIfAborted()
      const { width, height } = source
      const input = { width, height, data: await source.readPlane(plane, signal) }
      const report = (share: number) =>
        request.onProgress?.((plane + share) / source.planes, doneOf(source, (plane + share) / source.planes))
      const found = await inference.classify({ model, ...input, pixelSizeUm, priority: 'batch', onProgress: report }, signal)
      for (const warning of found.provenance.warnings) warnings.add(warning)
      const places = placesIn(found, input)
      const facts = fileFacts(source, pixelSizeUm, plane % source.sizeC)
      const { kinds, report: judgement } = await judge.judgeAnswer({ facts, training, input, ...asked(found, places) }, signal)
      told.push({ ...placeOf(source, plane), report: judgement, windows: windowsOf(found, places, kinds) })
      first ??= found
      writer ??= found.activation && (await createMaps(maps, request, source, name, found))
      for (const map of mapsOf(found)) await writer?.writePlane(map)
    }
    if (!first) throw new AppError('DatasetInvalid', `${name} holds no picture.`, { path: request.path })
    signal?.throwIfAborted()
    await makeFolder(request.outFolder).catch(async (error: unknown) =>
      Promise.reject(await storageError(error, output, request.outFolder)),
    )
    await writeTable(output, placesTable(first.classes, told))
    const known = { ...verdictAnnotations(gravestVerdict(told)), Judged: judged, ...numbered([...warnings]) }
    await writer?.close(known).catch(async (error: unknown) => {
      await rm(output, { force: true })
      throw error
    })
  } finally {
    await writer?.[Symbol.asyncDispose]()
  }
  const { windows, report } = told[0] as ToldPlane
  const shown = first.activation ? commonest(windows) : null
  const frame = placeIn({ x: 0, y: 0, width: first.grid.width, height: first.grid.height }, first.grid, source)
  const before = await reduced(first.grid, largestLook)
  const whole = evidence(first, shown) ?? first.grid
  const after = await reduced(whole, largestLook)
  const provenance = { ...first.provenance, warnings: [...warnings] }
  const prediction = { provenance, pixelSizeUm: first.pixelSizeUm }
  const sides = { before, after, inputUnits: false, width: whole.width, name, prediction }
  const preview = request.preview ? await writePreview(maps, sides) : null
  return {
    output,
    others: writer ? [maps] : [],
    preview,
    table: null,
    verdict: gravestVerdict(told),
    judged,
    facts: fileFacts(source, pixelSizeUm),
    warnings: [...warnings],
    provenance,
    planes: source.planes,
    before,
    after,
    original: false,
    inputUnits: false,
    places: { words: wordsOf(source, told), shown, frame, windows: [...windows], report },
  }
}

type Place = Pick<ToldWindow, 'x' | 'y' | 'width' | 'height'>

/** Where the windows lie in the picture itself, whose middle is what was told. */
function placesIn({ windows, grid }: Classification, picture: Picture): Place[] {
  return windows.map((window) => placeIn(window, grid, picture))
}

/** A part of what was told, in pixels of the picture. */
function placeIn(part: Place, grid: Classification['grid'], { width, height }: Pick<Picture, 'width' | 'height'>): Place {
  const along = (start: number, length: number, whole: number, pixels: number, from: number) => {
    const scale = pixels / whole
    const border = (at: number) => Math.min(pixels, Math.round((from + at) * scale))
    return [border(start), border(start + length) - border(start)] as const
  }
  const [x, w] = along(part.x, part.width, grid.columns, width, grid.left)
  const [y, h] = along(part.y, part.height, grid.rows, height, grid.top)
  return { x, y, width: w, height: h }
}

function asked({ grid, pixelSizeUm, classes, noveltyLimit, windows }: Classification, places: readonly Place[]) {
  return {
    grid,
    gridUm: pixelSizeUm,
    classes: classes.length,
    noveltyLimit,
    windows: windows.map(({ probabilities, novelty }, i) => ({
      ...(places[i] as Place),
      probability: Math.max(...probabilities),
      novelty,
    })),
  } satisfies Partial<AnswerRequest>
}

function windowsOf({ windows, classes }: Classification, places: readonly Place[], kinds: AnswerJudgement['kinds']): ToldWindow[] {
  return windows.map(({ probabilities, novelty }, i) => {
    const ranked = rankedPlaces(classes, probabilities)
    const place = { empty: nothing, strange: noPlace, known: ranked[0]?.place ?? noPlace }[kinds[i] ?? 'known']
    return { ...(places[i] as Place), place, novelty, ranked }
  })
}

/** A clause for each channel, since each may show another protein. */
function wordsOf({ sizeC, channels }: TiffSource, told: readonly ToldPlane[]): string {
  const clauses = Array.from({ length: sizeC }, (_, c) => {
    const words = placeWords(told.filter((plane) => plane.c === c).flatMap(({ windows }) => windows))
    return sizeC > 1 ? `${channels[c] || `channel ${c + 1}`}: ${words}` : words
  })
  return clauses.join('; ')
}

/** The place that was named most often; where none was, the one that the first window is least unlike. */
function commonest(windows: readonly ToldWindow[]): string {
  const counts = new Map<string, number>()
  for (const { place } of windows.filter(isNamed)) counts.set(place, (counts.get(place) ?? 0) + 1)
  return [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? windows[0]?.ranked[0]?.place ?? ''
}

function mapsOf({ activation, classes }: Classification): Float32Array[] {
  if (!activation) return []
  const size = activation.width * activation.height
  return classes.map((_, c) => activation.data.subarray(c * size, (c + 1) * size))
}

function evidence(found: Classification, place: string | null): Picture | null {
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
    classes.map((place) => {
      const words = `evidence for ${placeName(place)}`
      return { name: channel ? `${channel} (${words})` : words, color: '#ffffff' }
    }),
  )
  const size = { width, height, sizeZ: source.sizeZ, sizeC: channels.length, sizeT: source.sizeT }
  return await createResult(
    path,
    { folder: outFolder, source: name, provenance, warnings: [] },
    { ...size, pixelSizeUm: pixelSizeUm === null ? null : (pixelSizeUm * grid.width) / width, channels },
    {
      evidence: 'Logarithmic odds of each place, one value for a square of the picture; their mean over a window is what names it.',
      leftEdge: `${grid.left / grid.columns} of the width of the picture`,
      topEdge: `${grid.top / grid.rows} of its height`,
    },
  )
}

/** One row a window; x, y, width and height in pixels of the image. */
function placesTable(classes: readonly string[], planes: readonly ToldPlane[]): string {
  const header = ['plane', 'c', 'z', 't', 'x', 'y', 'width', 'height', 'place', 'probability', 'second', 'second probability', 'novelty']
  const names = classes.map(placeName)
  const rows = planes.flatMap(({ plane, c, z, t, windows, report }) =>
    windows.map(({ x, y, width, height, place, novelty, ranked }) => {
      const [best, second] = ranked
      const each = new Map(ranked.map(({ place: named, probability }) => [named, probability]))
      return [
        ...[plane, c, z, t, x, y, width, height, place],
        ...[digits(best?.probability), second?.place ?? '', digits(second?.probability), digits(novelty)],
        ...names.map((named) => digits(each.get(named))),
        report.verdict.level,
        report.verdict.reasons.map(({ message }) => message).join(' '),
      ]
    }),
  )
  return csv([[...header, ...names, 'verdict', 'reasons'], ...rows])
}

const digits = (value: number | null | undefined) => (value === null || value === undefined ? '' : Number(value.toPrecision(5)))
