/**
 * From emitters to expected photoelectrons. A *window* larger than the camera's field is drawn once on a fine grid, layer by layer, and kept
 * as spectra inside the optics' cut-off. A frame is then: layers × OTF(defocus), shifted by a phase ramp, × the pixel's sinc, folded onto the
 * camera's frequencies (that is what aliasing is), and one inverse transform at camera resolution.
 */
import { BatchFft, goodLength } from '#shared/fft.ts'
import {
  blurSlope,
  collectedFraction,
  cutoff,
  type Lens,
  radialBins,
  sampleIndex,
  sinc,
  sphericalAberration,
  TransferTables,
} from '#shared/optics.ts'
import { KernelMemory } from '#shared/simd.ts'
import { type RenderKernel, renderKernels } from './render-kernels.ts'
import { type ChannelId, channels, type Specimen, specimenHeight } from './specimen-emitters.ts'
import { kernelSigma, Raster } from './specimen-raster.ts'

/** Detected electrons for each photon that enters the objective: filters, camera window and quantum efficiency. */
export const detectionEfficiency = 0.72

/** µm beyond the geometric blur that count as within reach of a point's picture. */
const tail = 4
/** Room around the field for blur and motion, µm. */
const room = 41
const batch = 8

/** Sizes and tables for one lens, field and channel; the same for every window. */
export class WindowPlan {
  /** Camera pixels along a window's side. */
  readonly coarse: number
  /** Fine pixels along a window's side. */
  readonly fine: number
  /** µm */
  readonly side: number
  readonly fineStep: number
  readonly layerStep: number
  readonly layers: number
  /** The focus is rounded to this, µm: a small part of the depth of field. */
  readonly focusStep: number
  /** Emitters nearer than this to each other cannot be told apart, µm. */
  readonly spacing: number
  /** Highest spectral index inside the cut-off. */
  readonly band: number
  /** Where the values of column kx begin; its rows run from −height[kx] to height[kx]. */
  readonly starts: Int32Array
  readonly heights: Int32Array
  readonly points: number
  /** Farthest defocus whose blur the window's margin holds, µm; beyond it the picture stays as it is there: a haze. */
  readonly defocusLimit: number
  readonly tables: TransferTables

  constructor(
    readonly lens: Lens,
    readonly width: number,
    readonly height: number,
    readonly channel: ChannelId,
  ) {
    const pixel = lens.pixelSizeUm
    const wavelengthUm = channels[channel].emissionNm / 1000
    const top = cutoff(lens.numericalAperture, wavelengthUm)
    this.coarse = goodLength(Math.max(width, height) + (2 * room) / pixel - 2, 4)
    // Twice the cut-off for the sampling theorem, and a tenth to keep the drawing kernel's aliases out of the pass band.
    this.fine = goodLength(this.coarse * pixel * 2.2 * top, 32)
    this.side = this.coarse * pixel
    this.fineStep = this.side / this.fine
    this.spacing = 0.93 / top
    // Less than the depth of field nλ/NA²; the same for every channel of a lens.
    this.layerStep = 0.525 * sampleIndex > 3 * lens.numericalAperture ** 2 ? 3 : 1.5
    this.layers = specimenHeight / this.layerStep + 1
    this.focusStep = this.layerStep === 3 ? 0.2 : 0.1
    this.band = Math.min(this.fine / 2 - 1, Math.floor(top * this.side))
    this.starts = new Int32Array(this.band + 1)
    this.heights = new Int32Array(this.band + 1)
    let points = 0
    for (let k = 0; k <= this.band; k++) {
      this.starts[k] = points
      this.heights[k] = Math.floor(Math.sqrt(Math.max(0, (top * this.side) ** 2 - k * k)))
      points += 2 * this.heights[k]! + 1
    }
    this.points = points
    this.defocusLimit = ((this.coarse - Math.max(width, height)) * pixel) / 2 / blurSlope(lens.numericalAperture) - tail
    this.tables = new TransferTables({ numericalAperture: lens.numericalAperture, wavelengthUm, aberration: sphericalAberration })
  }

  /** Bin of the radial tables for every point. */
  radial(): Uint16Array {
    const radial = new Uint16Array(this.points)
    const top = cutoff(this.lens.numericalAperture, channels[this.channel].emissionNm / 1000) * this.side
    for (let k = 0, p = 0; k <= this.band; k++) {
      const rows = this.heights[k]!
      for (let j = -rows; j <= rows; j++, p++) radial[p] = Math.min(radialBins, Math.round(Math.sqrt(Math.hypot(k, j) / top) * radialBins))
    }
    return radial
  }

  /** Margin that the picture of an emitter needs, µm, with the focus at z. */
  marginAt(z: number): number {
    const farthest = Math.min(this.defocusLimit, Math.max(Math.abs(z), Math.abs(specimenHeight - z)))
    return farthest * blurSlope(this.lens.numericalAperture) + tail
  }

  /** How far the field's centre may lie from the window's centre with the focus at z, µm. */
  slackAt(z: number): number {
    return Math.max(0, (this.side - Math.max(this.width, this.height) * this.lens.pixelSizeUm) / 2 - this.marginAt(z))
  }
}

/** Spectra of a piece of the specimen: for each layer re, im of every point, photons per ms. */
export interface SpecimenWindow {
  /** µm of fine pixel (0, 0). */
  readonly left: number
  readonly top: number
  readonly layers: readonly Float32Array[]
}

/** Draws and transforms windows. Slow (hundreds of ms a window): not for the host's event loop. */
export class WindowBuilder {
  readonly #raster: Raster
  readonly #transform: PlaneTransform

  constructor(
    readonly plan: WindowPlan,
    specimen: Specimen,
  ) {
    const { fineStep: step, fine: size, layerStep, layers, spacing } = plan
    this.#raster = new Raster(specimen, plan.channel, { step, size, layerStep, layers, spacing })
    this.#transform = new PlaneTransform(plan)
  }

  /** The window centred nearest to (x, y). Near the last one it is quicker: what both show is drawn once. */
  build(x: number, y: number): SpecimenWindow {
    const { side, fineStep } = this.plan
    const column = Math.round((x - side / 2) / fineStep)
    const row = Math.round((y - side / 2) / fineStep)
    this.#raster.moveTo(column, row)
    const layers = this.#raster.planes.map((plane) => this.#transform.spectrum(plane))
    return { left: column * fineStep, top: row * fineStep, layers }
  }
}

/** Real plane → spectrum inside the cut-off. */
class PlaneTransform {
  readonly #fft: BatchFft
  readonly #re: Float32Array
  readonly #im: Float32Array

  constructor(readonly plan: WindowPlan) {
    this.#fft = new BatchFft(plan.fine, batch)
    this.#re = new Float32Array((plan.band + 1) * plan.fine)
    this.#im = new Float32Array((plan.band + 1) * plan.fine)
  }

  spectrum(plane: Float32Array): Float32Array {
    this.#rows(plane)
    return this.#columns()
  }

  /** Two real rows make one complex column of the batch; they part again by their symmetry. */
  #rows(plane: Float32Array): void {
    const { fine, band } = this.plan
    const { inRe, inIm, outRe, outIm } = this.#fft
    const re = this.#re
    const im = this.#im
    for (let y = 0; y < fine; y += 2 * batch) {
      const pairs = Math.min(batch, (fine - y) / 2)
      for (let b = 0; b < pairs; b++) {
        const even = (y + 2 * b) * fine
        for (let x = 0; x < fine; x++) {
          inRe[x * batch + b] = plane[even + x]!
          inIm[x * batch + b] = plane[even + fine + x]!
        }
      }
      this.#fft.run()
      for (let k = 0; k <= band; k++) {
        const at = k * batch
        const mirror = ((fine - k) % fine) * batch
        const to = k * fine + y
        for (let b = 0; b < pairs; b++) {
          const ar = outRe[at + b]!
          const ai = outIm[at + b]!
          const br = outRe[mirror + b]!
          const bi = outIm[mirror + b]!
          re[to + 2 * b] = (ar + br) / 2
          im[to + 2 * b] = (ai - bi) / 2
          re[to + 2 * b + 1] = (ai + bi) / 2
          im[to + 2 * b + 1] = (br - ar) / 2
        }
      }
    }
  }

  #columns(): Float32Array {
    const { fine, band, starts, heights, points } = this.plan
    const { inRe, inIm, outRe, outIm } = this.#fft
    const re = this.#re
    const im = this.#im
    // Shared, so that several threads may render the same window.
    const result = new Float32Array(new SharedArrayBuffer(8 * points))
    for (let k = 0; k <= band; k += batch) {
      const count = Math.min(batch, band + 1 - k)
      for (let b = 0; b < count; b++) {
        const from = (k + b) * fine
        for (let y = 0; y < fine; y++) {
          inRe[y * batch + b] = re[from + y]!
          inIm[y * batch + b] = im[from + y]!
        }
      }
      this.#fft.run()
      for (let b = 0; b < count; b++) {
        const rows = heights[k + b]!
        let to = 2 * starts[k + b]!
        for (let j = -rows; j <= rows; j++, to += 2) {
          const from = (j < 0 ? j + fine : j) * batch + b
          result[to] = outRe[from]!
          result[to + 1] = outIm[from]!
        }
      }
    }
    return result
  }
}

/** Turns windows into noise-free pictures; keeps its buffers between frames. */
export class WindowRenderer {
  readonly #fft: BatchFft
  readonly #kernels: Readonly<Record<RenderKernel, (...parameters: number[]) => void>>
  readonly #radial: Uint16Array
  readonly #weights: Float32Array
  readonly #layers: readonly Float32Array[]
  /** Σ layers × OTF of the last window and focus: as long as only the stage moves it stays. */
  readonly #combined: Float32Array
  #of: { readonly window: SpecimenWindow; readonly focus: number } | undefined
  /** Vertical phase ramp × pixel response for every row, and the horizontal one of a column, as the kernels want them. */
  readonly #rampRe: Float32Array
  readonly #rampIm: Float32Array
  readonly #factor: Float32Array
  /** One folded column; its first number again at the end. */
  readonly #column: Float32Array
  /** The camera's half spectrum, column by column. */
  readonly #folded: Float32Array

  constructor(readonly plan: WindowPlan) {
    const { coarse, band, layers } = plan
    this.#fft = new BatchFft(coarse, batch)
    // Points are taken in twos.
    const points = plan.points + (plan.points % 2)
    const half = (coarse / 2 + 1) * coarse
    const memory = new KernelMemory(
      2 * points + 4 * (2 * layers * (radialBins + 1) + 2 * points * (layers + 1) + 4 * (2 * band + 1) + 2 * coarse + 2 * half) + 1024,
    )
    this.#kernels = memory.kernels<RenderKernel>(renderKernels(layers))
    this.#radial = memory.shorts(points)
    this.#radial.set(plan.radial())
    this.#weights = memory.floats(2 * layers * (radialBins + 1))
    this.#layers = Array.from({ length: layers }, () => memory.floats(2 * points))
    this.#combined = memory.floats(2 * points)
    this.#rampRe = memory.floats(2 * (2 * band + 1))
    this.#rampIm = memory.floats(2 * (2 * band + 1))
    this.#factor = memory.floats(8)
    this.#column = memory.floats(2 * (coarse + 1))
    this.#folded = memory.floats(2 * half)
  }

  /**
   * Adds the picture of the window, seen at (x, y) with the focus at z, to `into` (`width * height`, row by row).
   * @param exposure milliseconds × light (0 … 1)
   */
  add(window: SpecimenWindow, x: number, y: number, z: number, exposure: number, into: Float32Array): void {
    const { plan } = this
    const { band, coarse, side } = plan
    const pixel = plan.lens.pixelSizeUm
    const scale = (exposure * collectedFraction(plan.lens.numericalAperture) * detectionEfficiency) / coarse ** 2
    const offsetX = x - ((plan.width - 1) / 2) * pixel - window.left
    const offsetY = y - ((plan.height - 1) / 2) * pixel - window.top
    this.#combine(window, z)
    for (let j = -band; j <= band; j++) {
      const gain = this.#gain(j)
      const phase = (2 * Math.PI * j * offsetY) / side
      const at = 2 * (j + band)
      this.#rampRe.fill(gain * Math.cos(phase), at, at + 2)
      this.#rampIm[at] = -gain * Math.sin(phase)
      this.#rampIm[at + 1] = gain * Math.sin(phase)
    }
    this.#folded.fill(0)
    for (let k = 0; k <= band; k++) {
      const gain = this.#gain(k) * scale
      const phase = (2 * Math.PI * k * offsetX) / side
      this.#foldColumn(k, gain * Math.cos(phase), gain * Math.sin(phase))
    }
    this.#invert(into)
  }

  /** The pixel's response along one axis, with the drawing kernel undone. */
  #gain(k: number): number {
    const { side, fineStep, coarse } = this.plan
    return sinc(k / coarse) * Math.exp(2 * (Math.PI * (k / side) * fineStep * kernelSigma) ** 2)
  }

  #combine(window: SpecimenWindow, z: number): void {
    const { plan } = this
    const focus = Math.round(z / plan.focusStep) * plan.focusStep
    if (this.#of?.window === window && this.#of.focus === focus) return
    if (this.#of?.window !== window) for (const [l, layer] of window.layers.entries()) this.#layers[l]!.set(layer)
    this.#of = { window, focus }
    const limit = plan.defocusLimit
    const weights = this.#weights
    for (let l = 0; l < plan.layers; l++) {
      const table = plan.tables.at(Math.max(-limit, Math.min(limit, l * plan.layerStep - focus)))
      for (let r = 0, at = 2 * l; r <= radialBins; r++, at += 2 * plan.layers) {
        weights[at] = table[r]!
        weights[at + 1] = table[r]!
      }
    }
    const { byteOffset, byteLength } = this.#combined
    const first = this.#layers[0]!
    this.#kernels.combine(
      byteOffset,
      first.byteOffset,
      paddedBytes(first),
      weights.byteOffset,
      this.#radial.byteOffset,
      byteOffset + byteLength,
    )
  }

  /** Adds one column to the camera's half spectrum; frequencies beyond the pixels' own fall back onto lower ones. */
  #foldColumn(k: number, re: number, im: number): void {
    const { coarse, band, heights, starts } = this.plan
    const column = this.#column
    column.fill(0)
    const rows = heights[k]!
    for (let j = -rows; j <= rows; ) {
      const row = ((j % coarse) + coarse) % coarse
      const count = Math.min(coarse - row, rows + 1 - j)
      const to = column.byteOffset + 8 * row
      const ramp = 8 * (j + band)
      const from = this.#combined.byteOffset + 8 * (starts[k]! + j + rows)
      this.#kernels.fold(to, from, this.#rampRe.byteOffset + ramp, this.#rampIm.byteOffset + ramp, to + 8 * count)
      j += count
    }
    const { byteOffset } = column
    const factor = this.#factor.byteOffset
    const wrapped = k % coarse
    if (wrapped <= coarse / 2) {
      const to = this.#folded.byteOffset + 8 * wrapped * coarse
      this.#factor.set([re, re, re, re, -im, im, -im, im])
      this.#kernels.scale(to, byteOffset, factor, to + 8 * coarse)
    }
    // The mirrored half of the spectrum is not stored; what of it falls into the stored half of the camera's comes from here, conjugate.
    const mirrored = (coarse - wrapped) % coarse
    if (k > 0 && mirrored <= coarse / 2) {
      const to = this.#folded.byteOffset + 8 * mirrored * coarse
      column[2 * coarse] = column[0]!
      column[2 * coarse + 1] = column[1]!
      this.#factor.set([re, -re, re, -re, -im, -im, -im, -im])
      this.#kernels.mirror(to, byteOffset + 8, factor, to + 8 * coarse)
    }
  }

  /** Inverse transform of the half spectrum: exchanging real and imaginary parts on both sides turns the direction. */
  #invert(into: Float32Array): void {
    const { coarse } = this.plan
    for (let k = 0; k <= coarse / 2; k += batch) this.#invertColumns(k, Math.min(batch, coarse / 2 + 1 - k))
    for (let y = 0; y < this.plan.height; y += 2 * batch) this.#invertRows(y, into)
  }

  #invertColumns(first: number, count: number): void {
    const { coarse, height } = this.plan
    const { inRe, inIm, outRe, outIm } = this.#fft
    const folded = this.#folded
    for (let b = 0; b < count; b++) {
      for (let j = 0, from = 2 * (first + b) * coarse, to = b; j < coarse; j++, from += 2, to += batch) {
        inIm[to] = folded[from]!
        inRe[to] = folded[from + 1]!
      }
    }
    this.#fft.run()
    for (let b = 0; b < count; b++) {
      for (let j = 0, to = 2 * (first + b) * coarse, from = b; j < height; j++, to += 2, from += batch) {
        folded[to] = outIm[from]!
        folded[to + 1] = outRe[from]!
      }
    }
  }

  /** Two real rows share one complex transform, as its real and its imaginary part. */
  #invertRows(y: number, into: Float32Array): void {
    const { coarse, width, height } = this.plan
    const half = coarse / 2
    const { inRe, inIm, outRe, outIm } = this.#fft
    const folded = this.#folded
    const pairs = Math.min(batch, Math.ceil((height - y) / 2))
    for (let k = 0; k < coarse; k++) {
      const stored = k <= half ? k : coarse - k
      // A real row's spectrum has real ends; rounding there would leak into its partner.
      const sign = stored === 0 || stored === half ? 0 : k < half ? 1 : -1
      for (let b = 0, from = 2 * (stored * coarse + y); b < pairs; b++, from += 4) {
        inIm[k * batch + b] = folded[from]! - sign * folded[from + 3]!
        inRe[k * batch + b] = sign * folded[from + 1]! + folded[from + 2]!
      }
    }
    this.#fft.run()
    for (let b = 0; b < pairs; b++) {
      const to = (y + 2 * b) * width
      for (let x = 0; x < width; x++) into[to + x]! += outIm[x * batch + b]!
      if (y + 2 * b + 1 < height) for (let x = 0; x < width; x++) into[to + width + x]! += outRe[x * batch + b]!
    }
  }
}

/** Distance to the next array of this size in a kernel's memory. */
function paddedBytes(array: Float32Array): number {
  return Math.ceil(array.byteLength / 16) * 16
}
