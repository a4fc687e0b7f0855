/** The stained mitochondria of one cell (channel C). */
import { hash, Random } from './random.ts'
import { type Cell, cytosol, depthAt, draw, type Place, surface } from './specimen-cell.ts'
import type { Emitters } from './specimen-emitters.ts'
import { nuclearDepth, nucleusOf } from './specimen-nucleus.ts'

/** Worm-like mitochondria: crowded round the nucleus, reaching outwards, some branching. */
export function mitochondria(cell: Cell, spacing: number, into: Emitters): void {
  const shape = nucleusOf(cell)
  const random = new Random(hash(cell.seed, 4))
  const expression = Math.exp(random.normal(0, 0.25))
  cytosol(cell, 6 * expression, into)
  const count = Math.round(random.uniform(140, 210) * (cell.short / 24))
  for (let n = 0; n < count; n++) {
    const around = random.uniform(0, 2 * Math.PI)
    const start = 1 + 1.9 * random.uniform() ** 2.3
    const cos = start * shape.long * Math.cos(around)
    const sin = start * shape.short * 1.15 * Math.sin(around)
    let x = shape.x + cos * Math.cos(shape.angle) - sin * Math.sin(shape.angle)
    let y = shape.y + cos * Math.sin(shape.angle) + sin * Math.cos(shape.angle)
    const outwards = Math.atan2(y - shape.y, x - shape.x)
    const mixture = random.uniform() < 0.72 ? outwards : outwards + Math.PI / 2
    let heading = mixture + random.normal(0, 0.5)
    const below = random.uniform() < 0.15
    let turn = 0
    const steps = Math.round(Math.exp(random.normal(2.65, 0.6)))
    const points: Place[] = []
    for (let k = 0; k < steps; k++) {
      const depth = depthAt(cell, x, y)
      if (depth > 0.93) break
      // The nucleus leaves little room: most turn along its border, some slip below.
      if (!below && nuclearDepth(shape, x, y) < 0.98) heading += 0.5
      points.push({ x, y, depth })
      turn = 0.75 * turn + random.normal(0, 0.085)
      heading += turn
      x += 0.55 * Math.cos(heading)
      y += 0.55 * Math.sin(heading)
    }
    if (points.length < 4) continue
    const level = below ? 0.06 : random.uniform(0.12, 0.5)
    const sway = random.normal(0, 0.12)
    draw(
      {
        points,
        offset: 0,
        fan: false,
        z: (t, depth) => surface(cell, depth) * (level + sway * Math.sin(4 * t)),
        sigma: random.uniform(0.15, 0.22),
        brightness: 2700 * expression * Math.exp(random.normal(0, 0.3)),
        taper: Math.min(0.3, 1.2 / points.length),
        seed: hash(cell.seed, 5000 + n),
      },
      spacing,
      into,
    )
  }
}
