/** Frames whose every pixel follows from their number, so that any process can tell whether they came back unchanged. */
import { createHash } from 'node:crypto'
import type { NewSession } from '#main/storage/dataset.ts'
import { bytesOf, type Frame, type FrameMetadata, type Pixels, type PixelType } from '#shared/image/frame.ts'

/** A seeded 32-bit generator (Marsaglia's xorshift, 2003). */
export function random(seed: number): () => number {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

export function pixels(type: PixelType, length: number, seed: number): Pixels {
  const next = random(seed + 1)
  if (type === 'uint8') return Uint8Array.from({ length }, () => next() * 256)
  if (type === 'uint16') return Uint16Array.from({ length }, () => next() * 65536)
  return Float32Array.from({ length }, () => next() * 2000 - 100)
}

export function metadata(index: number): FrameMetadata {
  return {
    frame: index,
    time: Date.UTC(2026, 4, 17, 9, 30) + index * 40,
    exposureMs: 20,
    x: 100 + index,
    y: -50.5,
    z: 3.25,
    objective: '10x',
    pixelSizeUm: 0.65,
    channel: 'FITC',
    emissionNm: 525,
    lightLevel: 30,
  }
}

export function frame(index: number, options: { width?: number; height?: number; pixelType?: PixelType } = {}): Frame {
  const { width = 48, height = 32, pixelType = 'uint16' } = options
  return { width, height, data: pixels(pixelType, width * height, index), metadata: metadata(index) }
}

export function newSession(changes: Partial<NewSession> = {}): NewSession {
  return {
    name: 'Cells in the dark',
    kind: 'recording',
    width: 48,
    height: 32,
    pixelType: 'uint16',
    pixelSizeUm: 0.65,
    omeZarrVersion: '0.5',
    microscope: { configuration: 'demo' },
    ...changes,
  }
}

export function sha256(data: Pixels): string {
  return createHash('sha256').update(bytesOf(data)).digest('hex')
}
