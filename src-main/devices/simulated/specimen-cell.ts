/** One cell's shape, and drawing within it. Brightness in photons per ms at full light. */
import { hash } from './random.ts'
import type { Emitters } from './specimen-emitters.ts'

/** One cell: where it lies, how it is turned, and its outline. */
export interface Cell {
  readonly seed: number
  readonly x: number
  readonly y: number
  /** Direction of the long axis. */
  readonly angle: number
  /** Half axes of the ellipse behind the outline, µm. */
  readonly long: number
  readonly short: number
  /** Outline: radii at equal steps of the angle, µm. */
  readonly radii: Float64Array
  /** Height above the nucleus, µm. */
  readonly height: number
}

export const outlineSteps = 90

/** Radius of the outline in a direction. */
export function outlineAt(cell: Cell, angle: number): number {
  const turns = angle / (2 * Math.PI)
  const place = (turns - Math.floor(turns)) * outlineSteps
  const i = Math.floor(place) % outlineSteps
  const t = place - Math.floor(place)
  return cell.radii[i]! * (1 - t) + cell.radii[(i + 1) % outlineSteps]! * t
}

/** A point of a filament. */
export interface Place {
  readonly x: number
  readonly y: number
  /** 0 at the cell's centre, 1 at its outline. */
  readonly depth: number
}

/** How far out a point lies: 0 at the cell's centre, 1 at its outline. */
export function depthAt(cell: Cell, x: number, y: number): number {
  return Math.hypot(x - cell.x, y - cell.y) / outlineAt(cell, Math.atan2(y - cell.y, x - cell.x))
}

/** The cell's upper surface: flat at the rim, domed over the nucleus. */
export function surface(cell: Cell, depth: number): number {
  const d = Math.min(1, depth)
  return 0.4 + (cell.height - 0.4) * (1 - d * d) ** 2
}

export const smoothstep = (t: number) => (t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t))

/** Smooth noise along a line, mean 0, about ±1. */
export function ripple(t: number, seed: number): number {
  const at = (k: number) => hash(seed, k) / 2147483648 - 1
  const k = Math.floor(t)
  const s = smoothstep(t - k)
  return at(k) * (1 - s) + at(k + 1) * s
}

export interface Strand {
  readonly points: readonly Place[]
  /** Lateral offset, µm; strands of a bundle part in the middle and meet at the ends. */
  readonly offset: number
  readonly fan: boolean
  readonly z: (t: number, depth: number) => number
  readonly sigma: number
  /** Photons per ms and µm. */
  readonly brightness: number
  /** Length over which the ends fade, as a share. */
  readonly taper: number
  readonly seed: number
}

/** Puts spots along a polyline, `spacing` apart at most, with the same total light whatever the spacing. */
export function draw(strand: Strand, spacing: number, into: Emitters): void {
  const { points } = strand
  const lengths = [0]
  for (let i = 1; i < points.length; i++)
    lengths.push(lengths[i - 1]! + Math.hypot(points[i]!.x - points[i - 1]!.x, points[i]!.y - points[i - 1]!.y))
  const total = lengths.at(-1) ?? 0
  if (total < 1) return
  const count = Math.ceil(total / spacing)
  const step = total / count
  for (let n = 0, i = 1; n < count; n++) {
    const along = (n + 0.5) * step
    while (i < lengths.length - 1 && lengths[i]! < along) i++
    const a = points[i - 1]!
    const b = points[i]!
    const span = lengths[i]! - lengths[i - 1]! || 1
    const s = (along - lengths[i - 1]!) / span
    const t = along / total
    const fade = smoothstep(Math.min(t, 1 - t) / strand.taper)
    const side = strand.fan ? strand.offset * Math.sin(Math.PI * t) ** 0.5 : strand.offset
    const grain = 1 + 0.22 * ripple(along / 1.3, strand.seed) + 0.3 * ripple(along / 9, strand.seed + 1)
    const light = strand.brightness * step * fade * Math.max(0.15, grain)
    if (light < 1) continue
    into.add(
      a.x + (b.x - a.x) * s - ((b.y - a.y) / span) * side,
      a.y + (b.y - a.y) * s + ((b.x - a.x) / span) * side,
      strand.z(t, a.depth + (b.depth - a.depth) * s),
      strand.sigma,
      light,
    )
  }
}

/** Light spread evenly through the cell's body, in proportion to its thickness. */
export function cytosol(cell: Cell, brightness: number, into: Emitters): void {
  const step = 4.6
  for (let y = -60; y <= 60; y += step)
    for (let x = -60; x <= 60; x += step) {
      const depth = Math.hypot(x, y) / outlineAt(cell, Math.atan2(y, x))
      const rim = smoothstep((1.03 - depth) / 0.2)
      if (rim > 0) {
        const thickness = surface(cell, depth)
        into.add(cell.x + x, cell.y + y, 3, 2.2, brightness * rim * thickness * step * step)
      }
    }
}
