/** Specimens unlike any that the networks are trained on: drawn lines, lattices, letters. Made of the same emitters as the demo specimen. */
import { hash, Random } from '#main/devices/simulated/random.ts'
import { type Area, type ChannelId, Emitters, type Specimen } from '#main/devices/simulated/specimen-emitters.ts'

export const shapeNames = ['letters', 'lattice', 'grid', 'rings', 'maze'] as const
/** Of the rehearsal. */
const otherShapes = ['stars', 'crosses', 'honeycomb', 'zigzags'] as const
export type ShapeName = (typeof shapeNames)[number] | (typeof otherShapes)[number]

const photons = 900

/** Strokes of a few letters on a 4 × 6 grid. */
const letters: readonly (readonly (readonly [number, number])[])[] = [
  [
    [0, 0],
    [0, 6],
    [4, 6],
  ],
  [
    [0, 0],
    [4, 0],
    [2, 0],
    [2, 6],
  ],
  [
    [0, 6],
    [2, 0],
    [4, 6],
    [3, 3],
    [1, 3],
  ],
  [
    [0, 0],
    [4, 6],
    [2, 3],
    [4, 0],
    [0, 6],
  ],
  [
    [4, 0],
    [0, 0],
    [0, 3],
    [4, 3],
    [4, 6],
    [0, 6],
  ],
  [
    [0, 6],
    [0, 0],
    [4, 0],
    [4, 6],
    [0, 6],
  ],
] // prettier-ignore

/** Spots along a line, closer than the optics resolve. */
export function line(into: Emitters, x0: number, y0: number, x1: number, y1: number, spacing: number, brightness: number, z = 0.5): void {
  const length = Math.hypot(x1 - x0, y1 - y0)
  const count = Math.max(1, Math.round(length / Math.min(spacing, 0.3)))
  for (let i = 0; i <= count; i++) {
    const t = i / count
    into.add(x0 + t * (x1 - x0), y0 + t * (y1 - y0), z, 0.08, (brightness * length) / count)
  }
}

/** A letter of the given height (µm) with its upper left corner at (x, y). */
export function letter(into: Emitters, index: number, x: number, y: number, height: number, spacing: number, brightness: number): void {
  const strokes = letters[index % letters.length] as readonly (readonly [number, number])[]
  const unit = height / 6
  for (let i = 1; i < strokes.length; i++) {
    const [a, b] = [strokes[i - 1] as readonly [number, number], strokes[i] as readonly [number, number]]
    line(into, x + a[0] * unit, y + a[1] * unit, x + b[0] * unit, y + b[1] * unit, spacing, brightness)
  }
}

export function ring(into: Emitters, x: number, y: number, radius: number, spacing: number, brightness: number): void {
  const count = Math.ceil((2 * Math.PI * radius) / Math.min(spacing, 0.3))
  for (let i = 0; i < count; i++) {
    const angle = (2 * Math.PI * i) / count
    into.add(x + radius * Math.cos(angle), y + radius * Math.sin(angle), 0.5, 0.08, (brightness * 2 * Math.PI * radius) / count)
  }
}

export function star(into: Emitters, x: number, y: number, radius: number, points: number, spacing: number, brightness: number): void {
  const at = (k: number) => {
    const [reach, angle] = [k % 2 ? 0.45 * radius : radius, (Math.PI * k) / points]
    return [x + reach * Math.cos(angle), y + reach * Math.sin(angle)] as const
  }
  for (let k = 0; k < 2 * points; k++) line(into, ...at(k), ...at(k + 1), spacing, brightness)
}

export function cross(into: Emitters, x: number, y: number, radius: number, arms: number, spacing: number, brightness: number): void {
  for (let k = 0; k < arms; k++) {
    const [dx, dy] = [radius * Math.cos((Math.PI * k) / arms), radius * Math.sin((Math.PI * k) / arms)]
    line(into, x - dx, y - dy, x + dx, y + dy, spacing, brightness)
  }
}

/** `count` hexagons to every side of the middle one, of the given side, wall to wall. */
export function hexagons(into: Emitters, x: number, y: number, length: number, count: number, spacing: number, brightness: number): void {
  for (let j = -count; j <= count; j++)
    for (let i = -count; i <= count; i++) {
      const [cx, cy] = [x + (i + (j & 1) / 2) * 1.732 * length, y + j * 1.5 * length]
      const corner = (k: number) => [cx + length * Math.sin((Math.PI * k) / 3), cy + length * Math.cos((Math.PI * k) / 3)] as const
      for (let k = 0; k < 3; k++) line(into, ...corner(k), ...corner(k + 1), spacing, brightness)
    }
}

/** A whole field of one shape, different for every seed. */
export function shapeSpecimen(shape: ShapeName, seed: number): Specimen {
  const random = new Random(hash(seed, 77))
  const pitch = random.uniform(4, 9)
  const shift = [random.uniform(0, pitch), random.uniform(0, pitch)] as const
  const draw = (area: Area, spacing: number, into: Emitters) => {
    const first = (low: number, step: number) => Math.floor(low / step) - 1
    const each = (step: number, visit: (i: number, j: number, x: number, y: number) => void) => {
      for (let j = first(area.top, step); j * step < area.bottom + step; j++)
        for (let i = first(area.left, step); i * step < area.right + step; i++) visit(i, j, i * step + shift[0], j * step + shift[1])
    }
    if (shape === 'letters') each(pitch * 1.4, (i, j, x, y) => letter(into, hash(seed, i, j), x, y, pitch, spacing, photons))
    if (shape === 'lattice') each(pitch * 0.6, (_i, _j, x, y) => into.add(x, y, 0.5, 0.15, photons * 4))
    if (shape === 'rings')
      each(pitch * 2.2, (i, j, x, y) => ring(into, x, y, (0.35 + (hash(seed, i, j) % 5) / 10) * pitch, spacing, photons))
    if (shape === 'stars') each(pitch * 1.6, (i, j, x, y) => star(into, x, y, 0.7 * pitch, 4 + (hash(seed, i, j) % 4), spacing, photons))
    if (shape === 'crosses') each(pitch * 1.5, (i, j, x, y) => cross(into, x, y, 0.7 * pitch, 2 + (hash(seed, i, j) % 3), spacing, photons))
    if (shape === 'honeycomb')
      each(pitch * 1.732, (_i, j, x, y) => hexagons(into, x + (j & 1) * pitch * 0.866, y, pitch, 0, spacing, photons))
    if (shape === 'zigzags')
      each(pitch, (i, _j, x, y) => line(into, x, y + (i & 1) * 0.6 * pitch, x + pitch, y + ((i + 1) & 1) * 0.6 * pitch, spacing, photons))
    if (shape === 'grid') {
      for (let i = first(area.left, pitch); i * pitch < area.right; i++)
        line(into, i * pitch + shift[0], area.top, i * pitch + shift[0], area.bottom, spacing, photons)
      for (let j = first(area.top, pitch); j * pitch < area.bottom; j++)
        line(into, area.left, j * pitch + shift[1], area.right, j * pitch + shift[1], spacing, photons)
    }
    if (shape === 'maze')
      each(pitch * 0.7, (i, j, x, y) => {
        const step = pitch * 0.7
        if (hash(seed, i, j) % 2) line(into, x, y, x + step, y, spacing, photons)
        else line(into, x, y, x, y + step, spacing, photons)
      })
  }
  return {
    visit(_channel: ChannelId, area: Area, spacing: number, callback: (emitters: Emitters) => void) {
      const emitters = new Emitters()
      draw(area, spacing, emitters)
      callback(emitters)
    },
    haze: () => 40,
  }
}
