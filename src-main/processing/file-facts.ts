/** What a file tells of its picture's origin: its pixel size at best. What it does not tell is unknown. */
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { TiffSource } from '../storage/tiff/source.ts'

export function fileFacts({ storedType }: Pick<TiffSource, 'storedType'>, pixelSizeUm: number | null): PictureFacts {
  const bitDepth = storedType === 'uint8' ? 8 : storedType === 'uint16' ? 16 : null
  return { pixelSizeUm, numericalAperture: null, emissionNm: null, modality: null, bitDepth, structure: null }
}
