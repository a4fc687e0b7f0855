/** A plane made small enough to look at while it goes by in pieces of rows: whole blocks of pixels are averaged. */
import type { Pixels } from '#shared/image/frame.ts'
import { overRows, type Picture } from './picture.ts'

export class Reducer {
  readonly #block: number
  readonly #width: number
  readonly #height: number
  readonly #sums: Float64Array
  #row = 0
  #type: 'uint8' | 'uint16' | 'float32' = 'float32'

  /** `largest`: most pixels of the result along either axis. */
  constructor(
    private readonly width: number,
    height: number,
    largest: number,
  ) {
    this.#block = Math.max(1, Math.ceil(Math.max(width, height) / largest))
    this.#width = Math.max(1, Math.floor(width / this.#block))
    this.#height = Math.max(1, Math.floor(height / this.#block))
    this.#sums = new Float64Array(this.#width * this.#height)
  }

  /** The next rows of the plane, with pauses. Rows and columns that fill no whole block are left out. */
  async add(data: Pixels): Promise<void> {
    const block = this.#block
    this.#type = data instanceof Uint8Array ? 'uint8' : data instanceof Uint16Array ? 'uint16' : 'float32'
    await overRows(data.length / this.width, this.width, (row) => {
      const start = row * this.width
      const to = Math.floor(this.#row++ / block) * this.#width
      if (to >= this.#sums.length) return
      for (let x = 0; x < this.#width; x++) {
        let sum = 0
        for (let i = start + x * block; i < start + (x + 1) * block; i++) sum += data[i] as number
        this.#sums[to + x] = (this.#sums[to + x] as number) + sum
      }
    })
  }

  get picture(): Picture {
    const pixels = this.#block ** 2
    const means = this.#sums.map((sum) => sum / pixels)
    const data =
      this.#type === 'float32'
        ? Float32Array.from(means)
        : this.#type === 'uint16'
          ? Uint16Array.from(means, Math.round)
          : Uint8Array.from(means, Math.round)
    return { width: this.#width, height: this.#height, data }
  }
}
