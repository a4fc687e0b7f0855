/**
 * Statistics over some axes of an array, for each position along the others: the "axes" of normalisations. A group is what is taken
 * together; groups are numbered in the order of the axes that are kept.
 */
import { Statistics } from '../statistics.ts'
import type { NdArray } from './nd-array.ts'

/** Which axes are reduced, and how many groups that leaves. */
export interface Grouping {
  readonly dims: readonly number[]
  readonly reduced: readonly boolean[]
  readonly groups: number
}

export function groupBy(dims: readonly number[], reduced: readonly boolean[]): Grouping {
  return { dims, reduced, groups: dims.reduce((product, size, axis) => (reduced[axis] ? product : product * size), 1) }
}

/** Calls `visit` for every row along the last axis: `group` is that of its first element, and grows by `step` (0 or 1) along the row. */
export function forRows({ dims, reduced }: Grouping, visit: (start: number, length: number, group: number, step: number) => void): void {
  const last = dims.length - 1
  const length = dims[last] ?? 1
  const step = last < 0 || reduced[last] ? 0 : 1
  const weights = dims.map(() => 0)
  let weight = 1
  for (let axis = last; axis >= 0; axis--) {
    if (reduced[axis]) continue
    weights[axis] = weight
    weight *= dims[axis] as number
  }
  const walk = (axis: number, start: number, group: number) => {
    if (axis >= last) return visit(start * length, length, group, step)
    const size = dims[axis] as number
    for (let i = 0; i < size; i++) walk(axis + 1, start * size + i, group + i * (weights[axis] as number))
  }
  if (length > 0) walk(0, 0, 0)
}

export interface Moments {
  readonly mean: Float64Array
  /** Of the population, as numpy's `std`. */
  readonly std: Float64Array
}

export function momentsOf({ data }: NdArray, grouping: Grouping): Moments {
  const { groups } = grouping
  const count = data.length / groups
  const mean = new Float64Array(groups)
  const std = new Float64Array(groups)
  forRows(grouping, (start, length, group, step) => {
    if (step === 0) {
      let sum = 0
      for (let i = start; i < start + length; i++) sum += data[i] as number
      mean[group] = (mean[group] as number) + sum
    } else for (let i = 0; i < length; i++) mean[group + i] = (mean[group + i] as number) + (data[start + i] as number)
  })
  for (let group = 0; group < groups; group++) mean[group] = (mean[group] as number) / count
  // A second pass instead of the sum of squares, which loses digits where the mean is large beside the spread.
  forRows(grouping, (start, length, group, step) => {
    for (let i = 0; i < length; i++) {
      const at = group + i * step
      const difference = (data[start + i] as number) - (mean[at] as number)
      std[at] = (std[at] as number) + difference * difference
    }
  })
  for (let group = 0; group < groups; group++) std[group] = Math.sqrt((std[group] as number) / count)
  return { mean, std }
}

/** `linear`: between order statistics (numpy’s default, Hyndman & Fan 1996 type 7); `inverted_cdf`: numpy's "inverted_cdf" (type 1). */
export type PercentileMethod = 'linear' | 'inverted_cdf'

/** Above this many values in a group, counting is quicker than sorting. */
const sortingLimit = 200_000

/** For each wanted percent, the percentile of every group. */
export function percentilesOf(array: NdArray, grouping: Grouping, percents: readonly number[], method: PercentileMethod): Float64Array[] {
  const { groups } = grouping
  const results = percents.map(() => new Float64Array(groups))
  const count = array.data.length / groups
  if (groups === 1 && array.data instanceof Float32Array && count > sortingLimit && method === 'linear') {
    const statistics = new Statistics(percents, false)
    statistics.add(array.data)
    statistics.refine(array.data)
    percents.forEach((percent, index) => {
      ;(results[index] as Float64Array)[0] = statistics.percentile(percent)
    })
    return results
  }
  const sorted = valuesByGroup(array, grouping, count)
  for (let group = 0; group < groups; group++) {
    const values = sorted.subarray(group * count, (group + 1) * count).sort()
    percents.forEach((percent, index) => {
      ;(results[index] as Float64Array)[group] = method === 'linear' ? linear(values, percent) : invertedCdf(values, percent)
    })
  }
  return results
}

function valuesByGroup({ data }: NdArray, grouping: Grouping, count: number): Float64Array | Float32Array {
  const result = data instanceof Float64Array ? new Float64Array(data.length) : new Float32Array(data.length)
  const filled = new Uint32Array(grouping.groups)
  forRows(grouping, (start, length, group, step) => {
    for (let i = 0; i < length; i++) {
      const at = group + i * step
      result[at * count + (filled[at] as number)] = data[start + i] as number
      filled[at] = (filled[at] as number) + 1
    }
  })
  return result
}

function linear(sorted: ArrayLike<number>, percent: number): number {
  const rank = (percent / 100) * (sorted.length - 1)
  const low = sorted[Math.floor(rank)] as number
  const high = sorted[Math.ceil(rank)] as number
  return low + (high - low) * (rank - Math.floor(rank))
}

/** The smallest value of which at least so many percent are no larger. */
function invertedCdf(sorted: ArrayLike<number>, percent: number): number {
  const rank = Math.ceil((percent / 100) * sorted.length - 1e-9) - 1
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank))] as number
}
