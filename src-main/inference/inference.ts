/** What the rest of the application asks of the networks. The process that runs them is an implementation detail. */
import type { InferenceState, ModelSummary, Provenance, SelfTest } from '#shared/api.ts'
import type { ReadonlyCell } from '#shared/emitter.ts'
import type { Pixels } from '#shared/image/frame.ts'
import type { Training } from '../analysis/trust/training.ts'
import type { Classifier } from './classifier.ts'
import type { DistanceMap } from './distance-map.ts'

/** One scale and offset for a whole image, stack or time series: normalised = (value − offset) / scale. Never per tile. */
export interface Normalisation {
  readonly offset: number
  readonly scale: number
}

/** A part of a plane that is given and wanted in place of the whole, see `bandsOf`. */
export interface Band {
  /** Rows of the whole plane. */
  readonly imageHeight: number
  /** Which rows of it are given. */
  readonly firstRow: number
  readonly rows: number
  /** Which rows on the network's grid come back: from ≤ row < to. */
  readonly from: number
  readonly to: number
  /** Side of the largest tile for which this was planned. */
  readonly tile: number
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
  /** `data` holds a band of a plane only; `height` is that of the band. The normalisation must be given. */
  readonly band?: Band
  /** false: the error's scale is not wanted (live view draws only the image), which saves half of the transfer. Default true. */
  readonly scale?: boolean
  /** 0…1 */
  readonly onProgress?: (fraction: number) => void
}

/** Planes of one size that are handed over together: small ones go through the network at once. */
export interface PlanesRequest extends Omit<PredictRequest, 'data' | 'normalisation' | 'band'> {
  readonly planes: readonly Pixels[]
  /** One for each plane. */
  readonly normalisations: readonly Normalisation[]
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
  /** Rejects with ModelInvalid, ModelFailed, OutOfMemory, OutOfRange, or AbortError. A process that dies is restarted and the request fails once. */
  predict(request: PredictRequest, signal?: AbortSignal): Promise<Prediction>
  /** The network for an image with pixels of this size (µm), where nobody has chosen one. Rejects with ModelInvalid where there is none. */
  chosenFor(pixelSizeUm: number | null): Promise<string>
  /** What the package says of its training. Rejects with ModelInvalid. */
  training(model: string): Promise<Training>
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
  /** Where the planes are bands of one: which. */
  readonly band?: (plane: number) => Band
  /** 0…1 */
  readonly onProgress?: (fraction: number) => void
}

/** A plane that is to go through a network; `pixelSizeUm`: µm, null = unknown. */
export interface PlaneSize {
  readonly width: number
  readonly height: number
  readonly pixelSizeUm: number | null
}

/** What a network takes at once. */
export interface ImageUse {
  /** true: one channel of one plane, by `predict`, with `normalisationOf` for a stack; false: all of it at once, by `predictImage`. */
  readonly planes: boolean
  readonly channels: number
  /** The result is in units of the input; false: it is something else, a probability or a label. */
  readonly inputUnits: boolean
  /** What must be given beside the picture, as a sentence; null where nothing must. */
  readonly beside: string | null
  /** Of a network that refocuses: the map of distances that it takes. */
  readonly distance: DistanceMap | null
}

/** An image with the axes t, c, z, y, x: `dims` in this order. */
export interface ImageRequest {
  readonly model: string
  readonly dims: readonly [t: number, c: number, z: number, y: number, x: number]
  readonly data: Pixels
  /** µm; null = unknown. */
  readonly pixelSizeUm: number | null
  readonly priority: 'live' | 'batch'
  /** 0…1 */
  readonly onProgress?: (fraction: number) => void
}

/** One output of a network, as an image. */
export interface ResultImage {
  readonly id: string
  /** [t, c, z, y, x] */
  readonly dims: readonly number[]
  readonly data: Float32Array
  readonly channels: readonly string[]
  readonly pixelSizeUm: number | null
}

export interface ImagePrediction {
  readonly images: readonly ResultImage[]
  readonly provenance: Provenance
  readonly elapsedMs: number
}

/** A plane whose content is to be told. Without a pixel size it is taken as being on the network's grid. */
export type ClassifyRequest = Pick<PredictRequest, 'model' | 'width' | 'height' | 'data' | 'pixelSizeUm' | 'priority' | 'onProgress'>

/** A part of a plane on the network's grid, and what the network says of it. */
export interface ClassifiedWindow {
  /** Pixels of the grid, from the top left. */
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** One for each class, if it is one of them. */
  readonly probabilities: readonly number[]
  /** How unlike all classes; null where the network does not say. */
  readonly novelty: number | null
}

/** The middle of a plane on the network's grid, where the whole of it has so many `columns` and `rows`. */
export interface ClassifiedGrid {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
  readonly left: number
  readonly top: number
  readonly columns: number
  readonly rows: number
}

export interface Classification {
  readonly classes: readonly string[]
  /** Above this novelty a window shows none of them; null where the network names no limit. */
  readonly noveltyLimit: number | null
  readonly windows: readonly ClassifiedWindow[]
  /** What the windows are parts of. */
  readonly grid: ClassifiedGrid
  /** For each class a map of the evidence, which covers the same place; null where the network gives none. */
  readonly activation: { readonly width: number; readonly height: number; readonly data: Float32Array } | null
  /** µm of the grid's pixels; null where the plane's were unknown. */
  readonly pixelSizeUm: number | null
  readonly provenance: Provenance
  readonly elapsedMs: number
}

/** What working through files needs beyond single images. */
export interface SeriesInference extends Inference {
  /** Rejects with ModelInvalid for a network that takes no images. */
  useOf(model: string): Promise<ImageUse>
  /**
   * Any image through any network that takes images. One normalisation for the whole: planes in t and z that the network takes one by
   * one share it. Rejects as `predict` does.
   */
  predictImage(request: ImageRequest, signal?: AbortSignal): Promise<ImagePrediction>
  /** What a network tells apart that tells what an image shows; null for any other. Rejects with ModelInvalid where there is no such network. */
  classifierOf(model: string): Promise<Classifier | null>
  /** The network that tells what images show, where nobody has chosen one. Rejects with ModelInvalid where there is none. */
  chosenClassifier(): Promise<string>
  /** What a plane shows, window by window. Rejects as `predict` does. */
  classify(request: ClassifyRequest, signal?: AbortSignal): Promise<Classification>
  /** How a plane goes through a network in bands, by the memory that is free now. Rejects with ModelInvalid or OutOfRange. */
  bandsOf(model: string, plane: PlaneSize): Promise<readonly Band[]>
  /**
   * As `predict` for each plane, in one answer. `elapsedMs` is each plane's share. Rejects with ModelInvalid for a network that takes more
   * than planes.
   */
  predictPlanes(request: PlanesRequest, signal?: AbortSignal): Promise<readonly Prediction[]>
  /** How many planes of this size are worth handing over together, by the memory that is free now. Rejects with ModelInvalid. */
  planesAtOnce(model: string, plane: PlaneSize): Promise<number>
  /** One offset and scale from all planes together. Rejects as `predict` does, and with what `read` rejects with. */
  normalisationOf(series: Series, signal?: AbortSignal): Promise<Normalisation>
}

/** Packages can be tested. */
export interface TestingInference extends SeriesInference {
  /** Runs a package's own test. A failure is a result; rejects only with AbortError and where there is no such model. */
  testModel(model: string, signal?: AbortSignal): Promise<SelfTest>
}
