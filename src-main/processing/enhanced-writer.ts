/** The OME-TIFF that a network's planes go into, and what stands in it about them. */
import { basename } from 'node:path'
import type { Judge } from '../analysis/trust/thread.ts'
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { Normalisation, Prediction, SeriesInference } from '../inference/inference.ts'
import { makeFolder, storageError } from '../storage/disk.ts'
import type { OmeChannel, OmeImage } from '../storage/tiff/ome-xml.ts'
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

/** Rejects as `createResult` does. `normalisations`: of each channel's stack. `warnings`: see `warningsOf`. */
export async function createWriter(
  work: Work,
  output: string,
  { width, height, pixelSizeUm, provenance, scaled }: Made,
  normalisations: readonly Normalisation[],
  warnings: readonly string[],
): Promise<OmeTiffWriter> {
  const { source, request } = work
  const { sizeZ, sizeT } = source
  const channels = resultChannels(source, 'enhanced', scaled)
  return createResult(
    output,
    { folder: request.outFolder, source: work.name, provenance, warnings },
    { width, height, sizeZ, sizeC: channels.length, sizeT, pixelSizeUm, channels },
    {
      normalisation: JSON.stringify(normalisations),
      ...(scaled ? { errorScale: "The second channel is the Laplace scale b of the error, in the image's units." } : {}),
    },
  )
}

/** For each channel of the source what became of it, and, where a network gives it, the scale of its error. */
export function resultChannels({ channels }: TiffSource, what: string, scaled: boolean): OmeChannel[] {
  return channels.flatMap((name) => {
    const image = { name: name ? `${name} (${what})` : what, color: '#ffffff' }
    return scaled ? [image, { name: name ? `${name} (error scale)` : 'error scale', color: '#808080' }] : [image]
  })
}

/** Where a result belongs, and what made it. */
export interface Origin {
  readonly folder: string
  /** Name of the file that it was made of. */
  readonly source: string
  readonly provenance: Prediction['provenance']
  /** What is known while nothing is written; more may be told to `close`. */
  readonly warnings: readonly string[]
}

/** An OME-TIFF that says which network made it of what. Its folder is made where missing. Rejects with StorageFull or StorageRefused. */
export async function createResult(
  path: string,
  { folder, source, provenance, warnings }: Origin,
  image: Omit<OmeImage, 'name' | 'pixelType' | 'annotations'>,
  annotations: Readonly<Record<string, string>>,
): Promise<OmeTiffWriter> {
  await makeFolder(folder).catch(async (error: unknown) => {
    throw await storageError(error, folder, folder)
  })
  return createOmeTiff(path, {
    ...image,
    name: basename(path, '.ome.tif'),
    pixelType: 'float32',
    annotations: {
      origin: 'Made by a neural network, not measured.',
      source,
      model: provenance.model,
      modelName: provenance.modelName,
      modelVersion: provenance.version,
      modelSha256: provenance.sha256,
      provider: provenance.provider,
      ...annotations,
      ...numbered(warnings),
    },
  })
}

export function numbered(warnings: readonly string[]): Record<string, string> {
  return Object.fromEntries(warnings.map((warning, index) => [`warning${index + 1}`, warning]))
}

/** What the file and the request give to be careful about. */
export function sourceWarnings({ request, source }: Pick<Work, 'request' | 'source'>): string[] {
  const recorded = source.pixelSizeUm
  const given = request.pixelSizeUm ?? null
  const differ = recorded !== null && given !== null && Math.abs(given / recorded - 1) > 0.02
  const mismatch = differ ? [`The given pixel size of ${given} µm was used; the file says ${recorded} µm.`] : []
  return [...source.notes, ...mismatch]
}

/** The same, and what the network gives. */
export function warningsOf(work: Work, { provenance }: Pick<Prediction, 'provenance'>): string[] {
  return [...sourceWarnings(work), ...provenance.warnings]
}
