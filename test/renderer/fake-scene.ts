/** Pictures with known values, cheap enough to make many a second. */
import { histogramOf } from '#main/analysis/histogram.ts'
import type { Histogram } from '#shared/api.ts'

export const size = 256

export interface FakePicture {
  readonly width: number
  readonly height: number
  readonly data: Uint16Array | Float32Array
  readonly histogram: Histogram
}

/** Bright rings and threads on a background of 100, moved by whole pixels. Dark (100 everywhere) without light. */
export function rawPicture(dx: number, dy: number, light: number): FakePicture {
  const data = new Uint16Array(size * size)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) data[y * size + x] = 100 + Math.round(light * specimen(x + dx, y + dy) + ((x * 7919 + y * 104729) % 23))
  }
  return { width: size, height: size, data, histogram: histogramOf(data, 65535) }
}

/** The same place on a grid twice as fine, without the graininess. */
export function enhancedPicture(dx: number, dy: number, light: number): FakePicture {
  const wide = size * 2
  const data = new Float32Array(wide * wide)
  for (let y = 0; y < wide; y++) {
    for (let x = 0; x < wide; x++) data[y * wide + x] = 100 + light * specimen(x / 2 - 0.25 + dx, y / 2 - 0.25 + dy)
  }
  return { width: wide, height: wide, data, histogram: histogramOf(data) }
}

function specimen(x: number, y: number): number {
  const cell = 96
  const cx = ((x % cell) + cell) % cell
  const cy = ((y % cell) + cell) % cell
  const r = Math.hypot(cx - cell / 2, cy - cell / 2)
  const ring = Math.exp(-((r - 22) ** 2) / 12)
  const thread = Math.exp(-((Math.sin(x / 19) * 9 + Math.cos(y / 31) * 7 + ((x + y) % 37) - 18) ** 2) / 3) * Math.exp(-(r ** 2) / 1600)
  return 14 * ring + 9 * thread
}
