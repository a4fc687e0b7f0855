/**
 * Where the finest structure of a picture repeats regularly in two directions, as lattices and the patterns of interference, reconstruction and
 * cameras do and specimens hardly ever. Made here; test/cases/trust holds values that numpy gives by the same definition.
 *
 * For every place of 20 × 20 pixels the power spectrum P is the mean of those of its four windows of 16 × 16 (Hann, without their weighted mean). Of
 * the frequencies k between 0.2 and 0.5 cycles a pixel, the prominence of k is the smaller of P(k) over four times the median of all frequencies as
 * high, so that it stands out, and P(k) over the mean of what is coarser in its direction, so that it is no edge or fibre, whose spectrum falls. A place
 * repeats as much as the less prominent of two such k does whose directions are an eighth of a turn apart or more, and one of which is at most a
 * third higher than the other. White noise gives 1.4 to 2.4 in its most regular of 784 places; brightness, contrast and offset do not matter.
 */
import { cut, type Plane } from '#shared/image/plane.ts'
import { percentileOf } from './plane.ts'
import { signed, transformFor } from './transform.ts'

/** Side of a window, and from one to the next, pixels. */
const windowSide = 16
const step = 4
/** Steps from the edge of the picture to the middle of the first place. */
export const margin = 2

/** Row by row, one value a place; places are `step` pixels apart. */
export interface Repetition {
  readonly columns: number
  readonly rows: number
  readonly prominence: Float32Array
}

/** A frequency that may repeat, with the numbers of those that it is compared with. */
interface Candidate {
  readonly index: number
  /** Frequencies as high. */
  readonly ring: readonly number[]
  /** Coarser, in its direction. */
  readonly coarser: readonly number[]
  /** Numbers of the candidates before it that it may form a lattice with. */
  readonly partners: readonly number[]
}

interface Plan {
  readonly window: Float32Array
  readonly weight: number
  readonly candidates: readonly Candidate[]
}

let cached: Plan | undefined

function plan(): Plan {
  if (cached) return cached
  const n = windowSide
  const hann = Array.from({ length: n }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (n + 1)))
  const window = Float32Array.from({ length: n * n }, (_, i) => (hann[i % n] as number) * (hann[Math.floor(i / n)] as number))
  // Half of them: the others have the same power. In the order of `Spectrum`.
  const all = Array.from({ length: n * n }, (_, index) => {
    const [x, y] = [signed(Math.floor(index / n), n), signed(index % n, n)]
    return { index, x, y, height: Math.hypot(x, y), angle: Math.atan2(y, x) }
  }).filter(({ x, y }) => x > 0 || (x === 0 && y > 0))
  const turn = (a: number, b: number) => Math.abs(((a - b + 2.5 * Math.PI) % Math.PI) - Math.PI / 2)
  const numbers = (kept: (of: (typeof all)[number]) => boolean) => all.filter(kept).map(({ index }) => index)
  const chosen = all.filter(({ height }) => height > 0.2 * n && height <= 0.5 * n)
  const mayJoin = (a: (typeof all)[number], b: (typeof all)[number]) =>
    turn(a.angle, b.angle) > Math.PI / 4 - 1e-9 && Math.max(a.height, b.height) < (4 / 3) * Math.min(a.height, b.height)
  cached = {
    window,
    weight: window.reduce((sum, value) => sum + value, 0),
    candidates: chosen.map((of, i) => ({
      index: of.index,
      ring: numbers(({ height }) => Math.round(height) === Math.round(of.height)),
      coarser: numbers(({ height, angle }) => height >= 0.45 * of.height && height <= 0.7 * of.height && turn(angle, of.angle) < 0.35),
      partners: chosen.flatMap((other, j) => (j < i && mayJoin(of, other) ? [j] : [])),
    })),
  }
  return cached
}

/** What lies beyond the last whole step, right and below, is left out. */
export function placesOf({ width, height }: Pick<Plane, 'width' | 'height'>): Pick<Repetition, 'columns' | 'rows'> {
  const steps = (length: number) => Math.max(0, Math.floor((length - windowSide) / step))
  return { columns: steps(width), rows: steps(height) }
}

/** null where the picture is smaller than one place. */
export function repetition(picture: Plane): Repetition | null {
  const { columns, rows } = placesOf(picture)
  if (columns * rows === 0) return null
  const prominence = new Float32Array(columns * rows)
  let above = powersOfRow(picture, 0, columns + 1)
  for (let row = 0; row < rows; row++) {
    const below = powersOfRow(picture, (row + 1) * step, columns + 1)
    for (let column = 0; column < columns; column++) {
      const four = [above[column], above[column + 1], below[column], below[column + 1]] as Float32Array[]
      prominence[row * columns + column] = prominenceOf(meanOf(four))
    }
    above = below
  }
  return { columns, rows, prominence }
}

/** How many places a picture has, and how much its most regular one repeats. */
export function mostRegular({ columns, rows, prominence }: Repetition): { readonly places: number; readonly value: number } {
  return { places: columns * rows, value: prominence.reduce((most, value) => Math.max(most, value), 0) }
}

/** The power spectra of `count` windows side by side. */
function powersOfRow(picture: Plane, top: number, count: number): Float32Array[] {
  const { window, weight } = plan()
  const transform = transformFor(windowSide, windowSide)
  return Array.from({ length: count }, (_, i) => {
    const { data } = cut(picture, i * step, top, windowSide, windowSide)
    let middle = 0
    for (let at = 0; at < data.length; at++) middle += ((data[at] as number) * (window[at] as number)) / weight
    for (let at = 0; at < data.length; at++) data[at] = ((data[at] as number) - middle) * (window[at] as number)
    const { re, im } = transform.forward({ width: windowSide, height: windowSide, data })
    const power = data
    for (let at = 0; at < power.length; at++) power[at] = (re[at] as number) ** 2 + (im[at] as number) ** 2
    return power
  })
}

function meanOf(spectra: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(windowSide ** 2)
  for (const power of spectra) for (let i = 0; i < mean.length; i++) mean[i]! += (power[i] as number) / spectra.length
  return mean
}

function prominenceOf(power: Float32Array): number {
  const medians = new Map<number, number>()
  const found = new Float64Array(plan().candidates.length)
  let largest = 0
  for (const [i, { index, ring, coarser, partners }] of plan().candidates.entries()) {
    const own = power[index] as number
    let inside = 0
    for (const other of coarser) inside += (power[other] as number) / coarser.length
    // A window in which nothing varies repeats nothing; of one that holds a pixel that is no number nothing is known.
    if (!(own > 0)) continue
    const first = ring[0] as number
    let usual = medians.get(first)
    if (usual === undefined) {
      usual = medianOf(power, ring)
      medians.set(first, usual)
    }
    const prominent = Math.min(own / (4 * usual), own / inside)
    found[i] = prominent
    if (prominent <= largest) continue
    for (const other of partners) largest = Math.max(largest, Math.min(prominent, found[other] as number))
  }
  return largest
}

/** By insertion: there are few, and for so few the library's sorting takes ten times as long. */
function medianOf(power: Float32Array, members: readonly number[]): number {
  const sorted = new Float64Array(members.length)
  for (const [count, member] of members.entries()) {
    const value = power[member] as number
    let at = count
    for (; at > 0 && (sorted[at - 1] as number) > value; at--) sorted[at] = sorted[at - 1] as number
    sorted[at] = value
  }
  return percentileOf(sorted, 50)
}
