/**
 * What a tile of a camera picture looks like, in 33 numbers, on the camera's own grid. The definition is that of
 * models/training/deepscope_training/statistics.py (`METHOD`), which computes the same of the training inputs; test/cases/trust holds values
 * that both must give.
 */
import type { Plane } from '#shared/image/plane.ts'
import { percentileOf } from './plane.ts'
import { signed, transformFor } from './transform.ts'

/** Side of a tile, camera pixels. */
export const tileSide = 128
const rings = 16
const sectors = 8
/** Rings that are taken together for direction and peak, both ends included. */
const groups = [
  [1, 3],
  [4, 7],
  [8, 11],
  [12, 15],
] as const
const quantiles = [5, 25, 50, 75, 95, 99] as const
const least = 1e-12

export const featureCount = rings + 1 + quantiles.length + 2 * groups.length + 2

interface Plan {
  readonly ring: Uint8Array
  readonly sector: Uint8Array
  readonly counts: Float64Array
  readonly window: Float64Array
  readonly windowPower: number
}

let plan: Plan | undefined

function tilePlan(): Plan {
  if (plan) return plan
  const n = tileSide
  const ring = new Uint8Array(n * n)
  const sector = new Uint8Array(n * n)
  const counts = new Float64Array(rings + 1)
  for (let kx = 0; kx < n; kx++)
    for (let ky = 0; ky < n; ky++) {
      const [i, j] = [signed(ky, n), signed(kx, n)]
      const at = kx * n + ky
      ring[at] = Math.min(rings, Math.floor(Math.sqrt(i * i + j * j) / (n / 2 / rings)))
      const turn = Math.floor((sectors * Math.atan2(i, j)) / Math.PI + 0.5) % sectors
      sector[at] = (turn + sectors) % sectors
      counts[ring[at] as number]! += 1
    }
  const hann = Float64Array.from({ length: n }, (_, x) => 0.5 - 0.5 * Math.cos((2 * Math.PI * x) / (n - 1)))
  const window = new Float64Array(n * n)
  for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) window[y * n + x] = (hann[y] as number) * (hann[x] as number)
  plan = { ring, sector, counts, window, windowPower: window.reduce((sum, value) => sum + value * value, 0) }
  return plan
}

/** Of a tile of `tileSide`² pixels: 17 powers, 6 quantiles, 4 directions, 4 peaks, noise, heavy tail. */
export function features({ data }: Plane): Float64Array {
  const n = tileSide
  if (data.length !== n * n) throw new RangeError(`A tile has ${n}² pixels, not ${data.length}.`)
  const { ring, counts, window, windowPower } = tilePlan()
  const sorted = Float64Array.from(data).sort()
  const low = percentileOf(sorted, 1)
  const range = percentileOf(sorted, 99.9) - low + 1e-6
  const y = Float64Array.from(data, (value) => (value - low) / range)
  const middle = y.reduce((sum, value) => sum + value, 0) / y.length
  const windowed = Float32Array.from(y, (value, i) => (value - middle) * (window[i] as number))
  const { re, im } = transformFor(n, n).forward({ width: n, height: n, data: windowed })
  const power = new Float64Array(n * n)
  const means = new Float64Array(rings + 1)
  for (let i = 0; i < power.length; i++) {
    const value = ((re[i] as number) ** 2 + (im[i] as number) ** 2) / windowPower
    power[i] = value
    means[ring[i] as number]! += value
  }
  for (let r = 0; r <= rings; r++) means[r]! /= counts[r] as number
  const { directions, peaks } = anisotropy(power, means)
  const { noise, tail } = grain(y)
  const levels = quantiles.map((percent) => (percentileOf(sorted, percent) - low) / range)
  return Float64Array.from([...Array.from(means, (value) => Math.log10(value + least)), ...levels, ...directions, ...peaks, noise, tail])
}

/** Power relative to its ring: the strongest of eight directions over their mean, and the strongest coefficient, in decades. */
function anisotropy(power: Float64Array, means: Float64Array): { directions: number[]; peaks: number[] } {
  const { ring, sector } = tilePlan()
  const sums = groups.map(() => new Float64Array(sectors))
  const members = groups.map(() => new Float64Array(sectors))
  const largest = groups.map(() => 0)
  for (let i = 0; i < power.length; i++) {
    const r = ring[i] as number
    const g = groups.findIndex(([first, last]) => r >= first && r <= last)
    if (g < 0) continue
    const relative = ((power[i] as number) + least) / ((means[r] as number) + least)
    sums[g]![sector[i] as number]! += relative
    members[g]![sector[i] as number]! += 1
    if (relative > (largest[g] as number)) largest[g] = relative
  }
  const directions = groups.map((_, g) => {
    const each = Array.from(sums[g]!, (sum, s) => sum / (members[g]![s] as number))
    return Math.log10(Math.max(...each) / (each.reduce((a, b) => a + b, 0) / sectors))
  })
  return { directions, peaks: largest.map((value) => Math.log10(value)) }
}

/** Robust width and heavy tail of the picture filtered by a mask that smooth structure does not pass (Immerkær 1996), in decades. */
function grain(y: Float64Array): { noise: number; tail: number } {
  const n = tileSide
  const mask = new Float64Array((n - 2) * (n - 2))
  const column = (i: number) => (y[i - n] as number) - 2 * (y[i] as number) + (y[i + n] as number)
  for (let row = 1, to = 0; row < n - 1; row++)
    for (let x = 1; x < n - 1; x++, to++) {
      const i = row * n + x
      mask[to] = (column(i - 1) - 2 * column(i) + column(i + 1)) / 6
    }
  const middle = mask.reduce((sum, value) => sum + value, 0) / mask.length
  const std = Math.sqrt(mask.reduce((sum, value) => sum + (value - middle) ** 2, 0) / mask.length)
  const sorted = mask.map(Math.abs).sort()
  const noise = Math.log10(Math.max(percentileOf(sorted, 50) / 0.6745, 1e-4))
  return { noise, tail: Math.log10(Math.max(std, 1e-4)) - noise }
}
