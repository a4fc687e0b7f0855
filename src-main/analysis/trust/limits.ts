/**
 * Where the instruments draw their lines. The values of those marked *calibrated* come from in-range frames of the demo optics, of other seeds
 * than `npm run evaluate:trust` judges: each is set so that few of those frames are flagged. Which figures are judged at all was chosen with
 * frames of trouble in view; docs/trust.md says which.
 */
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
  distance: 1.35,
  distanceFar: 6,
  /** Spread of the ring powers of a tile, decades, below which its spectrum is flat: nothing but noise. A periodogram of noise gives 0.06. */
  flat: 0.25,
  /** Pixels at the top of the range, as a share. */
  saturated: 1e-5,
  saturatedFar: 0.01,
  /** Times fewer photons than the dimmest training inputs. */
  dim: 4,

  /** RSP over its ceiling. *Calibrated.* */
  rsp: 0.985,
  rspFar: 0.85,
  /** Below this ceiling the input is so noisy that the comparison tells nothing. */
  ceiling: 0.3,
  /** Standard deviations of an unexplained spot. *Calibrated.* */
  unexplained: 26,

  /** Highest frequency with structure, share of the sampling limit, in a dim and in a bright input; see `frequencyLimit`. *Calibrated.* */
  frequency: { dim: 0.305, bright: 0.455, dimPhotons: 100, brightPhotons: 500 },
  frequencyFar: 0.12,

  /** Predicted error (median of the brightest tenth) as a share of the picture's range. *Calibrated.* */
  scale: 0.11,
  /** Standard deviation over shifts, flips and noise as a share of that of the picture. *Calibrated.* */
  disagreement: 0.25,

  fluxSlope: 0.05,
  fluxRange: 10,
} as const

/** Below this share of the sampling limit an input is out of focus: the more light there is, the finer the structure it must show. */
export function frequencyLimit(photons: number | null): number {
  const { dim, bright, dimPhotons, brightPhotons } = limits.frequency
  if (photons === null) return dim
  const share = Math.log(Math.max(photons, 1) / dimPhotons) / Math.log(brightPhotons / dimPhotons)
  return dim + (bright - dim) * Math.min(1, Math.max(0, share))
}
