/** Colour maps as look-up tables of 256 opaque sRGB colours. */
import { DataTexture, LinearFilter, RGBAFormat, UnsignedByteType } from 'three'
import { inferno, magma, turbo, viridis } from './colormap-tables.ts'

export const colorMapNames = ['gray', 'green', 'magenta', 'viridis', 'magma', 'inferno', 'turbo'] as const
export type ColorMapName = (typeof colorMapNames)[number]

export const colorMapTitles: Readonly<Record<ColorMapName, string>> = {
  gray: 'Gray',
  green: 'Green',
  magenta: 'Magenta',
  viridis: 'Viridis',
  magma: 'Magma',
  inferno: 'Inferno',
  turbo: 'Turbo',
}

type Rgb = readonly [number, number, number]

/** RGBA bytes of the map, 1024 of them; colour 0 stands for the lower contrast limit. */
export function colorMapBytes(name: ColorMapName): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(256 * 4)
  for (let i = 0; i < 256; i++) bytes.set([...colorAt(name, i), 255], i * 4)
  return bytes
}

/** A texture of 256 × 1. Whoever asks disposes it. */
export function colorMapTexture(name: ColorMapName): DataTexture {
  const texture = new DataTexture(colorMapBytes(name), 256, 1, RGBAFormat, UnsignedByteType)
  texture.minFilter = LinearFilter
  texture.magFilter = LinearFilter
  texture.generateMipmaps = false
  texture.needsUpdate = true
  return texture
}

/** A CSS gradient of the map, left to right. */
export function colorMapGradient(name: ColorMapName): string {
  const stops = Array.from({ length: 17 }, (_, i) => `rgb(${colorAt(name, Math.round((i * 255) / 16)).join(' ')})`)
  return `linear-gradient(to right, ${stops.join(', ')})`
}

/**
 * How much of an overlay's colour covers the picture, 0…1, for a value at `shade` (0…1) between its limits: nothing at the lower limit,
 * where there is nothing to worry about, all of `opacity` from the middle on. The shader has the same formula.
 */
export function overlayAlpha(shade: number, opacity: number): number {
  return opacity * Math.min(2 * shade, 1)
}

/** A CSS gradient of an overlay as it looks on a dark picture. */
export function overlayGradient(name: ColorMapName, opacity: number): string {
  const stops = Array.from(
    { length: 17 },
    (_, i) => `rgb(${colorAt(name, Math.round((i * 255) / 16)).join(' ')} / ${overlayAlpha(i / 16, opacity)})`,
  )
  return `linear-gradient(to right, ${stops.join(', ')})`
}

function colorAt(name: ColorMapName, i: number): Rgb {
  switch (name) {
    case 'gray':
      return [i, i, i]
    case 'green':
      return [0, i, 0]
    case 'magenta':
      return [i, 0, i]
    case 'viridis':
      return tableColor(viridis, i)
    case 'magma':
      return tableColor(magma, i)
    case 'inferno':
      return tableColor(inferno, i)
    case 'turbo':
      return tableColor(turbo, i)
  }
}

function tableColor(table: string, i: number): Rgb {
  const value = Number.parseInt(table.slice(i * 6, i * 6 + 6), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}
