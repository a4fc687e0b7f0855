/** Image formation of an incoherent microscope with a circular pupil; conventions and formulas in docs/optics.md. µm. */

/** An objective as the optics know it. */
export interface Lens {
  readonly numericalAperture: number
  /** Camera pixel in the sample, µm. */
  readonly pixelSizeUm: number
}

/** Refractive index of the sample. */
export const sampleIndex = 1.33
/** Primary spherical aberration of the demo microscope, waves RMS (Noll-normalised Zernike Z(4,0)). */
export const sphericalAberration = 0.06

/** Share of the light emitted in all directions that enters the objective. */
export function collectedFraction(numericalAperture: number, index = sampleIndex): number {
  return (1 - Math.sqrt(1 - (numericalAperture / index) ** 2)) / 2
}

/** Incoherent cut-off, cycles/µm: no higher frequency reaches the camera. */
export function cutoff(numericalAperture: number, wavelengthUm: number): number {
  return (2 * numericalAperture) / wavelengthUm
}

/** Radius of the geometric blur of a point at unit distance from focus. */
export function blurSlope(numericalAperture: number, index = sampleIndex): number {
  return numericalAperture / Math.sqrt(index ** 2 - numericalAperture ** 2)
}

/** sin(πx)/(πx) */
export function sinc(x: number): number {
  return Math.abs(x) < 1e-9 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x)
}

export interface PupilOptions {
  readonly numericalAperture: number
  readonly wavelengthUm: number
  readonly index?: number
  readonly aberration?: number
}

/** Nodes and weights on (0, 1) by Newton's method on the Legendre polynomial (Golub & Welsch give the same). */
function gaussLegendre(count: number): { readonly x: Float64Array; readonly w: Float64Array } {
  const x = new Float64Array(count)
  const w = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let root = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5))
    let slope = 1
    for (let round = 0; round < 100; round++) {
      let previous = 1
      let value = root
      for (let k = 2; k <= count; k++) [previous, value] = [value, ((2 * k - 1) * root * value - (k - 1) * previous) / k]
      if (count === 1) previous = 1
      slope = (count * (root * value - previous)) / (root * root - 1)
      const change = value / slope
      root -= change
      if (Math.abs(change) < 1e-15) break
    }
    x[i] = (1 - root) / 2
    w[i] = 1 / ((1 - root * root) * slope * slope)
  }
  return { x, w }
}

/** Where the overlap of the two displaced pupils is sampled: what does not depend on the defocus. */
interface Overlap {
  readonly weights: Float64Array
  /** Phase difference between the two pupils for each µm of defocus, and from the aberration; radians. */
  readonly perDefocus: Float64Array
  readonly aberration: Float64Array
}

const rules = new Map<number, ReturnType<typeof gaussLegendre>>()

/** Nodes along each side of the quadrant that integrate the phase of this defocus. */
function nodesFor(defocus: number, { numericalAperture, wavelengthUm, index = sampleIndex, aberration = 0 }: PupilOptions): number {
  const k = index / wavelengthUm
  const cycles = Math.abs(defocus) * (k - Math.sqrt(k * k - (numericalAperture / wavelengthUm) ** 2)) + Math.abs(aberration) * 4
  return 12 + 4 * Math.ceil(cycles)
}

/** One quadrant of the overlap by Gauss–Legendre quadrature, in the angle that removes the square root at its edge. */
function overlapAt(frequency: number, count: number, pupil: PupilOptions): Overlap {
  const { numericalAperture, wavelengthUm, index = sampleIndex, aberration = 0 } = pupil
  const edge = numericalAperture / wavelengthUm
  const k2 = (index / wavelengthUm) ** 2
  const rule = rules.get(count) ?? gaussLegendre(count)
  rules.set(count, rule)
  const limit = Math.acos(Math.min(1, frequency / 2 / edge))
  const overlap = {
    weights: new Float64Array(count * count),
    perDefocus: new Float64Array(count * count),
    aberration: new Float64Array(count * count),
  }
  for (let i = 0, n = 0; i < count; i++) {
    const angle = limit * rule.x[i]!
    const far = edge * Math.cos(angle)
    const near = far - frequency
    const height = edge * Math.sin(angle)
    for (let j = 0; j < count; j++, n++) {
      const y2 = (height * rule.x[j]!) ** 2
      const rhoA = far * far + y2
      const rhoB = near * near + y2
      const a = rhoA / (edge * edge)
      const b = rhoB / (edge * edge)
      overlap.weights[n] = (rule.w[i]! * rule.w[j]! * height * height * 4 * limit) / (Math.PI * edge * edge)
      overlap.perDefocus[n] = 2 * Math.PI * (Math.sqrt(k2 - rhoA) - Math.sqrt(k2 - rhoB))
      overlap.aberration[n] = 2 * Math.PI * aberration * Math.sqrt(5) * 6 * (a * a - a - b * b + b)
    }
  }
  return overlap
}

function integrate({ weights, perDefocus, aberration }: Overlap, defocus: number): number {
  let sum = 0
  for (let n = 0; n < weights.length; n++) sum += weights[n]! * Math.cos(defocus * perDefocus[n]! + aberration[n]!)
  return sum
}

/**
 * Optical transfer function at `frequency` (cycles/µm) for an emitter `defocus` µm beyond the focal plane, 1 at frequency 0: the
 * autocorrelation of the pupil (Hopkins 1955). It is real because the pupil is even.
 */
export function transferAt(frequency: number, defocus: number, pupil: PupilOptions): number {
  if (frequency >= cutoff(pupil.numericalAperture, pupil.wavelengthUm)) return 0
  return integrate(overlapAt(frequency, nodesFor(defocus, pupil), pupil), defocus)
}

/** Bins of a radial table; bin i stands for the frequency cutoff·(i / bins)², denser where a defocused OTF falls steeply. */
export const radialBins = 4096
const nodes = 192

/** Transfer functions as radial tables, one for each defocus rounded to `defocusStep`, kept for reuse. */
export class TransferTables {
  static readonly defocusStep = 0.1
  readonly #tables = new Map<number, Float32Array>()
  /** Overlaps at every node of the coarse table by the number of quadrature nodes; the latest few, as the focus moves in small steps. */
  readonly #overlaps = new Map<number, readonly Overlap[]>()

  constructor(readonly pupil: PupilOptions) {}

  /** `radialBins + 1` values; the last is 0. */
  at(defocus: number): Float32Array {
    const step = Math.round(defocus / TransferTables.defocusStep)
    const known = this.#tables.get(step)
    if (known) return known
    if (this.#tables.size >= 1500) this.#tables.clear()
    const table = this.#compute(step * TransferTables.defocusStep)
    this.#tables.set(step, table)
    return table
  }

  #compute(defocus: number): Float32Array {
    const coarse = new Float64Array(nodes + 3)
    for (const [i, overlap] of this.#overlapsFor(nodesFor(defocus, this.pupil)).entries()) coarse[i + 1] = integrate(overlap, defocus)
    // Even in the square root of the frequency's square, hence symmetric about 0; beyond the cut-off there is nothing.
    coarse[0] = coarse[2]!
    const table = new Float32Array(radialBins + 1)
    for (let i = 0; i < radialBins; i++) {
      const place = (i / radialBins) * nodes
      const k = Math.floor(place)
      const t = place - k
      const [a, b, c, d] = [coarse[k]!, coarse[k + 1]!, coarse[k + 2]!, coarse[k + 3]!]
      table[i] = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    }
    return table
  }

  #overlapsFor(count: number): readonly Overlap[] {
    const top = cutoff(this.pupil.numericalAperture, this.pupil.wavelengthUm)
    const known = this.#overlaps.get(count)
    const overlaps = known ?? Array.from({ length: nodes }, (_, i) => overlapAt(top * (i / nodes) ** 2, count, this.pupil))
    this.#overlaps.delete(count)
    this.#overlaps.set(count, overlaps)
    if (this.#overlaps.size > 5) this.#overlaps.delete(this.#overlaps.keys().next().value as number)
    return overlaps
  }
}
