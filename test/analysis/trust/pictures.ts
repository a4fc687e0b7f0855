/** Pictures by formula, and seeded noise. */

import { Random } from '#main/devices/simulated/random.ts'
import type { Plane } from '#shared/image/plane.ts'

export function plane(size: number, value: (x: number, y: number) => number): Plane {
  return { width: size, height: size, data: Float32Array.from({ length: size * size }, (_, i) => value(i % size, Math.floor(i / size))) }
}

/** Of the given variance and sum 2π · variance · 1/variance = 2π: its height is 1/variance. */
export function gaussian(dx: number, dy: number, variance: number): number {
  return Math.exp(-(dx * dx + dy * dy) / (2 * variance)) / variance
}

export function normals(count: number, seed: number): Float32Array {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.normal())
}
