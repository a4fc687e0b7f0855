/** Instrument 2: whether the input looks like what the network was trained on; tells noise, saturation and foreign structure. */
import type { Pixels } from '#shared/image/frame.ts'
import { cut, type Plane } from '#shared/image/plane.ts'
import type { Reading, Reason } from '#shared/trust.ts'
import { featureCount, features, tileSide } from './features.ts'
import { limits, oddLimit, repetitionLimit } from './limits.ts'
import { blurredness, oddAllOver, oddest, placesThatCount, type Sighting } from './lookout.ts'
import type { Finding } from './metadata-guard.ts'
import { percentileOf } from './plane.ts'
import { mostRegular, type Repetition } from './repetition.ts'
import type { InputStatistics, Training } from './training.ts'

/** Directions are in the features but not in the score: how far a specimen is aligned is no reason to distrust a picture of it. */
const unscored = { first: 23, last: 26 }

/** Distances of tiles over the package's limit; NaN where there is nothing but noise. */
export interface Unfamiliarity {
  readonly columns: number
  readonly rows: number
  readonly ratios: Float32Array
  /** Median of the tiles that hold something; null where none does, or where the package has no statistics. */
  readonly typical: number | null
  /** Share of the tiles that hold nothing but noise. */
  readonly flat: number
  /** Means of the tiles' features; see features.ts. */
  readonly mean: Float64Array
}

export function unfamiliarity(input: Plane, statistics: InputStatistics | null, largest = Number.POSITIVE_INFINITY): Unfamiliarity | null {
  if (input.width < tileSide || input.height < tileSide) return null
  const places = (length: number) => {
    const count = Math.min(largest, Math.ceil(length / tileSide))
    return Array.from({ length: count }, (_, i) =>
      count === 1 ? (length - tileSide) >> 1 : Math.round((i * (length - tileSide)) / (count - 1)),
    )
  }
  const [lefts, tops] = [places(input.width), places(input.height)]
  const distance = statistics ? distanceOf(statistics) : null
  let flat = 0
  const sum = new Float64Array(featureCount)
  const ratios = tops.flatMap((top) =>
    lefts.map((left) => {
      const found = features(cut(input, left, top, tileSide, tileSide))
      for (let i = 0; i < featureCount; i++) sum[i]! += found[i] as number
      if (isFlat(found)) {
        flat++
        return Number.NaN
      }
      return distance ? distance(found) : Number.NaN
    }),
  )
  const known = Float64Array.from(ratios.filter((ratio) => !Number.isNaN(ratio))).sort()
  return {
    columns: lefts.length,
    rows: tops.length,
    ratios: Float32Array.from(ratios),
    typical: known.length > 0 ? percentileOf(known, 50) : null,
    flat: flat / ratios.length,
    mean: sum.map((value) => value / ratios.length),
  }
}

/** White noise has the same power in every ring. */
function isFlat(found: Float64Array): boolean {
  const powers = found.slice(1, 16)
  const middle = powers.reduce((a, b) => a + b, 0) / powers.length
  return powers.every((power) => Math.abs(power - middle) < limits.flat)
}

/** Squared Mahalanobis distance without the directions, over the limit of the package (for all features, scaled to fewer). */
function distanceOf({ mean, std, whitening, distanceLimit }: InputStatistics): (found: Float64Array) => number {
  const count = mean.length
  const scored = Array.from({ length: count }, (_, i) => i).filter((i) => i < unscored.first || i > unscored.last)
  const inverse = marginalInverse(whitening, scored)
  const limit = (distanceLimit * scored.length) / count
  return (found) => {
    const z = scored.map((i) => ((found[i] as number) - (mean[i] as number)) / (std[i] as number))
    let sum = 0
    for (const [a, row] of inverse.entries()) for (const [b, value] of row.entries()) sum += (z[a] as number) * value * (z[b] as number)
    return sum / limit
  }
}

/** Inverse of the covariance of some features, from the whitening W of all of them: precision = WᵀW, covariance = its inverse. */
function marginalInverse(whitening: InputStatistics['whitening'], scored: readonly number[]): number[][] {
  const n = whitening.length
  const w = (row: number, column: number) => (column >= row ? (whitening[row]?.[column - row] ?? 0) : 0)
  const precision = Array.from({ length: n }, (_, i) =>
    Array.from({ length: n }, (_, j) => {
      let sum = 0
      for (let k = 0; k <= Math.min(i, j); k++) sum += w(k, i) * w(k, j)
      return sum
    }),
  )
  const covariance = inverted(precision)
  return inverted(scored.map((i) => scored.map((j) => covariance[i]?.[j] as number)))
}

/** Gauss–Jordan with pivots from the diagonal: the matrices are positive definite. */
function inverted(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length
  const work = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, j) => (i === j ? 1 : 0))])
  for (let column = 0; column < n; column++) {
    const pivotRow = work[column] as number[]
    const pivot = pivotRow[column] as number
    for (let k = 0; k < 2 * n; k++) pivotRow[k]! /= pivot
    for (const [i, row] of work.entries()) {
      if (i === column) continue
      const factor = row[column] as number
      for (let k = 0; k < 2 * n; k++) row[k]! -= factor * (pivotRow[k] as number)
    }
  }
  return work.map((row) => row.slice(n))
}

/** Pixels at the top of the range, as a share. Where no top is known: a plateau at the largest value, which noise alone never makes. */
export function saturatedShare(data: Pixels, top: number | null): number {
  let largest = Number.NEGATIVE_INFINITY
  let smallest = Number.POSITIVE_INFINITY
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number
    if (value > largest) largest = value
    if (value < smallest) smallest = value
  }
  const reach = Math.max(1, 0.02 * (largest - smallest))
  let at = 0
  let near = 0
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number
    if (value === largest) at++
    else if (value >= largest - reach) near++
  }
  if (largest <= smallest) return 0
  if (top !== null && largest >= top) return at / data.length
  const ordinary = data instanceof Float32Array ? 1 : near / reach
  return at >= 5 && at > 5 * Math.max(1, ordinary) ? at / data.length : 0
}

export interface DistributionInput {
  readonly unfamiliarity: Unfamiliarity | null
  readonly saturated: number
  /** At the brightest, from the noise; null = not known. */
  readonly photons: number | null
  readonly training: Training
  /** The package has statistics for this pixel size. */
  readonly known: boolean
  /** What the package's lookout sees; null where it has none, or where the picture is too small. */
  readonly sighting: Sighting | null
  /** The lookout was taught with this pixel size, or the picture's is unknown: what it sees is judged. */
  readonly watched: boolean
  /** null where the picture is too small. */
  readonly repetition: Repetition | null
}

export function distribution(measured: DistributionInput): Finding {
  const rows = [
    strangeness(measured),
    oddField(measured),
    oddStructure(measured),
    regularity(measured),
    blur(measured),
    noiseOnly(measured),
    saturation(measured),
    light(measured),
  ]
  const reasons = rows
    .flatMap(({ message, status }): Reason[] =>
      message && (status === 'caution' || status === 'do-not-use') ? [{ instrument: 'distribution', level: status, message }] : [],
    )
    .sort((a, b) => b.level.localeCompare(a.level))
  const { unfamiliarity: found } = measured
  const unmeasured = (found?.typical ?? null) === null
  const silent =
    found === null ? 'The picture is smaller than 128 pixels.' : 'The package has no statistics of inputs with this pixel size.'
  return {
    reasons,
    instrument: {
      id: 'distribution',
      label: 'Distribution',
      status: reasons[0]?.level ?? (unmeasured ? 'not-measured' : 'fine'),
      summary: reasons[0]?.message ?? (unmeasured ? silent : 'The input looks like what the network was trained on.'),
      blindTo:
        'Odd structure is told from what was shown as odd in training: one that looks like a specimen passes, and so does a faint one, or one within some eight pixels of the picture’s edge. What repeats is seen where it does so in two directions, every two to five pixels.',
      readings: rows.map(({ message: _, ...reading }) => ({ ...reading, side: 'input' })),
    },
  }
}

const noLookout = 'the package has no lookout for this pixel size'

type Row = Omit<Reading, 'side'> & { readonly message?: string }

function strangeness({ unfamiliarity: found, known }: DistributionInput): Row {
  const value = found?.typical ?? null
  const expected = known ? `at most ${limits.distance}` : 'the package has no statistics for this pixel size'
  const row = { id: 'distance', label: 'Distance from the training inputs', value, unit: '× limit', expected }
  if (value === null) return { ...row, status: 'not-measured' }
  if (value <= limits.distance) return { ...row, status: 'fine' }
  const far = value > limits.distanceFar
  const message = `The picture looks unlike ${far ? 'anything' : 'most of what'} the network was trained on (${value.toFixed(1)} × the training’s limit).`
  return { ...row, status: far ? 'do-not-use' : 'caution', message }
}

function oddField({ sighting, watched }: DistributionInput): Row {
  const value = sighting && oddAllOver(sighting)
  const expected = watched ? `at most ${limits.oddAllOver}` : noLookout
  const row = { id: 'odd-all-over', label: 'Oddness of the whole', value, unit: 'log odds', expected }
  if (value === null || !watched) return { ...row, status: 'not-measured' }
  if (value <= limits.oddAllOver) return { ...row, status: 'fine' }
  return { ...row, status: 'caution', message: 'All over the picture there is structure unlike that which the network was trained on.' }
}

function oddStructure({ sighting, watched }: DistributionInput): Row {
  const value = sighting && oddest(sighting)
  const limit = sighting && watched ? oddLimit(placesThatCount(sighting)) : null
  const expected = limit === null ? noLookout : `at most ${limit.toFixed(1)}, for so large a picture`
  const row = { id: 'odd', label: 'Oddest structure', value, unit: 'log odds', expected }
  if (value === null || limit === null) return { ...row, status: 'not-measured' }
  if (value <= limit) return { ...row, status: 'fine' }
  const message = 'Somewhere there is structure unlike any that the network was trained on: lay the map “Odd structure” over the picture.'
  return { ...row, status: 'caution', message }
}

function regularity({ repetition }: DistributionInput): Row {
  const found = repetition && mostRegular(repetition)
  const limit = found && repetitionLimit(found.places)
  const expected = limit === null ? 'the picture is too small' : `at most ${limit.toFixed(1)}, for so large a picture`
  const row = { id: 'repetition', label: 'Most regular place', value: found?.value ?? null, unit: '×', expected }
  if (found === null || limit === null) return { ...row, status: 'not-measured' }
  if (found.value <= limit) return { ...row, status: 'fine' }
  const message =
    'Somewhere fine structure repeats regularly in two directions, as specimens hardly ever do: a lattice, interference, or a pattern of the camera.'
  return { ...row, status: 'caution', message }
}

function blur({ sighting, watched }: DistributionInput): Row {
  const value = sighting && blurredness(sighting)
  const expected = watched ? `at most ${limits.blurred.toFixed(1)}` : noLookout
  const row = { id: 'blurred', label: 'Blur of the whole picture', value, unit: 'log odds', expected }
  if (value === null || !watched) return { ...row, status: 'not-measured' }
  if (value <= limits.blurred) return { ...row, status: 'fine' }
  return {
    ...row,
    status: 'caution',
    message: 'The picture is more blurred than those of the training: focus, and see that nothing moves.',
  }
}

function noiseOnly({ unfamiliarity: found }: DistributionInput): Row {
  const value = found === null ? null : 100 * found.flat
  const row = { id: 'noise-only', label: 'Tiles with nothing but noise', value, unit: '%', expected: 'below 100' }
  if (value !== 100) return { ...row, status: value === null ? 'not-measured' : 'fine' }
  return { ...row, status: 'do-not-use', message: 'There is nothing but noise in this picture; whatever the network shows is invented.' }
}

function saturation({ saturated }: DistributionInput): Row {
  const row = { id: 'saturated', label: 'Saturated pixels', value: 100 * saturated, unit: '%', expected: '0' }
  if (saturated <= limits.saturated) return { ...row, status: 'fine' }
  const far = saturated > limits.saturatedFar
  const message = `${percent(saturated)} of the pixels are saturated${far ? ': their structure is lost' : ''}. Expose shorter.`
  return { ...row, status: far ? 'do-not-use' : 'caution', message }
}

function light({ photons: value, training: { photons: trained }, unfamiliarity: found }: DistributionInput): Row {
  const expected = trained && `${trained[0]} … ${trained[1]}`
  const row = { id: 'photons', label: 'Photons at the brightest, from the noise', value, unit: '', expected }
  if (value === null || !trained) return { ...row, status: 'not-measured' }
  if (value >= trained[0] / limits.dim || found?.flat === 1) return { ...row, status: 'fine' }
  const message = `About ${Math.round(value)} photons at the brightest are fewer than any training picture had (${trained[0]}).`
  return { ...row, status: 'caution', message }
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`
}
