/** What the whole pipeline of a file's plane costs around the network: image in, tiles, image and scale out, against `session.run` on as many tiles. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { readCatalog } from '#main/inference/catalog.ts'
import type { RunnableModel } from '#main/inference/package.ts'
import { planTiles } from '#main/inference/pipeline.ts'
import { startInference } from '#main/inference/process.ts'
import { threads } from '#main/inference/session-options.ts'
import { largestTile } from '#main/inference/tiling.ts'
import { rootFolder } from '#main/processes.ts'
import { bundle } from '#test/helpers/bundle.ts'
import { interleaved, type Measured, median, ms, timed } from './measure.ts'

const model = 'widefield-sr'

/** `side`: of a 16-bit image on the network's grid, pixels. The normalisation is given, as for every plane of a stack. */
export async function benchPipeline(side: number, rounds: number): Promise<Measured> {
  const models = join(rootFolder, 'models')
  await using inference = startInference({ modelsFolders: [models], provider: 'cpu' })
  const data = Uint16Array.from({ length: side * side }, (_, i) => 100 + ((i * 2654435761) % 1000))
  const request = { model, width: side, height: side, data, pixelSizeUm: 0.325, priority: 'batch' } as const
  const { normalisation } = await inference.predict(request)
  const plan = planTiles(await planned(models), { width: side, height: side }, largestTile(Number.POSITIVE_INFINITY))
  const tiles = plan.y.spans.length * plan.x.spans.length
  await using program = await bundle('test/bench/bare-session.ts')
  const bare = fork(program.path, [join(models, model, 'model.onnx'), String(plan.x.size)])
  try {
    await once(bare, 'message')
    const bareRuns = async () => {
      let sum = 0
      for (let tile = 0; tile < tiles; tile++) {
        bare.send('run')
        const [took] = await once(bare, 'message')
        sum += took as number
      }
      return sum
    }
    await bareRuns()
    const { a, b } = await interleaved(rounds, () => timed(() => inference.predict({ ...request, normalisation })), bareRuns)
    return {
      name: `pipeline-efficiency-${side}`,
      value: median(b) / median(a),
      unit: 'ratio',
      detail: `${side}² 16-bit, ${tiles} ${tiles > 1 ? 'tiles' : 'tile'} of ${plan.x.size}², image and error scale back, ${threads()} threads: whole way ${ms(a)}, bare session.run ${ms(b)}`,
      bar: { atLeast: 0.9 },
    }
  } finally {
    bare.kill('SIGKILL')
  }
}

async function planned(folder: string): Promise<RunnableModel> {
  const entry = (await readCatalog([folder])).find(({ summary }) => summary.id === model)
  if (!entry?.model || !('imageChannel' in entry.model)) throw new Error(`${model} is not a network for planes: ${entry?.summary.problem}`)
  return entry.model
}
