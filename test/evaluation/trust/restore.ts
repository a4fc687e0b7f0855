/** The classical results that a network must beat: interpolation, smoothing, and Richardson & Lucy's deconvolution, each at its best. */
import { pearson } from '#main/analysis/trust/plane.ts'
import { blur } from '#main/analysis/trust/smooth.ts'
import { resampleRow, tapsOf } from '#main/inference/resample.ts'
import { cut, type Plane } from '#shared/image/plane.ts'

/** Share of the truth's variance that a picture does not show, whatever its brightness: 1 − r². Of flat truth: the picture's own variance. */
export function lack(picture: Float32Array, truth: Float32Array, scale: number): number {
  const first = truth[0] as number
  if (truth.every((value) => value === first)) {
    const mean = picture.reduce((a, b) => a + b, 0) / picture.length
    return picture.reduce((sum, value) => sum + (value - mean) ** 2, 0) / picture.length / scale
  }
  const r = pearson(picture, truth)
  return 1 - Math.max(0, r) ** 2
}

/** The input on the output's grid, its middle of `side` pixels. */
export function raised(input: Plane, factor: number, side: number): Float32Array {
  const up = factor === 1 ? input : turned(stretched(turned(stretched(input, factor)), factor))
  return middle(up, side)
}

/** Rows interpolated as the network's own input is. */
function stretched({ width, height, data }: Plane, factor: number): Plane {
  const taps = tapsOf(width, 1 / factor)
  const wide = Math.round(width * factor)
  const result = new Float32Array(wide * height)
  const origin = taps.starts[0] as number
  const padded = new Float32Array((taps.starts[wide - 1] as number) + taps.width - origin)
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < padded.length; i++) padded[i] = data[y * width + Math.min(width - 1, Math.max(0, i + origin))] as number
    resampleRow(padded, taps, 0, wide, result.subarray(y * wide, (y + 1) * wide))
  }
  return { width: wide, height, data: result }
}

function turned({ width, height, data }: Plane): Plane {
  return { width: height, height: width, data: data.map((_, i) => data[(i % height) * width + Math.floor(i / height)] as number) }
}

export function middle(picture: Plane, side: number): Float32Array {
  return cut(picture, (picture.width - side) >> 1, (picture.height - side) >> 1, side, side).data
}

export const smoothings = [0.7, 1.4, 2.8, 8] as const
export const iterations = [1, 2, 4, 8, 16] as const

/** The lack of every classical result: smoothed by each of `smoothings` (pixels), then deconvolved with each number of `iterations`. */
export function classicalLacks(
  input: Float32Array,
  side: number,
  psf: { readonly blur: number; readonly target: number },
  lackOf: (picture: Float32Array) => number,
): number[] {
  const plane = (data: Float32Array): Plane => ({ width: side, height: side, data })
  const found = smoothings.map((sigma) => lackOf(blur(plane(input), sigma).data))
  const ground = input.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  const observed = input.map((value) => value - ground + 1)
  let estimate = observed.slice()
  for (let iteration = 1; iteration <= Math.max(...iterations); iteration++) {
    const forward = blur(plane(estimate), psf.blur).data
    const ratio = observed.map((value, i) => value / Math.max(1e-3, forward[i] as number))
    const back = blur(plane(ratio), psf.blur).data
    estimate = estimate.map((value, i) => value * (back[i] as number))
    if ((iterations as readonly number[]).includes(iteration)) found.push(lackOf(blur(plane(estimate), psf.target).data))
  }
  return found
}
