/** Seeded random numbers: the same seed gives the same specimen and the same noise everywhere. */

/** Mixes integers into 32 well-spread bits (the finaliser of MurmurHash3, Appleby 2008), one round a value. */
export function hash(...values: readonly number[]): number {
  let state = 0x9e3779b9
  for (const value of values) {
    state = Math.imul(state ^ (value | 0), 0x85ebca6b)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    state = (state ^ (state >>> 16)) + 0x7f4a7c15
  }
  return state >>> 0
}

/** xoshiro128** 1.1 (Blackman & Vigna 2018). */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    this.#a = hash(seed, 1)
    this.#b = hash(seed, 2)
    this.#c = hash(seed, 3)
    this.#d = hash(seed, 4) | 1
  }

  /** 32 random bits, 0 … 2³² − 1. */
  bits(): number {
    const b = this.#b
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9)
    const c = this.#c ^ this.#a
    const d = this.#d ^ b
    this.#b = b ^ c
    this.#a ^= d
    this.#c = c ^ (b << 9)
    this.#d = (d << 11) | (d >>> 21)
    return result >>> 0
  }

  /** Fills an array with random bits; quicker than one by one. */
  fill(into: Uint32Array): void {
    let a = this.#a
    let b = this.#b
    let c = this.#c
    let d = this.#d
    for (let i = 0; i < into.length; i++) {
      const product = Math.imul(b, 5)
      into[i] = Math.imul((product << 7) | (product >>> 25), 9)
      const shifted = b << 9
      c ^= a
      d ^= b
      b ^= c
      a ^= d
      c ^= shifted
      d = (d << 11) | (d >>> 21)
    }
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }

  /** Uniform in [low, high). */
  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.bits() / 4294967296)
  }

  /** Normal deviate by Box & Muller (1958); for noise of whole pictures see noise.ts. */
  normal(mean = 0, sigma = 1): number {
    const radius = Math.sqrt(-2 * Math.log((this.bits() + 1) / 4294967297))
    return mean + sigma * radius * Math.cos(2 * Math.PI * this.uniform())
  }
}
