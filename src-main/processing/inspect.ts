/** Every instrument on one picture: the network is asked again about shifted, mirrored and noisier copies, and about the next frame. */
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError } from '#shared/errors.ts'
import type { Plane } from '#shared/image/plane.ts'
import type { InspectionState } from '#shared/trust.ts'
import type { Judgement, JudgeRequest, Picture } from '../analysis/trust/judge.ts'
import type { AskedSurface } from '../analysis/trust/metadata-guard.ts'
import { noiseOf } from '../analysis/trust/noise.ts'
import { perturbations } from '../analysis/trust/perturb.ts'
import { middleOf, planeOf } from '../analysis/trust/plane.ts'
import type { Judge } from '../analysis/trust/thread.ts'
import type { RefocusedStack } from '../analysis/trust/through-focus.ts'
import type { PictureFacts, Training } from '../analysis/trust/training.ts'
import type { Prediction, SeriesInference } from '../inference/inference.ts'
import { judgedStack, refocusPlanes } from './refocus-planes.ts'

export interface InspectRequest {
  readonly model: string
  readonly picture: Picture
  readonly facts: PictureFacts
  /** Another frame of the same thing, for Fourier ring correlation and the noise. */
  readonly second: Picture | null
  /** The surface that a network that refocuses is asked for; null = as the picture is. */
  readonly distanceUm?: number | null
}

export interface Inspected extends Judgement {
  readonly prediction: Prediction
  /** What was inspected: the picture, or the middle of a large one. */
  readonly picture: Plane
}

/** Larger pictures are inspected in their middle: a person waits while the network answers a dozen times. */
export const inspectedSide = 512

/** One at a time: an inspection keeps the network busy for some seconds. */
export class Inspector {
  readonly #state = new Cell<InspectionState>({ progress: null })

  constructor(private readonly parts: { readonly inference: SeriesInference; readonly judge: Judge }) {}

  get state(): ReadonlyCell<InspectionState> {
    return this.#state
  }

  /** Rejects as `Inference.predict` does, and with Busy while another is under way. */
  async inspect(request: InspectRequest, signal?: AbortSignal): Promise<Inspected> {
    if (this.#state.value.progress !== null) throw new AppError('Busy', 'A picture is being inspected already.')
    this.#state.set({ progress: 0 })
    try {
      return await inspect(request, this.parts, (progress) => this.#state.set({ progress }), signal)
    } finally {
      this.#state.set({ progress: null })
    }
  }
}

/** Rejects as `Inference.predict` does. `report` is told the share done, 0…1: each answer of the network counts as one, judging as another. */
async function inspect(
  request: InspectRequest,
  { inference, judge }: { readonly inference: SeriesInference; readonly judge: Judge },
  report: (progress: number) => void,
  signal?: AbortSignal,
): Promise<Inspected> {
  const { facts, model } = request
  const inspected = ({ width, height, data }: Picture) => middleOf(planeOf(width, height, data), inspectedSide)
  const picture = inspected(request.picture)
  const training = await inference.training(model)
  const { ask, stackOf, surface } = await askerFor(request, inference, signal)
  const prediction = await ask(picture)
  const { normalisation, width, height } = prediction
  const second = request.second ? inspected(request.second) : null
  const answers = [prediction.image]
  const changes = perturbations(noiseOf(picture), width / picture.width)
  const steps = 1 + changes.length + (second ? 1 : 0) + 1
  report(1 / steps)
  for (const perturbation of changes) {
    const answer = await ask(perturbation.apply(picture), normalisation)
    answers.push(perturbation.restore({ width, height, data: answer.image }).data)
    report(answers.length / steps)
  }
  const nextAnswer = second ? await ask(second, normalisation) : null
  report((steps - 1) / steps)
  const stack = await stackOf(picture, training)
  const question: JudgeRequest = {
    facts,
    training,
    input: cutAsIs(request.picture, picture),
    output: { width, height, data: prediction.image },
    outputPixelUm: prediction.pixelSizeUm,
    ...(prediction.scale ? { scale: prediction.scale } : {}),
    ...(second && nextAnswer ? { second: { input: second, output: { width, height, data: nextAnswer.image } } } : {}),
    ...(surface ? { surface } : {}),
    ...(stack ? { stack } : {}),
    answers,
    depth: 'full',
  }
  const judgement = await judge.judge(question, signal)
  return { ...judgement, prediction, picture }
}

/** How a network is asked about a plane. */
interface Asker {
  ask(plane: Plane, normalisation?: Prediction['normalisation']): Promise<Prediction>
  /** By which a network that refocuses is judged; null for any other. */
  stackOf(plane: Plane, training: Training): Promise<RefocusedStack | null>
  readonly surface: AskedSurface | null
}

// A person waits for it, as for a snap: as a batch it would starve behind live view, which always has a next frame.
const priority = 'live' as const

async function askerFor(request: InspectRequest, inference: SeriesInference, signal: AbortSignal | undefined): Promise<Asker> {
  const { model, distanceUm = null } = request
  const { pixelSizeUm } = request.facts
  if (distanceUm === null) {
    return {
      ask: ({ width, height, data }, normalisation) =>
        inference.predict({ model, width, height, data, pixelSizeUm, priority, ...(normalisation ? { normalisation } : {}) }, signal),
      stackOf: () => Promise.resolve(null),
      surface: null,
    }
  }
  const { distance: map } = await inference.useOf(model)
  if (!map) throw new AppError('BadRequest', 'This network does not refocus.', { model })
  const asked = ({ width, height, data }: Plane) => ({ model, map, width, height, series: [data], pixelSizeUm, priority })
  return {
    ask: async (plane) => {
      const { images, scales, ...rest } = await refocusPlanes(inference, { ...asked(plane), distances: [distanceUm] }, signal)
      // Its normalisation is the package's own.
      const normalisation = { offset: 0, scale: 1 }
      return { ...rest, image: images[0] as Float32Array, scale: scales?.[0] ?? null, normalisation }
    },
    surface: { distanceUm, rangeUm: map.rangeUm },
    stackOf: (input, training) => judgedStack(inference, { model, map, pixelSizeUm, priority, input }, training, signal),
  }
}

/** Where the whole is inspected, its own kind of number, which tells where it saturates. */
function cutAsIs(whole: Picture, part: Plane): Picture {
  return whole.width === part.width && whole.height === part.height ? whole : part
}
