/** Copies of a picture that a trustworthy network answers alike, and how each answer is brought back. */

import type { Plane } from '#shared/image/plane.ts'
import type { NoiseModel } from './noise.ts'
import { varianceAt } from './noise.ts'

export interface Perturbation {
  readonly name: string
  apply(input: Plane): Plane
  /** Undoes it on the network's answer, whose grid may be finer. */
  restore(output: Plane): Plane
}

/**
 * Three, each of another kind, because every one costs an answer of the network. The picture is mirrored both ways, which the blur of a round pupil
 * allows, and moved along the diagonal.
 *
 * @param factor output pixels along an input pixel
 */
export function perturbations(noise: NoiseModel, factor: number, seed = 1): Perturbation[] {
  const mirror = (picture: Plane) => mirrorX(mirrorY(picture))
  return [
    { name: 'mirrored both ways', apply: mirror, restore: mirror },
    {
      name: 'moved by half a pixel to the right and down',
      apply: (input) => halfPixel(halfPixel(input, 1, 0), 0, 1),
      restore: (output) => moved(output, -0.5 * factor, -0.5 * factor),
    },
    // As much noise again as the picture has, so that twice the variance is seen.
    { name: 'with added noise', apply: (input) => noisy(input, noise, seed), restore: (output) => output },
  ]
}

function mirrorX({ width, height, data }: Plane): Plane {
  return { width, height, data: data.map((_, i) => data[i - 2 * (i % width) + width - 1] as number) }
}

function mirrorY({ width, height, data }: Plane): Plane {
  const result = new Float32Array(data.length)
  for (let y = 0; y < height; y++) result.set(data.subarray((height - 1 - y) * width, (height - y) * width), y * width)
  return { width, height, data: result }
}

/** Lanczos' kernel with three lobes at the half pixels; keeps nearly the whole spectrum, and so the noise. */
const lanczos = (() => {
  const sinc = (x: number) => Math.sin(Math.PI * x) / (Math.PI * x)
  const raw = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5].map((x) => sinc(x) * sinc(x / 3))
  const sum = raw.reduce((a, b) => a + b, 0)
  return raw.map((value) => value / sum)
})()

/** The content moved by half a pixel to the right or down; beyond the edge its pixels are repeated. */
function halfPixel({ width, height, data }: Plane, dx: number, dy: number): Plane {
  const at = (x: number, y: number) => data[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))] as number
  return {
    width,
    height,
    data: data.map((_, i) => {
      const [x, y] = [i % width, Math.floor(i / width)]
      let sum = 0
      for (let k = 0; k < 6; k++) sum += (lanczos[k] as number) * at(x + dx * (k - 3), y + dy * (k - 3))
      return sum
    }),
  }
}

/** Moved by (dx, dy) pixels, linearly between pixels; whole steps change no value. */
function moved({ width, height, data }: Plane, dx: number, dy: number): Plane {
  const [wholeX, wholeY] = [Math.floor(dx), Math.floor(dy)]
  const [fx, fy] = [dx - wholeX, dy - wholeY]
  const at = (x: number, y: number) => data[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))] as number
  return {
    width,
    height,
    data: data.map((_, i) => {
      const [x, y] = [(i % width) - wholeX, Math.floor(i / width) - wholeY]
      const row = (line: number) => (1 - fx) * at(x, line) + (fx === 0 ? 0 : fx * at(x - 1, line))
      return (1 - fy) * row(y) + (fy === 0 ? 0 : fy * row(y - 1))
    }),
  }
}

/** The same copy every time. */
function noisy({ width, height, data }: Plane, noise: NoiseModel, seed: number): Plane {
  const uniform = mulberry32(seed)
  return { width, height, data: data.map((value) => value + Math.sqrt(varianceAt(noise, value)) * normal(uniform)) }
}

/** A small generator of even numbers from 0 to 1. */
export function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** A normal number of two even ones (Box & Muller 1958). */
export function normal(uniform: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}
