/** Exact percentiles, mean and spread of images too large to sort, in two passes over the pixels and constant memory. */
import type { Pixels } from '#shared/image/frame.ts'

const bins = 65_536

/** Position of a float among all floats, so that order of keys = order of values (IEEE 754). */
function keyOf(bits: number): number {
  return (bits & 0x80000000 ? ~bits : bits | 0x80000000) >>> 0
}

function floatOf(key: number): number {
  const bits = key & 0x80000000 ? key & 0x7fffffff : ~key
  return new Float32Array(Uint32Array.of(bits).buffer)[0] ?? 0
}

/**
 * Percentiles by linear interpolation between order statistics (numpy's default, Hyndman & Fan 1996 type 7): rank q/100·(n−1).
 * `add` every plane; then, if `needsSecondPass` (floats), `refine` every plane again; then ask.
 */
export class Statistics {
  readonly #counts = new Float64Array(bins)
  /** Counts within the bins that hold the wanted ranks, one after the other; `#place` says where each bin's begin, −1 = not wanted. */
  #fine: Float64Array | null = null
  readonly #place = new Int32Array(bins).fill(-1)
  #floats = false
  #count = 0
  #shift = 0
  #sum = 0
  #squares = 0

  /** `percentiles` in percent, those that will be asked for; `moments`: mean and deviation will be. */
  constructor(
    private readonly percentiles: readonly number[],
    private readonly moments = true,
  ) {}

  get count(): number {
    return this.#count
  }

  /** false: some pixel is not a finite number. Those have the largest exponent, and keys at either end. */
  get finite(): boolean {
    const odd = (value: number) => value > 0
    return !this.#floats || !(this.#counts.subarray(0, 0x80).some(odd) || this.#counts.subarray(0xff80).some(odd))
  }

  get needsSecondPass(): boolean {
    return this.#floats && this.percentiles.length > 0
  }

  get mean(): number {
    return this.#shift + this.#sum / this.#count
  }

  /** Standard deviation of the population. */
  get deviation(): number {
    const mean = this.#sum / this.#count
    return Math.sqrt(Math.max(0, this.#squares / this.#count - mean * mean))
  }

  add(data: Pixels): void {
    if (this.#count === 0) this.#shift = data[0] ?? 0
    this.#count += data.length
    const counts = new Uint32Array(bins)
    if (data instanceof Float32Array) {
      this.#floats = true
      const bits = new Uint32Array(data.buffer, data.byteOffset, data.length)
      for (let i = 0; i < bits.length; i++) {
        const bin = keyOf(bits[i] as number) >>> 16
        counts[bin] = (counts[bin] as number) + 1
      }
    } else {
      for (let i = 0; i < data.length; i++) counts[data[i] as number] = (counts[data[i] as number] as number) + 1
    }
    for (let bin = 0; bin < bins; bin++) this.#counts[bin] = (this.#counts[bin] as number) + (counts[bin] as number)
    if (this.moments) this.#addMoments(data)
  }

  /** Second pass, floats only: counts within the bins that hold the wanted ranks. */
  refine(data: Pixels): void {
    if (!(data instanceof Float32Array)) return
    this.#fine ??= this.#choose()
    const fine = this.#fine
    const place = this.#place
    const bits = new Uint32Array(data.buffer, data.byteOffset, data.length)
    for (let i = 0; i < bits.length; i++) {
      const key = keyOf(bits[i] as number)
      const start = place[key >>> 16] as number
      if (start >= 0) fine[start + (key & 0xffff)] = (fine[start + (key & 0xffff)] as number) + 1
    }
  }

  percentile(percent: number): number {
    const rank = (percent / 100) * (this.#count - 1)
    const low = this.#ranked(Math.floor(rank))
    const high = this.#ranked(Math.ceil(rank))
    return low + (high - low) * (rank - Math.floor(rank))
  }

  #addMoments(data: Pixels): void {
    const shift = this.#shift
    let sum = 0
    let squares = 0
    for (let i = 0; i < data.length; i++) {
      const value = (data[i] as number) - shift
      sum += value
      squares += value * value
    }
    this.#sum += sum
    this.#squares += squares
  }

  /** Makes room for the counts of the bins that hold the wanted ranks. */
  #choose(): Float64Array {
    let end = 0
    for (const percent of this.percentiles) {
      const rank = (percent / 100) * (this.#count - 1)
      for (const each of [Math.floor(rank), Math.ceil(rank)]) {
        const { bin } = find(this.#counts, each)
        if ((this.#place[bin] as number) >= 0) continue
        this.#place[bin] = end
        end += bins
      }
    }
    return new Float64Array(end)
  }

  #ranked(rank: number): number {
    const { bin, before } = find(this.#counts, rank)
    if (!this.#floats) return bin
    const start = this.#place[bin] as number
    if (!this.#fine || start < 0) return Number.NaN
    return floatOf(bin * bins + find(this.#fine.subarray(start, start + bins), rank - before).bin)
  }
}

/** The bin that holds a rank, and how many values lie before it. */
function find(counts: Float64Array, rank: number): { readonly bin: number; readonly before: number } {
  let before = 0
  for (let bin = 0; bin < bins; bin++) {
    const here = counts[bin] as number
    if (before + here > rank) return { bin, before }
    before += here
  }
  return { bin: bins - 1, before }
}
