/** What the optics need to know of a specimen: fluorescent emitters in three dimensions. */

/** The light source's channels by their id. */
export const channels = {
  A: { name: 'DAPI', emissionNm: 460, color: '#5b8cff' },
  B: { name: 'FITC', emissionNm: 525, color: '#3ddc84' },
  C: { name: 'TxRed', emissionNm: 615, color: '#ff5a4f' },
} as const
export type ChannelId = keyof typeof channels

export const channelIds = Object.keys(channels) as ChannelId[]

/** Highest emitter, µm above the coverslip. */
export const specimenHeight = 6

/** Gaussian emitters, five numbers each: x, y, z, sigma (µm) and photons per ms at full light, in all directions. */
export class Emitters {
  static readonly stride = 5
  #data = new Float64Array(5 * 256)
  length = 0

  add(x: number, y: number, z: number, sigma: number, photons: number): void {
    const at = this.length * 5
    if (at === this.#data.length) {
      const larger = new Float64Array(this.#data.length * 2)
      larger.set(this.#data)
      this.#data = larger
    }
    this.#data[at] = x
    this.#data[at + 1] = y
    this.#data[at + 2] = Math.min(specimenHeight, Math.max(0, z))
    this.#data[at + 3] = sigma
    this.#data[at + 4] = photons
    this.length++
  }

  /** The numbers, `length * 5` of them. */
  get values(): Float64Array {
    return this.#data.subarray(0, this.length * 5)
  }
}

/** A rectangle in the specimen, µm. */
export interface Area {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** Anything with emitters; tests put single beads here. */
export interface Specimen {
  /** Calls back with every group of emitters that may touch the area. `spacing`: the finest distance that the optics can tell, µm. */
  visit(channel: ChannelId, area: Area, spacing: number, callback: (emitters: Emitters) => void): void
  /** Photons per ms at full light from each µm² of out-of-focus haze and autofluorescence. */
  haze(channel: ChannelId): number
}
