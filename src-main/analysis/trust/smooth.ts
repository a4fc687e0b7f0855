/** Blurring by a Gaussian and averaging to a coarser grid. */
import type { Plane } from '#shared/image/plane.ts'

/** The integral of a Gaussian of unit sum over each pixel, so that a width of 0 is no blur at all. */
export function gaussianKernel(sigma: number): Float64Array {
  if (sigma < 1e-3) return Float64Array.of(1)
  const reach = Math.max(1, Math.ceil(3.5 * sigma))
  const edge = (x: number) => (1 + erf(x / (sigma * Math.SQRT2))) / 2
  const kernel = Float64Array.from({ length: 2 * reach + 1 }, (_, i) => edge(i - reach + 0.5) - edge(i - reach - 0.5))
  const sum = kernel.reduce((a, b) => a + b, 0)
  return kernel.map((value) => value / sum)
}

/** Abramowitz & Stegun 7.1.26, absolute error below 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return Math.sign(x) * (1 - series * Math.exp(-x * x))
}

/** The picture blurred by a Gaussian of `sigma` pixels; beyond the edge its pixels are repeated. */
export function blur({ width, height, data }: Plane, sigma: number): Plane {
  const kernel = gaussianKernel(sigma)
  const reach = (kernel.length - 1) / 2
  if (reach === 0) return { width, height, data: data.slice() }
  const rows = new Float32Array(data.length)
  const padded = new Float64Array(width + 2 * reach)
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let i = 0; i < padded.length; i++) padded[i] = data[row + Math.min(width - 1, Math.max(0, i - reach))] as number
    for (let x = 0; x < width; x++) {
      let sum = 0
      for (let k = 0; k < kernel.length; k++) sum += (kernel[k] as number) * (padded[x + k] as number)
      rows[row + x] = sum
    }
  }
  const result = new Float32Array(data.length)
  const line = new Float64Array(width)
  for (let y = 0; y < height; y++) {
    line.fill(0)
    for (let k = 0; k < kernel.length; k++) {
      const from = Math.min(height - 1, Math.max(0, y + k - reach)) * width
      const weight = kernel[k] as number
      for (let x = 0; x < width; x++) line[x]! += weight * (rows[from + x] as number)
    }
    result.set(line, y * width)
  }
  return { width, height, data: result }
}

/** Means over the pixels of a coarser (or equal) grid with the same corners, as a camera with larger pixels would see. */
export function averaged(picture: Plane, width: number, height: number): Plane {
  if (width === picture.width && height === picture.height) return picture
  if (width > picture.width || height > picture.height) throw new RangeError('Averaging leads to a coarser grid only.')
  const columns = shares(picture.width, width)
  const rows = shares(picture.height, height)
  const narrow = new Float64Array(width * picture.height)
  for (let y = 0; y < picture.height; y++)
    for (let x = 0; x < width; x++) {
      const { first, weights } = columns[x] as Share
      let sum = 0
      for (let k = 0; k < weights.length; k++) sum += (weights[k] as number) * (picture.data[y * picture.width + first + k] as number)
      narrow[y * width + x] = sum
    }
  const data = new Float32Array(width * height)
  for (let y = 0; y < height; y++) {
    const { first, weights } = rows[y] as Share
    for (let k = 0; k < weights.length; k++) {
      const [weight, from] = [weights[k] as number, (first + k) * width]
      for (let x = 0; x < width; x++) data[y * width + x]! += weight * (narrow[from + x] as number)
    }
  }
  return { width, height, data }
}

interface Share {
  readonly first: number
  readonly weights: readonly number[]
}

/** Which pixels of the fine grid each coarse one covers, and by how much; weights sum to 1. */
function shares(fine: number, coarse: number): Share[] {
  const ratio = fine / coarse
  return Array.from({ length: coarse }, (_, i) => {
    const [from, to] = [i * ratio, (i + 1) * ratio]
    const first = Math.floor(from + 1e-9)
    const last = Math.min(fine, Math.ceil(to - 1e-9))
    const weights = Array.from({ length: last - first }, (_, k) => (Math.min(to, first + k + 1) - Math.max(from, first + k)) / ratio)
    return { first, weights }
  })
}
