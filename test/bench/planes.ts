/** Small planes of a stack handed over together, against the same planes one by one. */
import { join } from 'node:path'
import { startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { interleaved, type Measured, median, ms, timed } from './measure.ts'

const model = 'widefield-sr'
const side = 128

/** `side`² 16-bit planes on the network's grid, as many as go together. */
export async function benchPlanes(rounds: number): Promise<Measured> {
  await using inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu' })
  const size = { model, width: side, height: side, pixelSizeUm: 0.325, priority: 'batch' } as const
  const count = await inference.planesAtOnce(model, size)
  const planes = Array.from({ length: count }, (_, plane) =>
    Uint16Array.from({ length: side * side }, (_, i) => 100 + ((i * 2654435761 + plane * 97) % 1000)),
  )
  const normalisation = { offset: 100, scale: 1000 }
  const together = () => inference.predictPlanes({ ...size, planes, normalisations: planes.map(() => normalisation) })
  const singly = async () => {
    for (const data of planes) await inference.predict({ ...size, data, normalisation })
  }
  await together()
  await singly()
  const { a, b } = await interleaved(
    rounds,
    () => timed(together),
    () => timed(singly),
  )
  return {
    name: 'planes-together',
    value: median(b) / median(a),
    unit: 'ratio',
    detail: `${count} planes of ${side}²: together ${ms(a)}, one by one ${ms(b)}`,
    bar: { atLeast: 1 },
  }
}
