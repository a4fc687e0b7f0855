/** Undoes the differences that writers take before they compress. Sources: TIFF 6.0 section 14; TIFF Technical Note 3 (Adobe, 2005). */
import type { Page } from './page.ts'

export type Stored = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array

/** Values of `rows` rows in this machine's byte order; for predictor 3, bytes as they came. Works in place where it can. */
export function undoPredictor(values: Stored, page: Page, rows: number): Stored {
  const samples = page.separate ? 1 : page.storedSamples
  const perRow = page.segmentWidth * samples
  if (page.predictor === 2) {
    // Differences are of the bits, whatever they mean; typed arrays wrap around as the writer did.
    const bits = integersOf(values)
    for (let row = 0; row < rows; row++) {
      for (let i = row * perRow + samples; i < (row + 1) * perRow; i++) bits[i] = (bits[i] ?? 0) + (bits[i - samples] ?? 0)
    }
  }
  if (page.predictor === 3) undoFloatingPoint(values, perRow, samples, rows)
  return values
}

function integersOf(values: Stored) {
  const { buffer, byteOffset, length, BYTES_PER_ELEMENT: size } = values
  if (size === 1) return new Uint8Array(buffer, byteOffset, length)
  return size === 2 ? new Uint16Array(buffer, byteOffset, length) : new Uint32Array(buffer, byteOffset, (length * size) / 4)
}

/** Each row holds all most significant bytes, then all second ones, …, as differences from byte to byte. */
function undoFloatingPoint(values: Stored, perRow: number, samples: number, rows: number): void {
  const size = values.BYTES_PER_ELEMENT
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  for (let row = 0; row < rows; row++) {
    const line = bytes.subarray(row * perRow * size, (row + 1) * perRow * size)
    for (let i = samples; i < line.length; i++) line[i] = (line[i] ?? 0) + (line[i - samples] ?? 0)
    const planes = line.slice()
    for (let i = 0; i < perRow; i++) {
      for (let byte = 0; byte < size; byte++) line[i * size + byte] = planes[(size - 1 - byte) * perRow + i] ?? 0
    }
  }
}
