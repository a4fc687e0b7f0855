/** What stands in files about whether a network's picture may be believed. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { type RunningInference, startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { enhanceFile } from '#main/processing/enhance-file.ts'
import { Inspector } from '#main/processing/inspect.ts'
import { trustTable, verdictLine } from '#main/processing/trust-table.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { instrumentIds, type TrustReport } from '#shared/trust.ts'
import { normals } from '#test/analysis/trust/pictures.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { runPython } from '#test/storage/python.ts'

let worker: Bundle
let program: Bundle
let inference: RunningInference
let judge: TrustThread
let folder: string

const side = 128
const facts = { pixelSizeUm: 0.65, numericalAperture: 0.4, emissionNm: 525, modality: 'widefield', bitDepth: 16, structure: null }
/** Nothing but noise, as a camera sees it with the shutter closed. */
const dark = (seed: number) => Uint16Array.from(normals(side * side, seed), (value) => 300 + 12 * value)

beforeAll(async () => {
  worker = await bundle('src-main/inference/worker.ts')
  program = await bundle('src-main/analysis/trust/worker.ts')
  judge = new TrustThread(program.path)
  inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu', entry: worker.path })
  folder = await mkdtemp(join(tmpdir(), 'deepscope-trust-'))
})
afterAll(async () => {
  await inference?.[Symbol.asyncDispose]()
  await judge?.[Symbol.asyncDispose]()
  await worker?.[Symbol.asyncDispose]()
  await program?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

describe('an enhanced stack of noise', () => {
  test('is marked “do not use” in the file’s metadata, with a row for every plane in the table beside it', async () => {
    const path = join(folder, 'dark.ome.tif')
    await using writer = await createOmeTiff(path, {
      name: 'dark',
      width: side,
      height: side,
      pixelType: 'uint16',
      sizeZ: 2,
      sizeC: 1,
      sizeT: 1,
      pixelSizeUm: 0.65,
      channels: [{ name: 'FITC', color: '#00ff00' }],
    })
    for (const seed of [1, 2]) await writer.writePlane(dark(seed))
    await writer.close()
    const result = await enhanceFile({ path, outFolder: folder, model: 'widefield-sr', preview: false }, { inference, judge })
    expect(result.verdict?.level).toBe('do-not-use')
    expect(result.verdict?.reasons.slice(0, 2).map(({ instrument }) => instrument)).toEqual(['distribution', 'resolution'])
    const xml = await runPython<string>(
      `import sys, json, tifffile\nprint(json.dumps(tifffile.TiffFile(json.load(sys.stdin)['path']).ome_metadata))`,
      { path: result.output },
    )
    expect(xml).toMatch(/K="Verdict">do not use</)
    expect(xml).toMatch(/K="Reason 1">distribution: There is nothing but noise/)
    const rows = await runPython<Record<string, string>[]>(
      `import sys, json, csv\nprint(json.dumps(list(csv.DictReader(open(json.load(sys.stdin)['path'], encoding='utf-8', newline='')))))`,
      { path: result.table },
    )
    expect(rows.map(({ plane, z, verdict }) => [plane, z, verdict])).toEqual([
      ['0', '0', 'do-not-use'],
      ['1', '1', 'do-not-use'],
    ])
    expect(Number(rows[0]?.['distribution noise-only input (%)'])).toBe(100)
    expect(rows[0]).toMatchObject({ distribution: 'do-not-use', metadata: 'not-measured', units: 'arbitrary' })
    expect(await readFile(result.table ?? '', 'utf8')).toMatch(/\r\n$/)
  })
})

describe('an inspection', () => {
  test('asks every instrument and brings the maps of those that have one, of the whole field', async () => {
    const inspector = new Inspector({ inference, judge })
    const picture = { width: side, height: side, data: dark(3) }
    const first = inspector.inspect({ model: 'widefield-sr', picture, facts, second: { ...picture, data: dark(4) } })
    await expect(inspector.inspect({ model: 'widefield-sr', picture, facts, second: null })).rejects.toMatchObject({ kind: 'Busy' })
    const { report, maps, prediction } = await first
    expect(report.instruments.map(({ id }) => id)).toEqual([...instrumentIds])
    expect(report.instruments.filter(({ status }) => status === 'not-measured')).toEqual([expect.objectContaining({ id: 'explanation' })])
    expect(maps.map(({ id, width }) => [id, width])).toEqual([
      ['error', side],
      ['unexplained', side],
      ['scale', prediction.width],
      ['disagreement', prediction.width],
      ['unfamiliar', 1],
      ['odd', side / 8],
      ['repetition', side / 4],
    ])
    for (const { bytes, width, height } of maps) expect(bytes.byteLength).toBe(4 * width * height)
    const frc = report.instruments.find(({ id }) => id === 'resolution')?.readings.filter(({ id }) => id === 'frc')
    expect(frc?.map(({ side: of }) => of)).toEqual(['input', 'output'])
  })
})

describe('the table', () => {
  const report: TrustReport = {
    verdict: { level: 'caution', reasons: [{ instrument: 'metadata', level: 'caution', message: '=Unknown, “and” "quoted".' }] },
    instruments: [],
    units: 'arbitrary',
    elapsedMs: 1,
  }
  test('quotes what needs it, and gives a spreadsheet no formula', () => {
    const [, row] = trustTable([{ plane: 0, c: 0, z: 0, t: 0, report }]).split('\r\n')
    expect(row).toBe(`0,0,0,0,caution,,,,,,,arbitrary,"'=Unknown, “and” ""quoted""."`)
  })
  test('sums up in one line', () => {
    expect(verdictLine(report.verdict, 'Every plane was judged.')).toBe(
      'verdict: caution – =Unknown, “and” "quoted". (Every plane was judged)',
    )
    expect(verdictLine({ level: 'do-not-use', reasons: [] }, 'The whole plane was judged.')).toBe(
      'verdict: do not use (The whole plane was judged)',
    )
    expect(verdictLine(null, 'Not judged, because it is a label.')).toBe('verdict: none – Not judged, because it is a label.')
  })
})
