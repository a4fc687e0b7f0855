/** The stained actin of one cell (channel B). */
import { hash, Random } from './random.ts'
import { type Cell, cytosol, depthAt, draw, outlineAt, type Place, surface } from './specimen-cell.ts'
import type { Emitters } from './specimen-emitters.ts'

/** A family of fibres that run side by side: a direction that changes slowly through the cell. */
interface Family {
  readonly angle: number
  /** Fibres draw together towards the cell's ends. */
  readonly gather: number
  /** Fibres curve, rad/µm. */
  readonly bend: number
}

/** Stress fibres, bundles along the rim and a fine meshwork between. */
export function actin(cell: Cell, spacing: number, into: Emitters): void {
  const random = new Random(hash(cell.seed, 1))
  const expression = Math.exp(random.normal(0, 0.25))
  cytosol(cell, 26 * expression, into)
  const main = { angle: cell.angle + random.normal(0, 0.06), gather: random.uniform(0.1, 0.55), bend: random.normal(0, 0.006) }
  const turned = random.uniform(0.35, 1.1) * (random.uniform() < 0.5 ? -1 : 1)
  const second = { angle: cell.angle + turned, gather: 0, bend: random.normal(0, 0.006) }
  const bundles = Math.round((cell.long * cell.short) / random.uniform(15, 24))
  for (let n = 0; n < bundles; n++) fibre(cell, random.uniform() < 0.84 ? main : second, expression, random, n, spacing, into)
  rim(cell, expression, random, spacing, into)
  mesh(cell, expression, random, spacing, into)
}

/** Follows the family's direction both ways from a random point of the cell, to the outline or to a free end. */
function fibre(cell: Cell, family: Family, expression: number, random: Random, n: number, spacing: number, into: Emitters): void {
  const around = random.uniform(0, 2 * Math.PI)
  const out = 0.96 * Math.sqrt(random.uniform()) * outlineAt(cell, around)
  const origin = { x: cell.x + out * Math.cos(around), y: cell.y + out * Math.sin(around) }
  const tilt = random.normal(0, 0.05)
  const farthest = random.uniform() < 0.55 ? 200 : random.uniform(6, 30)
  const walk = (sign: number): Place[] => {
    const path: Place[] = []
    let { x, y } = origin
    for (let length = 0; length < farthest; length += 1.2) {
      const depth = depthAt(cell, x, y)
      if (depth > 0.985) break
      path.push({ x, y, depth })
      const u = (x - cell.x) * Math.cos(family.angle) + (y - cell.y) * Math.sin(family.angle)
      const v = (y - cell.y) * Math.cos(family.angle) - (x - cell.x) * Math.sin(family.angle)
      const heading = family.angle + tilt - family.gather * (u / cell.long) * (v / cell.short) + family.bend * u
      x += sign * 1.2 * Math.cos(heading)
      y += sign * 1.2 * Math.sin(heading)
    }
    return path
  }
  const points = [...walk(-1).reverse(), ...walk(1).slice(1)]
  if (points.length < 4) return
  const strength = Math.exp(random.normal(-0.35, 0.7))
  const strands = 1 + Math.min(5, Math.floor(strength * random.uniform(0.6, 2.4)))
  const lift = random.uniform() < 0.16 ? random.uniform(0.4, 0.95) : 0
  const taper = Math.min(0.45, random.uniform(2, 9) / (points.length * 1.2))
  for (let s = 0; s < strands; s++) {
    draw(
      {
        points,
        offset: strands === 1 ? 0 : (s - (strands - 1) / 2) * random.uniform(0.25, 0.6),
        fan: true,
        z: (_, depth) => lift && lift * surface(cell, depth),
        sigma: random.uniform(0.07, 0.15),
        brightness: 2300 * expression * strength ** 0.6 * random.uniform(0.4, 1.2),
        taper,
        seed: hash(cell.seed, n, s),
      },
      spacing,
      into,
    )
  }
}

/** Bundles that follow the outline, broken here and there. */
function rim(cell: Cell, expression: number, random: Random, spacing: number, into: Emitters): void {
  for (let n = 0; n < 10; n++) {
    const start = random.uniform(0, 2 * Math.PI)
    const sweep = random.uniform(0.4, 1.6)
    const depth = 0.99 - Math.abs(random.normal(0, 0.02))
    const inward = random.uniform(0, 0.05)
    const points = Array.from({ length: 25 }, (_, k) => {
      const angle = start + (sweep * k) / 24
      const share = depth - inward * Math.sin((Math.PI * k) / 24)
      const radius = share * outlineAt(cell, angle)
      return { x: cell.x + radius * Math.cos(angle), y: cell.y + radius * Math.sin(angle), depth: share }
    })
    draw(
      {
        points,
        offset: 0,
        fan: false,
        z: () => 0,
        sigma: random.uniform(0.1, 0.18),
        brightness: 1900 * expression * Math.exp(random.normal(-0.4, 0.5)),
        taper: 0.3,
        seed: hash(cell.seed, 700 + n),
      },
      spacing,
      into,
    )
  }
}

function mesh(cell: Cell, expression: number, random: Random, spacing: number, into: Emitters): void {
  const count = Math.round((cell.long * cell.short) / 4)
  for (let n = 0; n < count; n++) {
    const angle = random.uniform(0, 2 * Math.PI)
    const depth = 0.97 * Math.sqrt(random.uniform())
    const radius = depth * outlineAt(cell, angle)
    const direction = cell.angle + random.normal(0, 0.6)
    const half = random.uniform(1, 5)
    const bend = random.normal(0, 0.08)
    const points = [-1, -0.5, 0, 0.5, 1].map((s) => ({
      x: cell.x + radius * Math.cos(angle) + half * s * Math.cos(direction + bend * s * half),
      y: cell.y + radius * Math.sin(angle) + half * s * Math.sin(direction + bend * s * half),
      depth,
    }))
    const z = random.uniform() < 0.7 ? 0 : surface(cell, depth) * random.uniform(0.5, 1)
    const brightness = 620 * expression * random.uniform(0.3, 1.6)
    draw({ points, offset: 0, fan: false, z: () => z, sigma: 0.08, brightness, taper: 0.4, seed: hash(cell.seed, 2000 + n) }, spacing, into)
  }
}
