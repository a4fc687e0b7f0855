/** What the rest of the application asks of the networks. The process that runs them is an implementation detail. */
import type { InferenceState, ModelSummary, Provenance } from '#shared/api.ts'
import type { ReadonlyCell } from '#shared/emitter.ts'
import type { Pixels } from '#shared/image/frame.ts'

/** One scale and offset for a whole image, stack or time series: normalised = (value − offset) / scale. Never per tile. */
export interface Normalisation {
  readonly offset: number
  readonly scale: number
}

export interface PredictRequest {
  readonly model: string
  readonly width: number
  readonly height: number
  readonly data: Pixels
  /** µm; null = unknown: the image is taken as being on the network's grid, and a warning says so. */
  readonly pixelSizeUm: number | null
  /** Live goes before batch. */
  readonly priority: 'live' | 'batch'
  /** Given for the further planes of a series; computed from the image where absent. */
  readonly normalisation?: Normalisation
  /** false: the error's scale is not wanted (live view draws only the image), which saves half of the transfer. Default true. */
  readonly scale?: boolean
  /** 0…1 */
  readonly onProgress?: (fraction: number) => void
}

export interface Prediction {
  readonly width: number
  readonly height: number
  /** In the input's units. */
  readonly image: Float32Array
  /** Laplace scale of the error for each pixel, in the input's units; null where the network gives none. */
  readonly scale: Float32Array | null
  /** µm; null where the input's was unknown. */
  readonly pixelSizeUm: number | null
  readonly normalisation: Normalisation
  readonly provenance: Provenance
  readonly elapsedMs: number
}

export interface Inference extends AsyncDisposable {
  readonly state: ReadonlyCell<InferenceState>
  readonly models: ReadonlyCell<readonly ModelSummary[]>
  /** Rejects with ModelInvalid, ModelFailed, OutOfRange, or AbortError. A process that dies is restarted and the request fails once. */
  predict(request: PredictRequest, signal?: AbortSignal): Promise<Prediction>
}

/** Planes that share one normalisation: a stack or a time series. All have the same size. */
export interface Series {
  readonly model: string
  readonly width: number
  readonly height: number
  readonly planes: number
  readonly pixelSizeUm: number | null
  /** Asked for once or twice per plane, in order. */
  readonly read: (plane: number) => Promise<Pixels>
  /** 0…1 */
  readonly onProgress?: (fraction: number) => void
}

/** What working through files needs beyond single images. */
export interface SeriesInference extends Inference {
  /** One offset and scale from all planes together. Rejects as `predict` does, and with what `read` rejects with. */
  normalisationOf(series: Series, signal?: AbortSignal): Promise<Normalisation>
}
