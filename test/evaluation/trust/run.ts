/**
 * `npm run evaluate:trust`: judges seeded frames of every kind of trouble and writes the table in docs/trust.md. Results are kept frame by
 * frame under build/, so that a run that was cut short goes on where it ended. `--calibrate` judges the rehearsal instead (in-range frames
 * of other seeds, and other kinds of trouble) and writes the limits and weights that follow into calibrated.json; `--frames n` judges so many of each
 * kind, `--minutes n` ends after so long.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type JudgeRequest, judge } from '#main/analysis/trust/judge.ts'
import { placesThatCount } from '#main/analysis/trust/lookout.ts'
import { noiseOf } from '#main/analysis/trust/noise.ts'
import { perturbations } from '#main/analysis/trust/perturb.ts'
import { planeOf } from '#main/analysis/trust/plane.ts'
import { placesOf } from '#main/analysis/trust/repetition.ts'
import { startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import type { Plane } from '#shared/image/plane.ts'
import type { TrustReport } from '#shared/trust.ts'
import { cruellest } from './adversary.ts'
import { choose } from './classical.ts'
import { calibrate, foresee } from './fit.ts'
import { type Kind, kinds, rehearsalKinds, type Sample, sample, side, truthSide } from './frames.ts'
import { judgeRealImages } from './real.ts'
import { classicalLacks, lack, middle, raised } from './restore.ts'
import type { Row } from './row.ts'
import { writeTable } from './table.ts'

const model = 'widefield-sr'
const option = (name: string, otherwise: number) => {
  const at = process.argv.indexOf(name)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}
const rehearsing = process.argv.includes('--calibrate')
const framesEach = option('--frames', rehearsing ? 30 : 200)
/** In range, the rehearsal has so many times the frames, because limits lie in the tail. */
const inRangeTimes = 10
/** Frames of each kind whose output is compared with the truth. */
const comparedEach = rehearsing ? Number.POSITIVE_INFINITY : 40
/** In-range frames of which the network is asked again about changed copies. */
const askedAgain = 25
/** Nobody looked at frames of these seeds while the instruments were made. */
const firstSeed = 130_000
const rehearsalSeed = 900_000

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
const path = join(folder, `trust-${weights.slice(0, 8)}-${program.slice(0, 8)}-${rehearsing ? 'rehearsal' : 'evaluation'}.jsonl`)
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

/** Answers to changed copies of a frame, the first to the frame itself, as an inspection asks for them. */
async function answers({ counts, statedUm }: Sample, first: Awaited<ReturnType<typeof ask>>): Promise<Float32Array[]> {
  const input = planeOf(side, side, counts)
  const { width, height, normalisation, image } = first
  const found = [image]
  for (const { apply, restore } of perturbations(noiseOf(input), width / side)) {
    const { data } = apply(input)
    const answer = await inference.predict({
      model,
      width: side,
      height: side,
      data,
      pixelSizeUm: statedUm,
      priority: 'batch',
      normalisation,
    })
    found.push(restore({ width, height, data: answer.image } satisfies Plane).data)
  }
  return found
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
    classical: classicalLacks(input, truthSide, psf, lackOf),
  }
}

async function evaluate(kind: Kind, seed: number, compared: boolean, again: boolean): Promise<Row> {
  const adversarial = kind === 'rare structure' || kind === 'odd figure'
  const rarity = adversarial ? await cruellest(kind, seed, ({ counts, statedUm }) => ask(counts, statedUm)) : null
  const made = sample(kind, seed, rarity)
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
    ...(again ? { answers: await answers(made, prediction) } : {}),
    depth: 'plane',
  }
  const { report, figures } = judge(request)
  const comparable = compared && prediction.width >= truthSide
  return {
    kind,
    seed,
    level: report.verdict.level,
    by: by(report),
    photons: made.photons,
    readings: readings(report),
    figures,
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

const wanted: readonly Kind[] = rehearsing ? rehearsalKinds : kinds
const countOf = (kind: Kind) => (rehearsing && kind === 'in range' ? inRangeTimes : 1) * framesEach
const most = Math.max(...wanted.map(countOf))
const total = wanted.reduce((sum, kind) => sum + countOf(kind), 0)
// One frame of each kind after the other, so that a run that was cut short has them all.
const waiting = Array.from({ length: most }, (_, n) => wanted.filter((kind) => n < countOf(kind)).map((kind) => ({ kind, n })))
  .flat()
  .map(({ kind, n }) => ({ kind, n, seed: (rehearsing ? rehearsalSeed : firstSeed) + n }))
  .filter(({ kind, seed }) => !done.has(`${kind} ${seed}`))

/** Takes one frame after the other. */
async function work(): Promise<void> {
  for (let task = waiting.shift(); task; task = waiting.shift()) {
    const { kind, n, seed } = task
    if (Date.now() > deadline) return
    const row = await evaluate(kind, seed, n < comparedEach, rehearsing && kind === 'in range' && n < askedAgain)
    rows.push(row)
    appendFileSync(path, `${JSON.stringify(row)}\n`)
    if (rows.length % 50 === 0) console.error(`${rows.length} of ${total}`)
  }
}
// Several at once: while one frame is judged, the network answers for another.
await Promise.all([work(), work(), work()])
const judged = rows.filter(({ kind, seed }) => wanted.includes(kind) && seed - (rehearsing ? rehearsalSeed : firstSeed) < countOf(kind))
const complete = judged.length === total
const chosenPath = join(rootFolder, 'test', 'evaluation', 'trust', 'chosen.json')
if (!complete) console.error(`${judged.length} of ${total} frames are judged; run again to go on.`)
else if (rehearsing) {
  const inRange = judged.filter(({ kind }) => kind === 'in range')
  const choice = choose(inRange)
  const regular = placesOf({ width: side, height: side })
  const calibrated = {
    ...calibrate(inRange, { odd: placesThatCount({ columns: side / 8, rows: side / 8 }), repetition: regular.columns * regular.rows }),
    foresight: foresee(judged, choice, weights),
  }
  writeFileSync(join(rootFolder, 'src-main', 'analysis', 'trust', 'calibrated.json'), `${JSON.stringify(calibrated, null, 2)}\n`)
  writeFileSync(chosenPath, `[${choice.join(', ')}]\n`)
  console.log(JSON.stringify({ ...calibrated, choice }, null, 2))
} else {
  const choice = JSON.parse(readFileSync(chosenPath, 'utf8')) as number[]
  const network = `\`${model}\`, weights ${weights.slice(0, 12)}…`
  console.log(writeTable(judged, choice, await judgeRealImages(inference, training, model), network, join(rootFolder, 'docs', 'trust.md')))
}
