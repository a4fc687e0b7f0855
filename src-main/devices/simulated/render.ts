/**
 * From emitters to expected photoelectrons. A *window* larger than the camera's field is drawn once on a fine grid, layer by layer, and kept
 * as spectra inside the optics' cut-off. A frame is then: layers × OTF(defocus), shifted by a phase ramp, × the pixel's sinc, folded onto the
 * camera's frequencies (that is what aliasing is), and one inverse transform at camera resolution.
 */
import { BatchFft, goodLength } from './fft.ts'
import { blurSlope, collectedFraction, cutoff, type Lens, radialBins, sinc, sphericalAberration, TransferTables } from './optics.ts'
import { type ChannelId, channels, type Specimen, specimenHeight } from './specimen-emitters.ts'
import { kernelSigma, Raster } from './specimen-raster.ts'

/** Detected electrons for each photon that enters the objective: filters, camera window and quantum efficiency. */
export const detectionEfficiency = 0.72

/** µm beyond the geometric blur that count as within reach of a point's picture. */
const tail = 4
/** Room around the field for blur and motion, µm. */
const room = 41
const batch = 16

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
  #radial: Uint16Array | undefined

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
    this.fine = goodLength(this.coarse * pixel * 2.2 * top, 64)
    this.side = this.coarse * pixel
    this.fineStep = this.side / this.fine
    this.spacing = 0.93 / top
    // Half the depth of field or less.
    this.layerStep = (wavelengthUm * 1.33) / lens.numericalAperture ** 2 > 3 ? 2 : 1
    this.layers = specimenHeight / this.layerStep + 1
    this.focusStep = this.layerStep / 10
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
  get radial(): Uint16Array {
    if (this.#radial) return this.#radial
    const radial = new Uint16Array(this.points)
    const top = cutoff(this.lens.numericalAperture, channels[this.channel].emissionNm / 1000) * this.side
    for (let k = 0, p = 0; k <= this.band; k++) {
      const rows = this.heights[k]!
      for (let j = -rows; j <= rows; j++, p++) radial[p] = Math.min(radialBins, Math.round(Math.sqrt(Math.hypot(k, j) / top) * radialBins))
    }
    this.#radial = radial
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
          this.#re[to + 2 * b] = (ar + br) / 2
          this.#im[to + 2 * b] = (ai - bi) / 2
          this.#re[to + 2 * b + 1] = (ai + bi) / 2
          this.#im[to + 2 * b + 1] = (br - ar) / 2
        }
      }
    }
  }

  #columns(): Float32Array {
    const { fine, band, starts, heights, points } = this.plan
    const { inRe, inIm, outRe, outIm } = this.#fft
    const result = new Float32Array(2 * points)
    for (let k = 0; k <= band; k += batch) {
      const count = Math.min(batch, band + 1 - k)
      for (let b = 0; b < count; b++) {
        const from = (k + b) * fine
        for (let y = 0; y < fine; y++) {
          inRe[y * batch + b] = this.#re[from + y]!
          inIm[y * batch + b] = this.#im[from + y]!
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
  readonly #foldRe: Float32Array
  readonly #foldIm: Float32Array
  /** Σ layers × OTF of the last window and focus: as long as only the stage moves it stays. */
  readonly #combined: Float32Array
  #of: { window: SpecimenWindow; focus: number } | undefined
  readonly #rowRe: Float64Array
  readonly #rowIm: Float64Array
  readonly #columnRe: Float64Array
  readonly #columnIm: Float64Array

  constructor(readonly plan: WindowPlan) {
    const { coarse, band } = plan
    this.#fft = new BatchFft(coarse, batch)
    this.#foldRe = new Float32Array((coarse / 2 + 1) * coarse)
    this.#foldIm = new Float32Array((coarse / 2 + 1) * coarse)
    this.#combined = new Float32Array(2 * plan.points)
    this.#rowRe = new Float64Array(2 * band + 1)
    this.#rowIm = new Float64Array(2 * band + 1)
    this.#columnRe = new Float64Array(coarse)
    this.#columnIm = new Float64Array(coarse)
  }

  /**
   * Adds the picture of the window, seen at (x, y) with the focus at z, to `into` (`width * height`, row by row).
   * @param exposure milliseconds × light (0 … 1)
   */
  add(window: SpecimenWindow, x: number, y: number, z: number, exposure: number, into: Float32Array): void {
    const { plan } = this
    const pixel = plan.lens.pixelSizeUm
    const scale = exposure * collectedFraction(plan.lens.numericalAperture) * detectionEfficiency
    const offsetX = x - ((plan.width - 1) / 2) * pixel - window.left
    const offsetY = y - ((plan.height - 1) / 2) * pixel - window.top
    this.#foldRe.fill(0)
    this.#foldIm.fill(0)
    this.#combine(window, z)
    for (let j = -plan.band; j <= plan.band; j++) {
      const gain = this.#gain(j)
      const phase = (2 * Math.PI * j * offsetY) / plan.side
      this.#rowRe[j + plan.band] = gain * Math.cos(phase)
      this.#rowIm[j + plan.band] = gain * Math.sin(phase)
    }
    const half = plan.coarse / 2
    for (let k = 0; k <= plan.band; k++) {
      const gain = (this.#gain(k) * scale) / plan.coarse ** 2
      const phase = (2 * Math.PI * k * offsetX) / plan.side
      this.#foldRows(k)
      const wrapped = k % plan.coarse
      if (wrapped <= half) this.#foldColumn(wrapped, gain * Math.cos(phase), gain * Math.sin(phase))
      // The mirrored half of the spectrum is not stored; what of it falls into the stored half of the camera's comes from here.
      const mirrored = (plan.coarse - wrapped) % plan.coarse
      if (k > 0 && mirrored <= half) this.#foldMirrored(mirrored, gain * Math.cos(phase), gain * Math.sin(phase))
    }
    this.#invert(into)
  }

  /** The pixel's response along one axis, the drawing kernel undone, and the pixel's share of the fine grid. */
  #gain(k: number): number {
    const { side, fineStep, coarse } = this.plan
    const frequency = k / side
    // The inverse transform's 1/coarse² lies in `add`; energy per pixel, not per area, so that the sum over all pixels is kept.
    return sinc(k / coarse) * Math.exp(2 * (Math.PI * frequency * fineStep * kernelSigma) ** 2)
  }

  #combine(window: SpecimenWindow, z: number): void {
    const { plan } = this
    const focus = Math.round(z / plan.focusStep) * plan.focusStep
    if (this.#of?.window === window && this.#of.focus === focus) return
    this.#of = { window, focus }
    const limit = plan.defocusLimit
    const transfers = window.layers.map((_, l) => plan.tables.at(Math.max(-limit, Math.min(limit, l * plan.layerStep - focus))))
    for (let l = 0; l < window.layers.length; l += 4)
      addLayers(this.#combined, plan.radial, window.layers.slice(l, l + 4), transfers.slice(l, l + 4), l === 0)
  }

  /** One column × the vertical ramp, folded: frequencies beyond the pixels' own fall back onto lower ones. */
  #foldRows(k: number): void {
    const { coarse, band, heights, starts } = this.plan
    const re = this.#columnRe
    const im = this.#columnIm
    const rowRe = this.#rowRe
    const rowIm = this.#rowIm
    const rows = heights[k]!
    const combined = this.#combined
    re.fill(0)
    im.fill(0)
    let p = 2 * starts[k]!
    let r = band - rows
    let to = ((-rows % coarse) + coarse) % coarse
    for (const end = band + rows; r <= end; r++, p += 2) {
      const sRe = combined[p]!
      const sIm = combined[p + 1]!
      const yRe = rowRe[r]!
      const yIm = rowIm[r]!
      re[to]! += sRe * yRe - sIm * yIm
      im[to]! += sRe * yIm + sIm * yRe
      if (++to === coarse) to = 0
    }
  }

  #foldColumn(column: number, xRe: number, xIm: number): void {
    const { coarse } = this.plan
    const re = this.#columnRe
    const im = this.#columnIm
    for (let j = 0, to = column * coarse; j < coarse; j++, to++) {
      this.#foldRe[to]! += re[j]! * xRe - im[j]! * xIm
      this.#foldIm[to]! += re[j]! * xIm + im[j]! * xRe
    }
  }

  #foldMirrored(column: number, xRe: number, xIm: number): void {
    const { coarse } = this.plan
    const re = this.#columnRe
    const im = this.#columnIm
    const first = column * coarse
    for (let j = 0, to = first; j < coarse; j++) {
      this.#foldRe[to]! += re[j]! * xRe - im[j]! * xIm
      this.#foldIm[to]! -= re[j]! * xIm + im[j]! * xRe
      to = first + coarse - 1 - j
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
    const re = this.#foldRe
    const im = this.#foldIm
    for (let b = 0; b < count; b++) {
      const from = (first + b) * coarse
      for (let j = 0; j < coarse; j++) {
        inIm[j * batch + b] = re[from + j]!
        inRe[j * batch + b] = im[from + j]!
      }
    }
    this.#fft.run()
    for (let b = 0; b < count; b++) {
      const to = (first + b) * coarse
      for (let j = 0; j < height; j++) {
        re[to + j] = outIm[j * batch + b]!
        im[to + j] = outRe[j * batch + b]!
      }
    }
  }

  /** Two real rows share one complex transform, as its real and its imaginary part. */
  #invertRows(y: number, into: Float32Array): void {
    const { coarse, width, height } = this.plan
    const half = coarse / 2
    const { inRe, inIm, outRe, outIm } = this.#fft
    const re = this.#foldRe
    const im = this.#foldIm
    const pairs = Math.min(batch, Math.ceil((height - y) / 2))
    for (let k = 0; k < coarse; k++) {
      const stored = k <= half ? k : coarse - k
      // A real row's spectrum has real ends; rounding there would leak into its partner.
      const sign = stored === 0 || stored === half ? 0 : k < half ? 1 : -1
      for (let b = 0; b < pairs; b++) {
        const from = stored * coarse + y + 2 * b
        inIm[k * batch + b] = re[from]! - sign * im[from + 1]!
        inRe[k * batch + b] = sign * im[from]! + re[from + 1]!
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

/** Adds up to four layers, each times its transfer function (the first four replace what was there): one radial look-up for all. */
function addLayers(
  into: Float32Array,
  radial: Uint16Array,
  layers: readonly Float32Array[],
  transfers: readonly Float32Array[],
  first: boolean,
): void {
  const weights = new Float32Array(4 * (radialBins + 1))
  for (const [l, transfer] of transfers.entries()) for (let r = 0; r <= radialBins; r++) weights[4 * r + l] = transfer[r]!
  const [a, b = a, c = a, d = a] = layers as readonly [Float32Array, Float32Array?, Float32Array?, Float32Array?]
  for (let p = 0; p < radial.length; p++) {
    const r = 4 * radial[p]!
    const wa = weights[r]!
    const wb = weights[r + 1]!
    const wc = weights[r + 2]!
    const wd = weights[r + 3]!
    const re = 2 * p
    const im = re + 1
    const sumRe = wa * a[re]! + wb * b[re]! + wc * c[re]! + wd * d[re]!
    const sumIm = wa * a[im]! + wb * b[im]! + wc * c[im]! + wd * d[im]!
    into[re] = first ? sumRe : into[re]! + sumRe
    into[im] = first ? sumIm : into[im]! + sumIm
  }
}
