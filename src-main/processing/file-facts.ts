/** What a file tells of its picture's origin. What it does not tell is unknown. */
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { TiffSource } from '../storage/tiff/source.ts'

/** Of one channel. `pixelSizeUm`: stated by a person, or the file's. */
export function fileFacts(
  { storedType, optics }: Pick<TiffSource, 'storedType' | 'optics'>,
  pixelSizeUm: number | null,
  channel = 0,
): PictureFacts {
  const bitDepth = storedType === 'uint8' ? 8 : storedType === 'uint16' ? 16 : null
  const { numericalAperture = null, emissionNm = null, modality = null } = optics[channel] ?? {}
  return { pixelSizeUm, numericalAperture, emissionNm, modality, bitDepth, structure: null }
}
