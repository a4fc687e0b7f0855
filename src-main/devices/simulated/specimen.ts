/**
 * The specimen of the demo microscope: a seeded layer of endothelial-like cells on a coverslip at z = 0, without end in x and y and
 * computed where somebody looks. Every emitter is a Gaussian spot; filaments are rows of spots closer than the optics resolve.
 */
import { hash, Random } from './random.ts'
import { actin } from './specimen-actin.ts'
import { type Cell, outlineAt, outlineSteps } from './specimen-cell.ts'
import { type Area, type ChannelId, Emitters, type Specimen, specimenHeight } from './specimen-emitters.ts'
import { mitochondria } from './specimen-mitochondria.ts'
import { nucleus } from './specimen-nucleus.ts'

/** Distance between neighbouring cells, µm. */
const pitch = 60
/** No cell reaches farther than this from its centre, µm. */
const reach = 66
const beadPitch = 22
/** Photons per ms at full light from one bead. */
const beadPhotons = { A: 14_000, B: 22_000, C: 18_000 } as const

interface Site {
  readonly x: number
  readonly y: number
  readonly size: number
  readonly present: boolean
}

class EndothelialLayer implements Specimen {
  readonly #cells = new Map<string, Cell | null>()
  readonly #emitters = new Map<string, Emitters>()

  constructor(readonly seed: number) {}

  visit(channel: ChannelId, area: Area, spacing: number, callback: (emitters: Emitters) => void): void {
    const rows = this.#range(area.top - reach, area.bottom + reach, pitch * 0.866)
    for (let j = rows[0]; j <= rows[1]; j++) {
      const columns = this.#range(area.left - reach, area.right + reach, pitch)
      for (let i = columns[0] - 1; i <= columns[1]; i++) {
        const cell = this.#cell(i, j)
        if (cell && cell.x > area.left - reach && cell.x < area.right + reach) callback(this.#cellEmitters(i, j, cell, channel, spacing))
      }
    }
    const beadRows = this.#range(area.top - 1, area.bottom + 1, beadPitch)
    const beadColumns = this.#range(area.left - 1, area.right + 1, beadPitch)
    const beads = new Emitters()
    for (let j = beadRows[0]; j <= beadRows[1]; j++) for (let i = beadColumns[0]; i <= beadColumns[1]; i++) this.#bead(i, j, channel, beads)
    callback(beads)
  }

  haze(channel: ChannelId): number {
    return { A: 28, B: 55, C: 40 }[channel]
  }

  #range(low: number, high: number, step: number): [number, number] {
    return [Math.floor(low / step) - 1, Math.ceil(high / step) + 1]
  }

  #site(i: number, j: number): Site {
    const random = new Random(hash(this.seed, i, j, 11))
    const x = (i + (j & 1) / 2 + random.uniform(-0.27, 0.27)) * pitch
    const y = (j + random.uniform(-0.27, 0.27)) * pitch * 0.866
    return { x, y, size: random.uniform(0.8, 1.25), present: random.uniform() < 0.92 }
  }

  /** Neighbouring cells lie roughly parallel: a slowly varying direction, as under flow. */
  #direction(x: number, y: number): number {
    const a = hash(this.seed, 21) / 2 ** 32
    const b = hash(this.seed, 22) / 2 ** 32
    return Math.PI * (a + 0.45 * Math.sin(x / 190 + 6.3 * b) + 0.45 * Math.cos(y / 230 + 6.3 * a + x / 510))
  }

  #cell(i: number, j: number): Cell | null {
    const key = `${i},${j}`
    const known = this.#cells.get(key)
    if (known !== undefined) return known
    const site = this.#site(i, j)
    const cell = site.present ? this.#grow(i, j, site) : null
    if (this.#cells.size > 2000) this.#cells.clear()
    this.#cells.set(key, cell)
    return cell
  }

  /** Adhesion points on a rough ellipse with concave edges between them, pushed back where the cell meets its neighbours. */
  #grow(i: number, j: number, site: Site): Cell {
    const random = new Random(hash(this.seed, i, j, 12))
    const angle = this.#direction(site.x, site.y) + random.normal(0, 0.3)
    const elongation = Math.sqrt(random.uniform(1.2, 2.8))
    const long = Math.min(52, pitch * 0.56 * site.size * elongation)
    const short = (pitch * 0.56 * site.size) / elongation
    const count = 5 + Math.floor(random.uniform(0, 5))
    const corners = Array.from({ length: count }, (_, k) => {
      const theta = angle + ((k + random.uniform(-0.36, 0.36)) * 2 * Math.PI) / count
      const across = theta - angle
      const ellipse = (long * short) / Math.hypot(short * Math.cos(across), long * Math.sin(across))
      const radius = ellipse * random.uniform(0.9, 1.6)
      return { x: radius * Math.cos(theta), y: radius * Math.sin(theta) }
    })
    const radii = new Float64Array(outlineSteps)
    for (const [k, corner] of corners.entries()) this.#edge(radii, corner, corners[(k + 1) % count]!, random.uniform(-0.05, 0.17))
    const neighbours: Site[] = []
    for (let dj = -2; dj <= 2; dj++) for (let di = -2; di <= 2; di++) if (di !== 0 || dj !== 0) neighbours.push(this.#site(i + di, j + dj))
    for (let k = 0; k < outlineSteps; k++) {
      const theta = (2 * Math.PI * k) / outlineSteps
      for (const other of neighbours) {
        if (!other.present) continue
        const dx = other.x - site.x
        const dy = other.y - site.y
        const distance = Math.hypot(dx, dy)
        const facing = (dx * Math.cos(theta) + dy * Math.sin(theta)) / distance
        const border = (distance * site.size) / (site.size + other.size) + random.uniform(1, 2)
        if (facing > 0.05) radii[k] = Math.min(radii[k]!, border / facing)
      }
      radii[k] = Math.max(8, Math.min(reach - 3, radii[k]!))
    }
    const smooth = radii.map((value, k) => (radii[(k + outlineSteps - 1) % outlineSteps]! + 2 * value + radii[(k + 1) % outlineSteps]!) / 4)
    const height = random.uniform(4, specimenHeight)
    return { seed: hash(this.seed, i, j, 13), x: site.x, y: site.y, angle, long, short, radii: smooth, height }
  }

  /** Radii along the edge from one corner to the next, drawn inwards by `tension` as the membrane is between adhesions. */
  #edge(radii: Float64Array, from: { x: number; y: number }, to: { x: number; y: number }, tension: number): void {
    for (let s = 0; s <= 1; s += 1 / 64) {
      const pull = 1 - 4 * tension * s * (1 - s)
      const x = (from.x + (to.x - from.x) * s) * pull
      const y = (from.y + (to.y - from.y) * s) * pull
      const turns = Math.atan2(y, x) / (2 * Math.PI)
      radii[Math.round((turns - Math.floor(turns)) * outlineSteps) % outlineSteps] = Math.hypot(x, y)
    }
    for (let k = 0; k < outlineSteps; k++) if (radii[k] === 0) radii[k] = radii[(k + outlineSteps - 1) % outlineSteps]!
  }

  #cellEmitters(i: number, j: number, cell: Cell, channel: ChannelId, spacing: number): Emitters {
    const key = `${channel}${spacing}:${i},${j}`
    const known = this.#emitters.get(key)
    if (known) return known
    const emitters = new Emitters()
    if (channel === 'A') nucleus(cell, emitters)
    else if (channel === 'B') actin(cell, spacing, emitters)
    else mitochondria(cell, spacing, emitters)
    // Enough for the largest window in two channels.
    if (this.#emitters.size >= 400) this.#emitters.delete(this.#emitters.keys().next().value as string)
    this.#emitters.set(key, emitters)
    return emitters
  }

  /** Sub-resolution fluorescent beads lie on the bare glass between the cells. */
  #bead(i: number, j: number, channel: ChannelId, into: Emitters): void {
    const random = new Random(hash(this.seed, i, j, 31))
    if (random.uniform() > 0.7) return
    const x = (i + random.uniform()) * beadPitch
    const y = (j + random.uniform()) * beadPitch
    const brightness = beadPhotons[channel] * random.uniform(0.85, 1.15)
    const row = Math.round(y / (pitch * 0.866))
    for (let dj = -2; dj <= 2; dj++)
      for (let di = -3; di <= 3; di++) {
        const cell = this.#cell(Math.round(x / pitch) + di, row + dj)
        if (cell && Math.hypot(x - cell.x, y - cell.y) < outlineAt(cell, Math.atan2(y - cell.y, x - cell.x)) + 1.5) return
      }
    into.add(x, y, 0, 0.03, brightness)
  }
}

/** The same seed gives the same specimen, everywhere and always. */
export function endothelialLayer(seed: number): Specimen {
  return new EndothelialLayer(seed)
}
