/** What the instruments of trust say of refocused pictures of one channel. */
import type { TrustReport } from '#shared/trust.ts'
import type { Finding } from '../analysis/trust/metadata-guard.ts'
import type { Judge } from '../analysis/trust/thread.ts'
import type { Training } from '../analysis/trust/training.ts'
import type { DistanceMap } from '../inference/distance-map.ts'
import type { SeriesInference } from '../inference/inference.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import { fileFacts } from './file-facts.ts'
import type { Picture } from './picture.ts'
import { judgedStack, type Refocused, type RefocusRequest } from './refocus-planes.ts'

export interface SurfaceTask {
  readonly request: { readonly model: string; readonly signal?: AbortSignal }
  readonly source: TiffSource
  readonly map: DistanceMap
  readonly pixelSizeUm: number | null
  readonly training: Training
  readonly inference: SeriesInference
  readonly judge: Judge
}

/** What every question to the network says of the file. */
export function asking({ request, source, map, pixelSizeUm }: Pick<SurfaceTask, 'request' | 'source' | 'map' | 'pixelSizeUm'>) {
  const { width, height } = source
  return { model: request.model, map, width, height, pixelSizeUm, priority: 'batch' } satisfies Partial<RefocusRequest>
}

export interface RefocusedPicture extends Pick<Refocused, 'width' | 'height' | 'pixelSizeUm'> {
  readonly image: Float32Array
  /** Of its errors. */
  readonly scale: Float32Array | null
  /** µm from the plane in focus; of a surface that is not flat, that of its place farthest from there. */
  readonly distanceUm: number
}

/** The stack that is brought back through the optics serves all surfaces of `input`. */
export class SurfaceJudge {
  #explained: Finding | null = null

  constructor(
    private readonly task: SurfaceTask,
    private readonly input: Picture,
    /** Of the source that `input` is a plane of. */
    private readonly channel = 0,
  ) {}

  async judge({ width, height, pixelSizeUm, image, scale, distanceUm }: RefocusedPicture): Promise<TrustReport> {
    const { source, request, training, inference, judge, map } = this.task
    const { input } = this
    const stack = this.#explained ? null : await judgedStack(inference, { ...asking(this.task), input }, training, request.signal)
    const { report } = await judge.judge(
      {
        facts: fileFacts(source, this.task.pixelSizeUm, this.channel),
        training,
        input,
        output: { width, height, data: image },
        outputPixelUm: pixelSizeUm,
        surface: { distanceUm, rangeUm: map.rangeUm },
        ...(scale ? { scale } : {}),
        ...(this.#explained ? { explained: this.#explained } : stack ? { stack } : {}),
        depth: 'plane',
      },
      request.signal,
    )
    this.#explained ??= explanationOf(report)
    return report
  }
}

/** What the instrument of explanation found, from a report. */
function explanationOf({ instruments, verdict }: TrustReport): Finding | null {
  const instrument = instruments.find(({ id }) => id === 'explanation')
  return instrument ? { instrument, reasons: verdict.reasons.filter((reason) => reason.instrument === 'explanation') } : null
}
