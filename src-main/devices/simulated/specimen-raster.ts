/** Draws emitters on a fine grid, one plane for each layer of depth. */

import { KernelMemory } from '#shared/simd.ts'
import { drawingKernels } from './render-kernels.ts'
import { type Area, type ChannelId, Emitters, type Specimen } from './specimen-emitters.ts'

/**
 * Width of the drawing kernel in fine pixels. It is undone in the spectrum (factor exp(2π²σ²f²)), so that an emitter keeps its exact place and
 * size whatever the grid (gridding by Gaussians: Dutt & Rokhlin 1993).
 */
export const kernelSigma = 1

export interface RasterGrid {
  /** µm between pixels; pixel (i, j) of a plane at (column, row) lies at ((column + i)·step, (row + j)·step). */
  readonly step: number
  /** Pixels along a side. */
  readonly size: number
  /** µm between layers; layer l lies at z = l·layerStep. */
  readonly layerStep: number
  readonly layers: number
  /** Filaments are drawn as rows of spots so far apart at most, µm. */
  readonly spacing: number
}

interface Rectangle {
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** A piece of the specimen, drawn; when it moves, only what comes into it is drawn anew. Photons per ms and fine pixel. */
export class Raster {
  readonly #drawer: SpotDrawer
  #column = Number.NaN
  #row = Number.NaN

  constructor(
    readonly specimen: Specimen,
    readonly channel: ChannelId,
    readonly grid: RasterGrid,
  ) {
    this.#drawer = new SpotDrawer(grid)
  }

  get planes(): readonly Float32Array[] {
    return this.#drawer.planes
  }

  /** Makes (column, row) of the endless grid the first pixel. */
  moveTo(column: number, row: number): void {
    const { size } = this.grid
    const dx = column - this.#column
    const dy = row - this.#row
    this.#column = column
    this.#row = row
    // Also true at the first time, when nothing is known.
    if (!(Math.abs(dx) < size && Math.abs(dy) < size)) {
      this.#draw({ left: 0, top: 0, right: size, bottom: size })
      return
    }
    for (const plane of this.planes) shift(plane, size, dx, dy)
    const rows = { top: Math.max(0, -dy), bottom: Math.min(size, size - dy) }
    if (dy !== 0) this.#draw({ left: 0, right: size, top: dy > 0 ? size - dy : 0, bottom: dy > 0 ? size : -dy })
    if (dx !== 0) this.#draw({ ...rows, left: dx > 0 ? size - dx : 0, right: dx > 0 ? size : -dx })
  }

  #draw(part: Rectangle): void {
    const { step, size, spacing } = this.grid
    for (const plane of this.planes) for (let y = part.top; y < part.bottom; y++) plane.fill(0, y * size + part.left, y * size + part.right)
    const area: Area = {
      left: (this.#column + part.left) * step,
      top: (this.#row + part.top) * step,
      right: (this.#column + part.right) * step,
      bottom: (this.#row + part.bottom) * step,
    }
    this.specimen.visit(this.channel, area, spacing, (emitters) => this.#drawer.draw(emitters, this.#column, this.#row, part))
  }
}

/** Moves the content by (−dx, −dy). */
function shift(plane: Float32Array, size: number, dx: number, dy: number): void {
  const from = Math.max(0, dx)
  const width = size - Math.abs(dx)
  const to = Math.max(0, -dx)
  const first = dy > 0 ? 0 : size - 1
  for (let n = 0; n < size - Math.abs(dy); n++) {
    const y = dy > 0 ? first + n : first - n
    plane.copyWithin(y * size + to, (y + dy) * size + from, (y + dy) * size + from + width)
  }
}

/** Largest number of pixels across a spot. */
const widest = 256

/** Draws spots; planes and tables lie in the memory of its kernel. */
class SpotDrawer {
  readonly planes: readonly Float32Array[]
  readonly #weightsX: Float32Array
  readonly #weightsY: Float32Array
  readonly #draw: (...parameters: number[]) => void

  constructor(readonly grid: RasterGrid) {
    const plane = grid.size * grid.size
    const memory = new KernelMemory(4 * (grid.layers * plane + 2 * widest) + 1024)
    this.planes = Array.from({ length: grid.layers }, () => memory.floats(plane))
    // After the planes, so that whole vectors at their end stay inside the memory.
    this.#weightsX = memory.floats(widest)
    this.#weightsY = memory.floats(widest)
    this.#draw = memory.kernels<'spot'>(drawingKernels()).spot
  }

  /**
   * Draws the part of the emitters inside a rectangle. An emitter between layers is shared by the nearest three, so that its transfer function
   * is the parabola through theirs: their number can be small, because transfer functions change slowly with depth.
   */
  draw(emitters: Emitters, column: number, row: number, part: Rectangle): void {
    const { values } = emitters
    const { step, layerStep } = this.grid
    for (let e = 0; e < values.length; e += Emitters.stride) {
      const u = values[e]! / step - column
      const v = values[e + 1]! / step - row
      const own = values[e + 3]! / step
      const variance = kernelSigma * kernelSigma + own * own
      // Four sigma keep 1e-4 of the light; the soft spots of the cell's body are faint and need less.
      const reach = Math.min(widest / 2 - 4, Math.ceil((own > 4 ? 3 : 3.8) * Math.sqrt(variance)))
      const left = Math.max(part.left, Math.round(u) - reach)
      const right = Math.min(part.right - 1, Math.round(u) + reach)
      const top = Math.max(part.top, Math.round(v) - reach)
      const bottom = Math.min(part.bottom - 1, Math.round(v) + reach)
      if (left > right || top > bottom) continue
      gaussian(this.#weightsX, left, right, u, variance, 1)
      const count = Math.ceil((right - left + 1) / 4) * 4
      this.#weightsX.fill(0, right - left + 1, count)
      const photons = values[e + 4]! / (2 * Math.PI * variance)
      const height = values[e + 2]! / layerStep
      const middle = Math.min(this.planes.length - 2, Math.max(1, Math.round(height)))
      const t = height - middle
      const at = { left, top, bottom, v, variance, count }
      this.#spot(middle - 1, at, (photons * t * (t - 1)) / 2)
      this.#spot(middle, at, photons * (1 - t * t))
      this.#spot(middle + 1, at, (photons * t * (t + 1)) / 2)
    }
  }

  #spot(
    plane: number,
    at: { left: number; top: number; bottom: number; v: number; variance: number; count: number },
    photons: number,
  ): void {
    if (Math.abs(photons) < 1e-9) return
    const { size } = this.grid
    gaussian(this.#weightsY, at.top, at.bottom, at.v, at.variance, photons)
    const weights = this.#weightsY.byteOffset
    const into = this.planes[plane]!.byteOffset + 4 * (at.top * size + at.left)
    this.#draw(into, 4 * size, this.#weightsX.byteOffset, weights, weights + 4 * (at.bottom - at.top + 1), 4 * at.count)
  }
}

/** strength · exp(−(k − u)²/2σ²) for k from `first` to `last` by a recurrence of two products a step. */
function gaussian(into: Float32Array, first: number, last: number, u: number, variance: number, strength: number): void {
  let value = strength * Math.exp((-(first - u) * (first - u)) / (2 * variance))
  let ratio = Math.exp(-(2 * (first - u) + 1) / (2 * variance))
  const shrink = Math.exp(-1 / variance)
  for (let k = first; k <= last; k++) {
    into[k - first] = value
    value *= ratio
    ratio *= shrink
  }
}
