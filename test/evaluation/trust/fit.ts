/** From judged frames of the rehearsal to the limits and weights that the application uses. */
import { type Foresight, standard } from '#main/analysis/trust/foresight.ts'
import { limits } from '#main/analysis/trust/limits.ts'
import { percentileOf } from '#main/analysis/trust/plane.ts'
import type { Choice } from './classical.ts'
import { worseThan } from './classical.ts'
import type { Row } from './row.ts'

/** Share of in-range frames, in percent, that all figures of a judgement may flag together; the bar is 5, and 200 frames of a true 3.8 % exceed it one time in seven. */
export const allowed = 3.8
/** How that is divided: what each would flag alone (`dim` and `bright` of the frames so lit), before all are stretched alike because some flag the same frames (`stretchOf`). */
const shares = {
  odd: 2.2,
  repetition: 0.8,
  oddAllOver: 0.3,
  blurred: 0.5,
  distance: 0.3,
  dim: 0.3,
  bright: 0.3,
  scale: 0.2,
  rsp: 0.1,
  unexplained: 0.1,
} as const
/** Asked for on demand and by itself, percent. */
const disagreementShare = 0.4

type Figure = keyof typeof shares

const [dimPhotons, brightPhotons] = [100, 500]

export interface Calibrated {
  readonly frames: number
  readonly distance: number
  readonly frequency: { readonly dim: number; readonly bright: number; readonly dimPhotons: number; readonly brightPhotons: number }
  readonly scale: number
  readonly rsp: number
  readonly unexplained: number
  readonly disagreement: number
  /** `limit` for a picture of so many `places`; it rises by `growth` for every factor e of more places. */
  readonly odd: { readonly limit: number; readonly growth: number; readonly places: number }
  /** The same, in factors. */
  readonly repetition: { readonly limit: number; readonly growth: number; readonly places: number }
  readonly oddAllOver: number
  readonly blurred: number
}

const reading =
  (id: string) =>
  ({ readings }: Row): number | undefined =>
    readings[id]
/** Of figures whose size spans decades. */
const inDecades = (id: string) => (row: Row) => whereKnown(row.readings[id], (value) => Math.log(Math.abs(value)))
const negative = (of: (row: Row) => number | undefined) => (row: Row) => whereKnown(of(row), (value) => -value)
const lit = (of: (row: Row) => number | undefined, least: number, most: number) => (row: Row) => {
  const photons = row.readings.photons ?? 0
  return photons >= least && photons < most ? of(row) : undefined
}
const whereKnown = (value: number | undefined, made: (value: number) => number) => (value === undefined ? undefined : made(value))

/** What each limit is drawn in: the higher, the more suspicious; undefined where a frame has none. */
const suspicions: Readonly<Record<Figure, (row: Row) => number | undefined>> = {
  odd: reading('odd'),
  repetition: inDecades('repetition'),
  oddAllOver: reading('odd-all-over'),
  blurred: reading('blurred'),
  distance: inDecades('distance'),
  dim: lit(negative(reading('frequency')), 0, dimPhotons),
  bright: lit(negative(reading('frequency')), brightPhotons, Number.POSITIVE_INFINITY),
  scale: inDecades('scale-output'),
  rsp: negative(reading('rsp-share')),
  unexplained: inDecades('spot'),
}
const known = (rows: readonly Row[], of: (row: Row) => number | undefined) => rows.flatMap((row) => of(row) ?? [])

/**
 * By how much every figure's share may be raised so that together they flag `allowed` percent of the frames: what one flags another often flags too, and shares that
 * only add up to it leave some of it unused. In exponential tails (`tail`) a share k times as large is a limit that lies growth · ln k lower.
 */
export function stretchOf(rows: readonly Row[], wanted: Readonly<Partial<Record<Figure, number>>> = shares): number {
  const tails = (Object.entries(wanted) as [Figure, number][]).map(([name, share]) => ({
    of: suspicions[name],
    ...tail(known(rows, suspicions[name]), share),
  }))
  const worst = rows.map((row) => {
    const beyond = tails.flatMap(({ of, limit, growth }) => whereKnown(of(row), (value) => (value - limit) / (growth || 1)) ?? [])
    return Math.max(...beyond)
  })
  return Math.exp(-tail(worst, allowed).limit)
}

/**
 * @param rows in range
 * @param places how many of them a frame has, for the lookout and for what repeats
 */
export function calibrate(rows: readonly Row[], places: { readonly odd: number; readonly repetition: number }): Calibrated {
  const stretch = stretchOf(rows)
  const beyond = (figure: Figure) => tail(known(rows, suspicions[figure]), stretch * shares[figure])
  const limit = (figure: Figure) => beyond(figure).limit
  /** Of figures whose largest is larger where there are more places. `shown`: from what the limit is drawn in to what it is told in. */
  const rising = (figure: Figure, count: number, shown = (value: number) => value) => {
    const { limit, growth } = beyond(figure)
    return { limit: digits(shown(limit)), growth: digits(growth), places: count }
  }
  const frequency = (figure: 'dim' | 'bright') => digits(Math.max(limits.frequencyFar, -limit(figure) / 100))
  return {
    frames: rows.length,
    distance: digits(Math.exp(limit('distance'))),
    frequency: { dim: frequency('dim'), bright: frequency('bright'), dimPhotons, brightPhotons },
    scale: digits(Math.exp(limit('scale')) / 100),
    rsp: digits(-limit('rsp')),
    unexplained: digits(Math.exp(limit('unexplained'))),
    disagreement: digits(Math.exp(tail(known(rows, inDecades('disagreement-output')), disagreementShare).limit) / 100),
    odd: rising('odd', places.odd),
    repetition: rising('repetition', places.repetition, Math.exp),
    oddAllOver: digits(limit('oddAllOver')),
    blurred: digits(limit('blurred')),
  }
}

/**
 * The value that a share of `percent` exceeds, where the tail beyond the 90th percentile falls exponentially, as that of most distributions nearly
 * does: there are too few frames to count the last percent. `growth`, the scale of the tail, is also by how much the largest of n values grows with ln n.
 */
export function tail(found: readonly number[], percent: number): { readonly limit: number; readonly growth: number } {
  const sorted = Float64Array.from(found).sort()
  const from = percentileOf(sorted, 90)
  const beyond = sorted.filter((value) => value > from)
  const growth = beyond.reduce((sum, value) => sum + value - from, 0) / Math.max(1, beyond.length)
  return { limit: from + growth * Math.log(10 / percent), growth }
}

/**
 * What the regression looks at, all of it known live. Few, because there are few frames: light, and of the tile the 5th percentile, the median, and how
 * directed and how regular its finest structure is. Of the rehearsal alone: these foretell a sixth of its seeds best that was left out of the fit.
 */
const figures = ['photons', 'tile 17', 'tile 19', 'tile 26', 'tile 30']

/** Logistic regression with a ridge, by Newton's method. */
export function foresee(rows: readonly Row[], choice: Choice, network: string): Foresight {
  const known = rows.flatMap((row) => {
    if (!row.lack) return []
    const all = row.figures
    return [{ x: figures.map((figure) => all[figure] as number), worse: worseThan(row, choice) ? 1 : 0 }]
  })
  const terms = figures.map((figure, i) => {
    const column = known.map(({ x }) => x[i] as number)
    const mean = column.reduce((a, b) => a + b, 0) / column.length
    const deviation = Math.sqrt(column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / column.length) || 1
    return { figure, mean: digits(mean), deviation: digits(deviation) }
  })
  const design = known.map(({ x }) => [1, ...x.map((value, i) => standard(value, terms[i]!.mean, terms[i]!.deviation))])
  const weights = newton(
    design,
    known.map(({ worse }) => worse),
    ridge,
  )
  return {
    network,
    bias: digits(weights[0] as number),
    terms: terms.map((term, i) => ({ ...term, weight: digits(weights[i + 1] as number) })),
  }
}

/** So that a weight costs as much as being wrong about some frames. */
const ridge = 3

function newton(design: readonly (readonly number[])[], wanted: readonly number[], penalty: number): number[] {
  const n = design[0]?.length ?? 0
  let weights = new Array<number>(n).fill(0)
  for (let round = 0; round < 25; round++) {
    const gradient = weights.map((weight, i) => (i === 0 ? 0 : penalty * weight))
    const hessian = weights.map((_, i) => weights.map((_, j) => (i === j ? (i === 0 ? 1e-6 : penalty) : 0)))
    for (const [k, row] of design.entries()) {
      const p = 1 / (1 + Math.exp(-row.reduce((sum, value, i) => sum + value * (weights[i] as number), 0)))
      for (let i = 0; i < n; i++) {
        gradient[i]! += (p - (wanted[k] as number)) * (row[i] as number)
        for (let j = 0; j < n; j++) hessian[i]![j]! += p * (1 - p) * (row[i] as number) * (row[j] as number)
      }
    }
    const step = solved(hessian, gradient)
    weights = weights.map((weight, i) => weight - (step[i] as number))
  }
  return weights
}

/** Gauss' elimination; the matrix is positive definite. */
function solved(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const work = matrix.map((row, i) => [...row, right[i] as number])
  const n = work.length
  for (let column = 0; column < n; column++) {
    const pivot = work[column] as number[]
    for (const [i, row] of work.entries()) {
      if (i === column) continue
      const factor = (row[column] as number) / (pivot[column] as number)
      for (let k = column; k <= n; k++) row[k]! -= factor * (pivot[k] as number)
    }
  }
  return work.map((row, i) => (row[n] as number) / (row[i] as number))
}

const digits = (value: number) => Number(value.toPrecision(4))
