/**
 * `npm run evaluate:refocus`: does a stack brought back through the optics tell a true stack from a wrong one? Seeded volumes, as noisy inputs and as
 * stacks: true ones, spoiled ones, and those of the shipped network. Writes the table into docs/trust.md. `--calibrate` prints what the limits follow
 * from, on other seeds, true stacks alone. `--volumes n`: so many.
 */
import { join } from 'node:path'
import { judgeStack } from '#main/analysis/trust/judge.ts'
import { noiseOf } from '#main/analysis/trust/noise.ts'
import { mulberry32, normal } from '#main/analysis/trust/perturb.ts'
import { percentileOf } from '#main/analysis/trust/plane.ts'
import { judgedDistances, type RefocusedStack } from '#main/analysis/trust/through-focus.ts'
import { startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { judgedStack } from '#main/processing/refocus-planes.ts'
import type { Plane } from '#shared/image/plane.ts'
import { type Emitter, seenAt } from '#test/helpers/volume.ts'
import { writeBetween } from '../trust/table.ts'

const model = 'deep-z'
const side = 216
const ground = 30
/** ADU of an offset, and electrons of one: those of the demo camera. */
const camera = { offset: 100, gain: 0.46, readNoise: 1.6 }
const levels = [100, 400, 2000]
const calibrating = process.argv.includes('--calibrate')
const at = process.argv.indexOf('--volumes')
const volumes = at < 0 ? (calibrating ? 60 : 200) : Number(process.argv[at + 1])
const firstSeed = calibrating ? 900_000 : 60_000

await using inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu' })
const training = await inference.training(model)
const { refocusing, pixelSizesUm } = training
const { distance } = await inference.useOf(model)
if (!refocusing || !distance || pixelSizesUm[0] === undefined) throw new Error(`${model} does not say what it refocuses.`)
const optics = refocusing
const map = distance
const foci = judgedDistances('confocal', [-10, 10]) // with the plane in focus, of which the input is made
const [pixelUm] = pixelSizesUm

/** Points, filled balls of 1-4 µm and strands, few or many, anywhere within ±9 µm. */
function specimen(seed: number): Emitter[] {
  const draw = mulberry32(seed)
  const emitters: Emitter[] = []
  const add = (x: number, y: number, z: number, light: number) => {
    const place = (value: number) => ((Math.round(value / pixelUm) % side) + side) % side
    if (Math.abs(z) <= 9) emitters.push({ x: place(x), y: place(y), z: Math.round(z * 2) / 2, light })
  }
  const anywhere = () => [draw() * side * pixelUm, draw() * side * pixelUm, 18 * draw() - 9] as const
  for (let n = Math.round(10 * 10 ** (1.5 * draw())); n > 0; n--) add(...anywhere(), 0.5 + draw())
  for (let n = Math.round(20 * draw()); n > 0; n--) {
    const [x, y, z] = anywhere()
    const radius = 0.5 + 1.5 * draw()
    const light = (0.3 + draw()) / 20
    for (let grain = 0; grain < 300; grain++) {
      const [a, b, c] = [normal(draw), normal(draw), normal(draw)]
      const reach = (radius * draw() ** (1 / 3)) / Math.hypot(a, b, c)
      add(x + a * reach, y + b * reach, z + c * reach, light)
    }
  }
  for (let n = Math.round(12 * draw()); n > 0; n--) {
    let [x, y, z] = anywhere()
    let [turn, lift] = [2 * Math.PI * draw(), 0.6 * normal(draw)]
    const light = 0.05 + 0.1 * draw()
    for (let step = 0; step < 120; step++) {
      add(x, y, z, light)
      turn += 0.15 * normal(draw)
      lift += 0.08 * normal(draw)
      x += 0.2 * Math.cos(turn) * Math.cos(lift)
      y += 0.2 * Math.sin(turn) * Math.cos(lift)
      z += 0.2 * Math.sin(lift)
    }
  }
  return emitters
}

/** A photograph in ADU: shot noise as its Gaussian, read noise. */
function photograph(photons: Plane, seed: number): Plane {
  const draw = mulberry32(seed + 7_000_000)
  const noisy = (value: number) => value + Math.sqrt(Math.max(0, value) + camera.readNoise ** 2) * normal(draw)
  return { ...photons, data: photons.data.map((value) => Math.round(camera.offset + noisy(value) / camera.gain)) }
}

/** What the network makes of a picture, as the application asks for it to judge it. */
async function refocused(input: Plane): Promise<RefocusedStack> {
  const stack = await judgedStack(inference, { model, map, pixelSizeUm: pixelUm, priority: 'batch', input }, training)
  if (!stack) throw new Error(`${model} cannot be judged.`)
  return stack
}

interface Judged {
  readonly share: number
  readonly spot: number
  readonly flagged: boolean
}

const stackOf = (input: Plane, planes: readonly Plane[]): RefocusedStack => ({
  input,
  width: side,
  height: side,
  pixelUm,
  distancesUm: foci,
  planes: planes.map(({ data }) => data),
})

function judged(stack: RefocusedStack): Judged {
  const { instrument, reasons } = judgeStack(stack, optics, noiseOf(stack.input))
  const figure = (id: string) => {
    const value = instrument.readings.find((reading) => reading.id === id)?.value
    if (typeof value !== 'number') throw new Error('The picture is too small.')
    return value
  }
  return { share: figure('rsp-share'), spot: figure('spot'), flagged: reasons.length > 0 }
}

const kinds = [
  'true stack',
  'a bright ball invented',
  'a third of the light left out',
  'the stack of another specimen',
  'the two sides exchanged',
  `made by ${model}`,
] as const
const results = new Map<string, Judged[]>(kinds.map((kind) => [kind, []]))

for (let n = 0; n < volumes; n++) {
  const seed = firstSeed + n
  const draw = mulberry32(seed + 3_000_000)
  const emitters = specimen(seed)
  const photons = levels[n % levels.length] as number
  const show = (which: readonly Emitter[]) => seenAt(which, foci, optics, side, pixelUm, 0)
  const truth = show(emitters)
  const peak = Math.max(...truth.map(({ data }) => data.reduce((most, value) => Math.max(most, value), 0)))
  const lit = (planes: readonly Plane[]) =>
    planes.map((plane) => ({
      ...plane,
      data: plane.data.map((value) => camera.offset + ((value / peak) * photons + ground * (photons / 1000)) / camera.gain),
    }))
  const infocus = truth[foci.indexOf(0)] as Plane
  const input = photograph({ ...infocus, data: infocus.data.map((value) => (value / peak) * photons + ground * (photons / 1000)) }, seed)
  const put = (kind: (typeof kinds)[number], planes: readonly Plane[]) => results.get(kind)?.push(judged(stackOf(input, planes)))
  put('true stack', lit(truth))
  if (calibrating) continue
  const [cx, cy, cz] = [60 + 96 * draw(), 60 + 96 * draw(), (draw() < 0.5 ? -1 : 1) * (3 + 5 * draw())]
  // As bright as the brightest thing there: its peak in focus is the stack's.
  const ball = Array.from({ length: 200 }, () => {
    const [a, b, c] = [normal(draw), normal(draw), normal(draw)]
    const reach = (1.5 * draw() ** (1 / 3)) / Math.hypot(a, b, c)
    return {
      x: Math.round(cx + (a * reach) / pixelUm),
      y: Math.round(cy + (b * reach) / pixelUm),
      z: Math.round(2 * (cz + c * reach)) / 2,
      light: 1,
    }
  })
  const alone = show(ball)
  const bright = Math.max(...alone.map(({ data }) => data.reduce((most, value) => Math.max(most, value), 0)))
  put(
    'a bright ball invented',
    lit(truth.map((plane, i) => ({ ...plane, data: plane.data.map((value, k) => value + ((alone[i]?.data[k] ?? 0) / bright) * peak) }))),
  )
  const angle = 2 * Math.PI * draw()
  const kept = emitters.filter(({ x, y }) => Math.cos(angle) * (x - side / 2) + Math.sin(angle) * (y - side / 2) < 0.17 * side)
  put('a third of the light left out', lit(show(kept)))
  put('the stack of another specimen', lit(show(specimen(seed + 500_000))))
  put('the two sides exchanged', lit([...truth].reverse()))
  results.get(`made by ${model}`)?.push(judged(await refocused(input)))
  if (n % 20 === 19) console.error(`${n + 1} of ${volumes}`)
}

const quantile = (values: readonly number[], percent: number) =>
  percentileOf(
    [...values].sort((a, b) => a - b),
    percent,
  )
if (calibrating) {
  const found = results.get('true stack') ?? []
  console.log({
    share: [0, 1, 2, 5, 50].map((p) =>
      quantile(
        found.map(({ share }) => share),
        p,
      ),
    ),
    spot: [50, 95, 98, 99, 100].map((p) =>
      quantile(
        found.map(({ spot }) => Math.abs(spot)),
        p,
      ),
    ),
  })
} else {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`
  const rows = kinds.map((kind) => {
    const found = results.get(kind) ?? []
    const flagged = found.filter((each) => each.flagged).length / found.length
    return `| ${kind} | ${found.length} | ${percent(flagged)} | ${quantile(
      found.map(({ share }) => share),
      50,
    ).toFixed(3)} | ${quantile(
      found.map(({ spot }) => Math.abs(spot)),
      50,
    ).toFixed(1)} |`
  })
  const text = [
    '| stack | volumes | flagged | RSP over its ceiling, median | largest spot, σ, median |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n')
  writeBetween(
    join(rootFolder, 'docs', 'trust.md'),
    '<!-- refocused: written by npm run evaluate:refocus -->',
    '<!-- end of the refocused stacks -->',
    text,
  )
  console.log(text)
}
