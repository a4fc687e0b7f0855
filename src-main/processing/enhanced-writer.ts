/** The OME-TIFF that a network's planes go into, and what stands in it about them. */
import { basename } from 'node:path'
import type { Judge } from '../analysis/trust/thread.ts'
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { Normalisation, Prediction, SeriesInference } from '../inference/inference.ts'
import { makeFolder, storageError } from '../storage/disk.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import { createOmeTiff, type OmeTiffWriter } from '../storage/tiff/writer.ts'
import type { ModelledRequest } from './enhance-file.ts'

/** What is known of a file while it is worked on. */
export interface Work {
  readonly request: ModelledRequest
  readonly source: TiffSource
  readonly name: string
  readonly pixelSizeUm: number | null
  readonly inference: SeriesInference
  readonly judge: Judge
  readonly facts: PictureFacts
}

/** What a plane became. */
export interface Made extends Pick<Prediction, 'width' | 'height' | 'pixelSizeUm' | 'provenance'> {
  /** Whether every plane comes with the scale of its error. */
  readonly scaled: boolean
}

/** `normalisations`: of each channel's stack. `warnings`: see `warningsOf`. Rejects with StorageFull or StorageRefused. */
export async function createWriter(
  work: Work,
  output: string,
  { width, height, pixelSizeUm, provenance, scaled }: Made,
  normalisations: readonly Normalisation[],
  warnings: readonly string[],
): Promise<OmeTiffWriter> {
  const { source, request } = work
  const channels = source.channels.flatMap((name) => {
    const image = { name: name ? `${name} (enhanced)` : 'enhanced', color: '#ffffff' }
    return scaled ? [image, { name: name ? `${name} (error scale)` : 'error scale', color: '#808080' }] : [image]
  })
  try {
    await makeFolder(request.outFolder)
  } catch (error) {
    throw await storageError(error, request.outFolder, request.outFolder)
  }
  return createOmeTiff(output, {
    name: basename(output, '.ome.tif'),
    width,
    height,
    pixelType: 'float32',
    sizeZ: source.sizeZ,
    sizeC: channels.length,
    sizeT: source.sizeT,
    pixelSizeUm,
    channels,
    annotations: {
      origin: 'Made by a neural network, not measured.',
      source: work.name,
      model: provenance.model,
      modelName: provenance.modelName,
      modelVersion: provenance.version,
      modelSha256: provenance.sha256,
      provider: provenance.provider,
      normalisation: JSON.stringify(normalisations),
      ...(scaled ? { errorScale: "The second channel is the Laplace scale b of the error, in the image's units." } : {}),
      ...Object.fromEntries(warnings.map((warning, index) => [`warning${index + 1}`, warning])),
    },
  })
}

/** What the file, the request and the network give to be careful about. */
export function warningsOf(
  { request, source }: Pick<Work, 'request' | 'source'>,
  { provenance }: { readonly provenance: Pick<Prediction['provenance'], 'warnings'> },
): string[] {
  const recorded = source.pixelSizeUm
  const given = request.pixelSizeUm ?? null
  const differ = recorded !== null && given !== null && Math.abs(given / recorded - 1) > 0.02
  const mismatch = differ ? [`The given pixel size of ${given} µm was used; the file says ${recorded} µm.`] : []
  return [...source.notes, ...mismatch, ...provenance.warnings]
}
