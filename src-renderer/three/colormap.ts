/** Colour maps as look-up tables of 256 opaque sRGB colours. */
import { DataTexture, LinearFilter, RGBAFormat, UnsignedByteType } from 'three'
import { inferno, magma, viridis } from './colormap-tables.ts'

export const colorMapNames = ['gray', 'green', 'magenta', 'viridis', 'magma', 'inferno', 'turbo'] as const
export type ColorMapName = (typeof colorMapNames)[number]

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
      return turboColor(i / 255)
  }
}

function tableColor(table: string, i: number): Rgb {
  const value = Number.parseInt(table.slice(i * 6, i * 6 + 6), 16)
  return [value >> 16, (value >> 8) & 255, value & 255]
}

/**
 * Turbo (Anton Mikhailov, Google, 2019) as the fifth-degree polynomials of d3-scale-chromatic (ISC licence); they leave the table by at
 * most 34 of 255, at the two ends.
 */
function turboColor(t: number): Rgb {
  const byte = (value: number) => Math.max(0, Math.min(255, Math.round(value)))
  return [
    byte(34.61 + t * (1172.33 - t * (10793.56 - t * (33300.12 - t * (38394.49 - t * 14825.05))))),
    byte(23.31 + t * (557.33 + t * (1225.33 - t * (3574.96 - t * (1073.77 + t * 707.56))))),
    byte(27.2 + t * (3211.1 - t * (15327.97 - t * (27814 - t * (22569.18 - t * 6838.66))))),
  ]
}
