/** What a network was trained on, as far as its package says: what the guard compares a picture with. */
import type { Lookout } from './lookout.ts'
import type { FocusOptics } from './through-focus.ts'

/** Features of the training inputs with one pixel size; see features.ts. */
export interface InputStatistics {
  readonly pixelSizeUm: number
  readonly mean: readonly number[]
  readonly std: readonly number[]
  /** Upper triangle, row by row: |W z|² is the squared Mahalanobis distance of z = (features − mean) / std. */
  readonly whitening: readonly (readonly number[])[]
  /** 99th percentile of the distance of inputs that were not used for the fit. */
  readonly distanceLimit: number
}

export interface FluxSlope {
  /** Of the brightest bead. */
  readonly photons: number
  /** log restored flux over log true flux across a tenfold range; 1 = twice the light is shown as twice the light; null = no light came through. */
  readonly slope: number | null
}

/** null or empty = the package does not say. */
export interface Training {
  readonly task: string | null
  readonly modalities: readonly string[]
  /** Pixel sizes of the inputs, µm. */
  readonly pixelSizesUm: readonly number[]
  /** Of a network that was trained on all sizes from … to, µm; null: on `pixelSizesUm` only. */
  readonly pixelRangeUm: readonly [number, number] | null
  /** µm; null = any grid. */
  readonly gridUm: number | null
  /** Input apertures, lowest and highest. */
  readonly numericalAperture: readonly [number, number] | null
  readonly wavelengthsUm: readonly number[]
  readonly structures: readonly string[]
  readonly bits: readonly number[]
  readonly photons: readonly [number, number] | null
  readonly flux: readonly FluxSlope[]
  readonly statistics: readonly InputStatistics[]
  /** SHA-256 of the network's weights, lower case. */
  readonly weights: string | null
  /** null = the package has none. */
  readonly lookout: Lookout | null
  /** Of a network that refocuses; null = it does not, or does not say. */
  readonly refocusing: FocusOptics | null
}

/** What is known about a picture's origin; null = unknown, never invented. */
export interface PictureFacts {
  readonly pixelSizeUm: number | null
  readonly numericalAperture: number | null
  readonly emissionNm: number | null
  readonly modality: string | null
  readonly bitDepth: number | null
  readonly structure: string | null
}
