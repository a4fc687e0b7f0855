/** What the light trust instruments take of live view, as they run there: a frame judged now and then, in a thread of its own. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LiveView } from '#main/acquisition/live.ts'
import { LiveTrustMonitor } from '#main/acquisition/live-trust.ts'
import { TrustThread } from '#main/analysis/trust/thread.ts'
import { startInference } from '#main/inference/process.ts'
import { rootFolder } from '#main/processes.ts'
import { ReplayCamera } from '#test/helpers/replay-camera.ts'
import type { Measured } from './measure.ts'

const model = 'widefield-sr'
const side = 512
/** Enhanced frames that are counted, after some to get going. */
const [before, counted] = [24, 60]

export async function benchGuard(): Promise<Measured> {
  await using inference = startInference({ modelsFolders: [join(rootFolder, 'models')], provider: 'cpu' })
  await using judge = new TrustThread()
  await using live = new LiveView(inference)
  const facts = { pixelSizeUm: 0.65, numericalAperture: 0.4, emissionNm: 525, modality: 'widefield', bitDepth: 16, structure: null }
  let judging = 0
  let judgements = 0
  const timedJudge = {
    judge: async (request: Parameters<TrustThread['judge']>[0]) => {
      const judgement = await judge.judge(request)
      judging += judgement.report.elapsedMs
      judgements++
      return judgement
    },
  }
  using trust = new LiveTrustMonitor({ live, inference, judge: timedJudge, factsOf: () => facts })
  const camera = new ReplayCamera(side, side)
  await live.start(camera)
  live.setEnhance(true, model)
  let enhanced = 0
  const off = live.onEnhanced(() => enhanced++)
  const data = Uint16Array.from({ length: side * side }, (_, i) => 100 + ((i * 2654435761) % 1000))
  const frames = setInterval(() => camera.give(data), 30)
  const reach = async (count: number) => {
    while (enhanced < count) await sleep(20)
  }
  try {
    await reach(before)
    judging = 0
    judgements = 0
    const begun = performance.now()
    await reach(before + counted)
    const wall = performance.now() - begun
    return {
      name: 'guard-cost',
      value: judging / wall,
      unit: 'ratio',
      detail: `${side}² frames: ${judgements} of ${counted} enhanced frames judged (now one in ${trust.state.value.every}), ${(judging / Math.max(1, judgements)).toFixed(0)} ms each in a thread of its own, against ${(wall / counted).toFixed(0)} ms for each enhanced frame`,
      bar: { atMost: 0.1 },
    }
  } finally {
    clearInterval(frames)
    off()
  }
}
