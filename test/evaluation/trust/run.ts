/**
 * `npm run evaluate:trust`: judges seeded frames of every kind of trouble and writes the table in docs/trust.md. Results are kept frame by
 * frame under build/, so that a run that was cut short goes on where it ended. `--calibrate` judges in-range frames of other seeds
 * and prints the percentiles that the limits were set by; `--frames n` judges so many of each kind,
 * `--minutes n` ends after so long.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type JudgeRequest, judge } from '#main/analysis/trust/judge.ts'
import { planeOf } from '#main/analysis/trust/plane.ts'
import { startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import type { TrustReport } from '#shared/trust.ts'
import { type Kind, kinds, type Rarity, rarities, type Sample, sample, side, truthSide } from './frames.ts'
import { judgeRealImages } from './real.ts'
import { bestClassical, lack, middle, raised } from './restore.ts'
import { calibration, type Row, writeTable } from './table.ts'

const model = 'widefield-sr'
const option = (name: string, otherwise: number) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const framesEach = option('--frames', 200)
/** Frames of each kind whose output is compared with the truth. */
const comparedEach = 20
/** Nobody looked at frames of these seeds while the instruments were made. */
const firstSeed = 50_000
const calibrationSeed = 900_000

const calibrate = process.argv.includes('--calibrate')
const deadline = Date.now() + option('--minutes', Number.POSITIVE_INFINITY) * 60_000

await using inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu' })
const training = await inference.training(model)
const folder = join(rootFolder, 'build', 'evaluation')
mkdirSync(folder, { recursive: true })
const weights = createHash('sha256')
  .update(readFileSync(join(rootFolder, 'models', model, 'model.onnx')))
  .digest('hex')
// The bundled program holds instruments, limits and frames: results of another one are not taken over.
const program = createHash('sha256')
  .update(readFileSync(join(rootFolder, 'models', model, 'rdf.yaml')))
  .update(readFileSync(fileURLToPath(import.meta.url)))
  .digest('hex')
const path = join(folder, `trust-${weights.slice(0, 8)}-${program.slice(0, 8)}-${calibrate ? 'calibration' : 'evaluation'}.jsonl`)
const rows: Row[] = existsSync(path)
  ? readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Row)
  : []
const done = new Set(rows.map(({ kind, seed }) => `${kind} ${seed}`))

async function ask(counts: Uint16Array, pixelSizeUm: number | null) {
  return inference.predict({ model, width: side, height: side, data: counts, pixelSizeUm, priority: 'batch' })
}

/** The adversary's choice: the structure whose addition changes the network's answer least, for the change it makes in the input. */
async function cruellest(seed: number): Promise<Rarity> {
  const without = sample('rare structure', seed)
  const before = await ask(without.counts, without.statedUm)
  let best: { readonly rarity: Rarity; readonly answer: number } | null = null
  for (const rarity of rarities(seed)) {
    const having = sample('rare structure', seed, rarity)
    const after = await ask(having.counts, having.statedUm)
    const change = (a: ArrayLike<number>, b: ArrayLike<number>) => {
      let sum = 0
      for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2
      return Math.sqrt(sum / a.length)
    }
    const answer = change(before.image, after.image) / change(without.counts, having.counts)
    if (!best || answer < best.answer) best = { rarity, answer }
  }
  return (best as NonNullable<typeof best>).rarity
}

function compare(made: Sample, request: JudgeRequest): Row['lack'] {
  const { output } = request
  const factor = output.width / side
  const outputUm = made.trueUm / factor
  const truth = made.truth(outputUm)
  const input = raised(planeOf(side, side, made.counts), factor, truthSide)
  const scale = input.reduce((sum, value) => sum + (value - (input[0] as number)) ** 2, 0) / input.length || 1
  const lackOf = (picture: Float32Array) => lack(picture, truth, scale)
  const wavelength = made.emissionNm / 1000
  const box = made.trueUm / Math.sqrt(12)
  const psf = { blur: Math.hypot((0.21 * wavelength) / 0.4, box) / outputUm, target: (0.21 * wavelength) / 0.75 / outputUm }
  return {
    output: lackOf(middle(planeOf(output.width, output.height, output.data), truthSide)),
    input: lackOf(input),
    classical: bestClassical(input, truthSide, psf, lackOf),
  }
}

async function evaluate(kind: Kind, seed: number, compared: boolean): Promise<Row> {
  const made = sample(kind, seed, kind === 'rare structure' ? await cruellest(seed) : null)
  const prediction = await ask(made.counts, made.statedUm)
  const request: JudgeRequest = {
    facts: {
      pixelSizeUm: made.statedUm,
      numericalAperture: made.numericalAperture,
      emissionNm: made.emissionNm,
      modality: 'widefield',
      bitDepth: 16,
      structure: null,
    },
    training,
    input: { width: side, height: side, data: made.counts },
    output: { width: prediction.width, height: prediction.height, data: prediction.image },
    outputPixelUm: prediction.pixelSizeUm,
    ...(prediction.scale ? { scale: prediction.scale } : {}),
    depth: 'plane',
  }
  const { report } = judge(request)
  const comparable = compared && prediction.width >= truthSide
  return {
    kind,
    seed,
    level: report.verdict.level,
    by: by(report),
    readings: readings(report),
    lack: comparable ? compare(made, request) : null,
  }
}

const by = ({ verdict }: TrustReport) => [...new Set(verdict.reasons.map(({ instrument }) => instrument))]

function readings({ instruments }: TrustReport): Record<string, number> {
  const numbers = instruments.flatMap(({ readings }) =>
    readings.flatMap(({ id, side: of, value }) =>
      typeof value === 'number' ? [[of === 'output' ? `${id}-output` : id, value] as const] : [],
    ),
  )
  return Object.fromEntries(numbers)
}

const wanted = calibrate ? (['in range'] as const) : kinds
const count = calibrate ? 150 : framesEach
let complete = true
// One frame of each kind after the other, so that a run that was cut short has them all.
for (let n = 0; n < count && complete; n++) {
  for (const kind of wanted) {
    const seed = (calibrate ? calibrationSeed : firstSeed) + n
    if (done.has(`${kind} ${seed}`)) continue
    if (Date.now() > deadline) {
      complete = false
      break
    }
    const row = await evaluate(kind, seed, !calibrate && n < comparedEach)
    rows.push(row)
    appendFileSync(path, `${JSON.stringify(row)}\n`)
  }
  if (n % 20 === 0) console.error(`${n} of ${count} frames of each kind`)
}
if (calibrate) console.log(calibration(rows))
else if (complete)
  console.log(
    writeTable(
      rows,
      await judgeRealImages(inference, training, model),
      `\`${model}\`, weights ${weights.slice(0, 12)}…`,
      join(rootFolder, 'docs', 'trust.md'),
    ),
  )
else console.error(`${rows.length} of ${count * wanted.length} frames are judged; run again to go on.`)
