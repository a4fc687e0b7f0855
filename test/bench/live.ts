/** What everything around the network costs: frames replayed host → inference process → host, against bare `session.run`. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startInference } from '#main/inference/process.ts'
import { threads } from '#main/inference/session-options.ts'
import { rootFolder } from '#main/processes.ts'
import { bundle } from '#test/helpers/bundle.ts'
import { interleaved, type Measured, median, ms, timed } from './measure.ts'

const model = 'widefield-sr'
const side = 512
const rounds = 24

export async function benchLive(): Promise<Measured> {
  await using inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu' })
  const data = Uint16Array.from({ length: side * side }, (_, i) => 100 + ((i * 2654435761) % 1000))
  const request = { model, width: side, height: side, data, pixelSizeUm: 0.65, priority: 'live', scale: false } as const
  const first = await inference.predict(request)
  await using program = await bundle('test/bench/bare-session.ts')
  const path = join(rootFolder, 'models', model, 'model.onnx')
  const bare = fork(program.path, [path, String(first.width)])
  try {
    await once(bare, 'message')
    const bareRun = async () => {
      bare.send('run')
      const [took] = await once(bare, 'message')
      return took as number
    }
    await bareRun()
    const { a, b } = await interleaved(
      rounds,
      () => timed(() => inference.predict({ ...request, normalisation: first.normalisation })),
      bareRun,
    )
    return {
      name: 'live-efficiency',
      value: median(b) / median(a),
      unit: 'ratio',
      detail: `${side}² 16-bit frames on a grid of ${first.width}², ${threads()} threads: whole way ${ms(a)}, bare session.run ${ms(b)}`,
      bar: { atLeast: 0.9 },
    }
  } finally {
    bare.kill('SIGKILL')
  }
}
