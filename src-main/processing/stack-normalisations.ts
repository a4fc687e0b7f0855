/** One normalisation for each channel's stack, found in a first passage through the file: never per plane, which would flicker. */
import type { Band, Normalisation } from '../inference/inference.ts'
import type { Work } from './enhanced-writer.ts'
import { doneOf } from './throughput.ts'

/** Share of the progress that this passage takes. */
export const measuringShare = 0.1

/** By channel. `bands`: the planes are read so many rows at a time; none: whole. Rejects as reading and `normalisationOf` do. */
export async function stackNormalisations(work: Work, bands: readonly Band[] = []): Promise<Normalisation[]> {
  const { request, source, pixelSizeUm, inference } = work
  const { width, height, sizeC } = source
  const pieces = Math.max(1, bands.length)
  const bandOf = (piece: number) => bands[piece % pieces] as Band
  const found: Normalisation[] = []
  for (let channel = 0; channel < sizeC; channel++) {
    const series = {
      model: request.model,
      width,
      height,
      planes: (source.planes / sizeC) * pieces,
      pixelSizeUm,
      ...(bands.length > 0 ? { band: bandOf } : {}),
      read: (piece: number) => {
        const plane = Math.floor(piece / pieces) * sizeC + channel
        if (bands.length === 0) return source.readPlane(plane, request.signal)
        const { firstRow, rows } = bandOf(piece)
        return source.readRows(plane, firstRow, rows, request.signal)
      },
      onProgress: (fraction: number) => request.onProgress?.((measuringShare * (channel + fraction)) / sizeC, doneOf(source, 0)),
    }
    found.push(await inference.normalisationOf(series, request.signal))
  }
  return found
}
