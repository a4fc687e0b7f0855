/**
 * Where one tile is made ready for the network and its result is finished: straight from the image's pixels to normalised floats on
 * the network's grid, and back to the image's units, in memory that is used again for the next tile. No plane of floats of the whole
 * image is needed on the way.
 */

import type { Pixels } from '#shared/image/frame.ts'
import { KernelMemory } from '#shared/simd.ts'
import type { Normalisation } from './inference.ts'
import { acrossEntryBytes, type PixelKernel, pixelKernels } from './kernels.ts'
import { combineRows, resampleRow, type Taps, tapsOf } from './resample.ts'
import { mirrored } from './tiling.ts'

/** An image of which some rows, all or a part, are at hand: `data` begins with row `firstRow`. */
export interface SourceRows {
  readonly width: number
  readonly height: number
  readonly data: Pixels
  readonly firstRow: number
}

/** The grid that an image of this size is brought to; `ratio` = grid pixel / image pixel. */
export interface GridShape {
  readonly width: number
  readonly height: number
  readonly ratio: number
}

export interface TileShape {
  readonly width: number
  readonly height: number
  /** Of the result. */
  readonly channels: number
  /** Planes that go through the network at once; default 1. */
  readonly planes?: number
}

/** Kernels write whole vectors: room for what they write beyond the end. */
const slack = 4

export class Workbench {
  /** What the network reads: one channel, plane after plane, row by row. */
  readonly input: Float32Array
  /** What the network may write to: the channels of a plane, then those of the next. */
  readonly output: Float32Array
  /** Size of the whole image on the grid. */
  readonly gridWidth: number
  readonly gridHeight: number
  readonly #across: Taps
  readonly #down: Taps
  readonly #kernels: Readonly<Record<PixelKernel, (...parameters: number[]) => void>>
  readonly #raw: { readonly uint8: Uint8Array; readonly uint16: Uint16Array; readonly float32: Float32Array }
  readonly #row: Float32Array
  readonly #ring: readonly Float32Array[]
  readonly #table: Float32Array
  readonly #weights: Float32Array
  /** Offset and factor of a kernel's affine map, then four floats that turn NaN with what is not finite. */
  readonly #affine: Float32Array
  readonly #check: Float32Array
  #tableFor = -1

  constructor(
    readonly tile: TileShape,
    readonly grid: GridShape,
  ) {
    const { width, height, channels, planes = 1 } = tile
    this.#across = tapsOf(grid.width, grid.ratio)
    this.#down = tapsOf(grid.height, grid.ratio)
    this.gridWidth = this.#across.length
    this.gridHeight = this.#down.length
    const reach = Math.min(Math.ceil(width * grid.ratio) + this.#across.width + 2, grid.width + 2 * this.#across.width)
    const lengths = {
      input: planes * width * height + slack,
      output: planes * width * height * channels + slack,
      raw: reach + slack,
      row: reach + 2 * slack,
      ring: width + slack,
      table: (Math.ceil(width / 4) * acrossEntryBytes) / 4,
    }
    const floats = Object.values(lengths).reduce((sum, length) => sum + length + slack, this.#down.width * (lengths.ring + slack) + 64)
    const memory = new KernelMemory(4 * floats)
    this.input = memory.floats(lengths.input).subarray(0, planes * width * height)
    this.output = memory.floats(lengths.output).subarray(0, planes * width * height * channels)
    const float32 = memory.floats(lengths.raw)
    const { buffer, byteOffset, byteLength } = float32
    this.#raw = {
      float32,
      uint8: new Uint8Array(buffer, byteOffset, byteLength),
      uint16: new Uint16Array(buffer, byteOffset, byteLength / 2),
    }
    this.#row = memory.floats(lengths.row)
    this.#ring = Array.from({ length: this.#down.width }, () => memory.floats(lengths.ring))
    this.#table = memory.floats(lengths.table)
    this.#weights = memory.floats(4)
    this.#affine = memory.floats(4)
    this.#check = memory.floats(4)
    this.#kernels = memory.kernels<PixelKernel>(pixelKernels())
  }

  /**
   * Fills one plane of `input` with the grid's pixels from row `y` and column `x` on, as (value − offset) / scale; beyond the
   * edges what this tile holds of the grid is mirrored. The rows that are needed (`rowsFor`) must be at hand. Planes are filled in order: the
   * kernels may write a little beyond the end of one.
   */
  fill(source: SourceRows, y: number, x: number, { offset, scale }: Normalisation, plane = 0): void {
    const { width, height } = this.tile
    const input = this.input.subarray(plane * width * height, (plane + 1) * width * height)
    const columns = Math.min(width, this.gridWidth - x)
    const rows = Math.min(height, this.gridHeight - y)
    this.#affine[0] = offset
    this.#affine[1] = 1 / scale
    if (this.grid.ratio === 1) {
      for (let row = 0; row < rows; row++) this.#convert(source, y + row, x, columns, input.byteOffset + 4 * row * width)
    } else this.#resample(source, y, x, columns, rows, input)
    for (let row = 0; row < rows; row++) {
      const start = row * width
      for (let column = columns; column < width; column++) input[start + column] = input[start + mirrored(column, columns)] as number
    }
    for (let row = rows; row < height; row++) {
      const from = mirrored(row, rows) * width
      input.copyWithin(row * width, from, from + width)
    }
  }

  /**
   * Brings a part of one channel of `output`, counted through all planes, to value × factor + offset, in place.
   * @returns false where a value of that part is not a finite number.
   */
  restore(
    channel: number,
    part: { readonly top: number; readonly bottom: number; readonly left: number; readonly right: number },
    factor: number,
    offset: number,
  ): boolean {
    const { width, height } = this.tile
    this.#affine[0] = offset
    this.#affine[1] = factor
    this.#check.fill(0)
    const whole = part.left === 0 && part.right === width
    const stretches = whole ? 1 : part.bottom - part.top
    const length = whole ? (part.bottom - part.top) * width : part.right - part.left
    for (let stretch = 0; stretch < stretches; stretch++) {
      const start = (channel * height + part.top + stretch) * width + part.left
      const vectors = start + length - (length % 4)
      const at = this.output.byteOffset
      this.#kernels.restore(at + 4 * start, at + 4 * vectors, this.#affine.byteOffset, this.#check.byteOffset)
      for (let i = vectors; i < start + length; i++) {
        const value = this.output[i] as number
        this.#check[0] = (this.#check[0] as number) + value * 0
        this.output[i] = value * factor + offset
      }
    }
    return this.#check.every((value) => value === 0)
  }

  #resample(source: SourceRows, y: number, x: number, columns: number, rows: number, input: Float32Array): void {
    const { width } = this.tile
    const down = this.#down
    this.#prepareTable(x, columns)
    const inside = (row: number) => Math.min(source.height - 1, Math.max(0, row))
    // Source rows, resampled across, are needed in order and only while they are near: as many are kept as a column has taps.
    let ready = inside(down.starts[y] as number) - 1
    for (let row = 0; row < rows; row++) {
      const start = down.starts[y + row] as number
      const last = inside(start + down.width - 1)
      while (ready < last) this.#acrossRow(source, ++ready, x, columns)
      const needed = Array.from({ length: down.width }, (_, j) => this.#ring[inside(start + j) % down.width] as Float32Array)
      const weights = down.weights.subarray((y + row) * down.width, (y + row + 1) * down.width)
      const to = row * width
      if (down.width === 4) {
        const [a, b, c, d] = needed.map(({ byteOffset }) => byteOffset) as [number, number, number, number]
        this.#weights.set(weights)
        const into = input.byteOffset + 4 * to
        this.#kernels.down(into, a, b, c, d, this.#weights.byteOffset, into + 4 * columns)
      } else combineRows(needed, weights, input.subarray(to, to + columns))
    }
  }

  /** One row of the source, resampled into its place in the ring. */
  #acrossRow(source: SourceRows, row: number, x: number, columns: number): void {
    const { starts, width } = this.#across
    const origin = starts[x] as number
    const end = (starts[x + columns - 1] as number) + width
    const from = Math.min(source.width - 1, Math.max(0, origin))
    const to = Math.max(from + 1, Math.min(source.width, end))
    const values = this.#row
    this.#convert(source, row, from, to - from, values.byteOffset + 4 * Math.max(0, from - origin))
    if (from > origin) values.fill(values[from - origin] as number, 0, from - origin)
    if (to < end) values.fill(values[to - 1 - origin] as number, to - origin, end - origin)
    const result = this.#ring[row % this.#down.width] as Float32Array
    if (width === 4) {
      const { byteOffset: into } = result
      this.#kernels.across(into, values.byteOffset, this.#table.byteOffset, into + 4 * columns)
    } else resampleRow(values, this.#across, x, columns, result)
  }

  /** Pixels of a row as normalised floats at an address. */
  #convert(source: SourceRows, row: number, x: number, count: number, into: number): void {
    const start = (row - source.firstRow) * source.width + x
    const { data } = source
    const end = into + 4 * count
    const { byteOffset: affine } = this.#affine
    if (data instanceof Uint16Array) {
      this.#raw.uint16.set(data.subarray(start, start + count))
      this.#kernels.convert16(into, this.#raw.uint16.byteOffset, end, affine)
    } else if (data instanceof Uint8Array) {
      this.#raw.uint8.set(data.subarray(start, start + count))
      this.#kernels.convert8(into, this.#raw.uint8.byteOffset, end, affine)
    } else {
      this.#raw.float32.set(data.subarray(start, start + count))
      this.#kernels.convert32(into, this.#raw.float32.byteOffset, end, affine)
    }
  }

  /** Lays out taps for the `across` kernel: see `acrossEntryBytes`. */
  #prepareTable(x: number, columns: number): void {
    const { starts, weights, width } = this.#across
    if (width !== 4 || this.#tableFor === x) return
    this.#tableFor = x
    const { buffer, byteOffset, byteLength } = this.#table
    const bytes = new Uint8Array(buffer, byteOffset, byteLength)
    const words = new Int32Array(buffer, byteOffset, byteLength / 4)
    const origin = starts[x] as number
    for (let group = 0; group < columns; group += 4) {
      const entry = (group / 4) * acrossEntryBytes
      const first = starts[x + group] as number
      words[entry / 4] = 4 * (first - origin)
      for (let lane = 0; lane < 4; lane++) {
        const result = Math.min(x + columns - 1, x + group + lane)
        const away = (starts[result] as number) - first
        for (let byte = 0; byte < 4; byte++) bytes[entry + 16 + 4 * lane + byte] = 4 * away + byte
        for (let tap = 0; tap < 4; tap++) this.#table[entry / 4 + 8 + 4 * tap + lane] = weights[4 * result + tap] as number
      }
    }
  }
}
