/**
 * Where the instruments draw their lines. Those marked *calibrated* come from calibrated.json, which `npm run evaluate:trust -- --calibrate` writes from
 * frames of the demo optics: other seeds, and where trouble is concerned other kinds of it, than those by which docs/trust.md judges them.
 */
import calibrated from './calibrated.json' with { type: 'json' }
import type { Foresight } from './foresight.ts'

/** Side of the part of a plane that is judged in files, camera pixels. */
export const planeSide = 512

export const limits = {
  /** Pixel sizes this near a trained one count as it. */
  pixelSize: 0.02,
  /** A stretch that resampling bridges with care; beyond, the optics are others. */
  pixelSizeFar: 2,
  numericalAperture: 0.05,
  numericalApertureFar: 0.25,
  /** µm beyond the trained wavelengths. */
  wavelength: 0.03,
  wavelengthFar: 0.12,

  /** Distance of the features over the package's 99th percentile: caution, do not use. *Calibrated.* */
  distance: calibrated.distance,
  distanceFar: 6,
  /** Spread of the ring powers of a tile, decades, below which its spectrum is flat: nothing but noise. A periodogram of noise gives 0.06. */
  flat: 0.25,
  /** Pixels at the top of the range, as a share. */
  saturated: 1e-5,
  saturatedFar: 0.01,
  /** Times fewer photons than the dimmest training inputs. */
  dim: 4,

  /** RSP over its ceiling. *Calibrated.* */
  rsp: calibrated.rsp,
  rspFar: 0.85,
  /** Below this ceiling the input is so noisy that the comparison tells nothing. */
  ceiling: 0.3,
  /** Standard deviations of an unexplained spot. *Calibrated.* */
  unexplained: calibrated.unexplained,

  /** The same for a stack brought back to the plane of its input, beyond what true stacks of other seeds reach: `npm run evaluate:refocus -- --calibrate`. */
  stackRsp: 0.95,
  stackRspFar: 0.8,
  stackUnexplained: 6.5,
  stackTolerance: 0.15,

  /** Highest frequency with structure, share of the sampling limit, in a dim and in a bright input; see `frequencyLimit`. *Calibrated.* */
  frequency: calibrated.frequency,
  /** Nothing finer than this is out of focus at any light. */
  frequencyFar: 0.12,

  /** Predicted error (median of the brightest tenth) as a share of the picture's range. *Calibrated.* */
  scale: calibrated.scale,
  /** Standard deviation over shifts, flips and noise as a share of that of the picture. *Calibrated.* */
  disagreement: calibrated.disagreement,

  /** Log odds of the lookout that the picture is odd as a whole. *Calibrated.* */
  oddAllOver: calibrated.oddAllOver,

  /** Log odds of the lookout that the whole picture is blurred. *Calibrated.* */
  blurred: calibrated.blurred,

  fluxSlope: 0.05,
  fluxRange: 10,
} as const

/** Below this share of the sampling limit an input is out of focus, or far too dim; what the rehearsal allows, but never below `frequencyFar`. */
export function frequencyLimit(photons: number | null): number {
  const { dim, bright, dimPhotons, brightPhotons } = limits.frequency
  if (photons === null) return dim
  const share = Math.log(Math.max(photons, 1) / dimPhotons) / Math.log(brightPhotons / dimPhotons)
  return dim + (bright - dim) * Math.min(1, Math.max(0, share))
}

/** Log odds above which the oddest place of a picture is unusual. The more places there are, the odder is the oddest of ordinary ones. */
export function oddLimit(places: number): number {
  const { limit, growth, places: calibratedPlaces } = calibrated.odd
  return limit + growth * Math.log(places / calibratedPlaces)
}

/** Prominence above which the most regular place of a picture is unusual. Of more places the most regular is more so; of fewer, noise alone reaches as far. */
export function repetitionLimit(places: number): number {
  const { limit, growth, places: calibratedPlaces } = calibrated.repetition
  return limit * Math.max(1, places / calibratedPlaces) ** growth
}

/** By which it is foretold whether deconvolution would have been nearer to the truth; holds for one network. *Calibrated.* */
export const foresight: Foresight = calibrated.foresight
