/** The stained nucleus of one cell (channel A). */
import { hash, Random } from './random.ts'
import { type Cell, cytosol, smoothstep } from './specimen-cell.ts'
import type { Emitters } from './specimen-emitters.ts'

export interface NucleusShape {
  readonly x: number
  readonly y: number
  readonly angle: number
  readonly long: number
  readonly short: number
  readonly z: number
  readonly half: number
}

export function nucleusOf(cell: Cell): NucleusShape {
  const random = new Random(hash(cell.seed, 2))
  const long = random.uniform(7.6, 10.2)
  return {
    x: cell.x + random.normal(0, 2.2),
    y: cell.y + random.normal(0, 2.2),
    angle: cell.angle + random.normal(0, 0.25),
    long,
    short: Math.min(cell.short * 0.62, long * random.uniform(0.66, 0.88)),
    z: cell.height * 0.5,
    half: cell.height * 0.4,
  }
}

/** Distance from the nucleus' middle as a share of its half axes, seen from above. */
export function nuclearDepth(shape: NucleusShape, x: number, y: number): number {
  const dx = x - shape.x
  const dy = y - shape.y
  const u = dx * Math.cos(shape.angle) + dy * Math.sin(shape.angle)
  const v = dy * Math.cos(shape.angle) - dx * Math.sin(shape.angle)
  return Math.hypot(u / shape.long, v / shape.short)
}

/** Value noise in three dimensions, about ±1. */
function cloud(x: number, y: number, z: number, seed: number): number {
  const [i, j, k] = [Math.floor(x), Math.floor(y), Math.floor(z)]
  const [a, b, c] = [smoothstep(x - i), smoothstep(y - j), smoothstep(z - k)]
  let sum = 0
  for (let corner = 0; corner < 8; corner++) {
    const [p, q, r] = [corner & 1, (corner >> 1) & 1, corner >> 2]
    sum += (p ? a : 1 - a) * (q ? b : 1 - b) * (r ? c : 1 - c) * (hash(seed, i + p, j + q, k + r) / 2147483648 - 1)
  }
  return sum
}

/** An ellipsoid of chromatin: mottled, denser at the rim and in a few clumps, with dark nucleoli. */
export function nucleus(cell: Cell, into: Emitters): void {
  const shape = nucleusOf(cell)
  const random = new Random(hash(cell.seed, 3))
  cytosol(cell, 4, into)
  const density = 1500 * Math.exp(random.normal(0, 0.2))
  const ball = (count: number, low: number, high: number, spread: number) =>
    Array.from({ length: count }, () => {
      const angle = random.uniform(0, 2 * Math.PI)
      const depth = spread * Math.sqrt(random.uniform())
      const [u, v] = [shape.long * depth * Math.cos(angle), shape.short * depth * Math.sin(angle)]
      return {
        x: shape.x + u * Math.cos(shape.angle) - v * Math.sin(shape.angle),
        y: shape.y + u * Math.sin(shape.angle) + v * Math.cos(shape.angle),
        z: shape.z + random.normal(0, 0.5),
        radius: random.uniform(low, high),
      }
    })
  const nucleoli = ball(2 + Math.floor(random.uniform(0, 4)), 0.8, 1.6, 0.65)
  const clumps = ball(9, 0.3, 0.7, 0.92)
  const step = 0.55
  const lobes = [2, 3, 5].map((order) => ({ order, size: random.normal(0, 0.022), phase: random.uniform(0, 6.28) }))
  for (let z = shape.z - shape.half; z <= shape.z + shape.half; z += 0.7)
    for (let y = shape.y - 12; y <= shape.y + 12; y += step)
      for (let x = shape.x - 12; x <= shape.x + 12; x += step) {
        const angle = Math.atan2(y - shape.y, x - shape.x)
        const lobe = 1 + lobes.reduce((sum, { order, size, phase }) => sum + size * Math.cos(order * angle + phase), 0)
        const depth = Math.hypot(nuclearDepth(shape, x, y) / lobe, (z - shape.z) / shape.half)
        const inside = smoothstep((1.03 - depth) / 0.09)
        if (inside === 0) continue
        let light = 1 + 0.34 * cloud(x / 1.9, y / 1.9, z / 1.9, cell.seed) + 0.3 * cloud(x / 0.8, y / 0.8, z, cell.seed + 9)
        light *= 0.9 + 0.3 * smoothstep((depth - 0.7) / 0.25)
        for (const hole of nucleoli)
          light *= 0.16 + 0.84 * smoothstep(Math.hypot(x - hole.x, y - hole.y, (z - hole.z) * 0.5) / hole.radius - 0.4)
        for (const clump of clumps)
          light += 0.9 * Math.exp(-((x - clump.x) ** 2 + (y - clump.y) ** 2 + (z - clump.z) ** 2) / (2 * clump.radius ** 2))
        into.add(x, y, z, 0.3, density * inside * light * step * step)
      }
}
