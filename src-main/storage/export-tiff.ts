/** A session as one OME-TIFF, for programs that do not read OME-Zarr. */
import type { Provenance } from '#shared/api.ts'
import { AppError } from '#shared/errors.ts'
import type { Verdict } from '#shared/trust.ts'
import { channelColor } from './channel-color.ts'
import type { FolderSessionReader } from './session-reader.ts'
import type { OmePlane } from './tiff/ome-xml.ts'
import { createOmeTiff } from './tiff/writer.ts'

/** Writes every frame as a time point to `path`. Rejects with StorageFull, StorageRefused, DatasetInvalid or AbortError; then no file is left. */
export async function exportSession(session: FolderSessionReader, path: string, signal?: AbortSignal): Promise<void> {
  const { summary, frames, provenance, trust, pixelSizeUm, numericalAperture } = session
  const first = frames[0]
  if (!first) throw new AppError('DatasetInvalid', `Session ${summary.id} holds no frame to export.`, { session: summary.id })
  await using writer = await createOmeTiff(path, {
    name: summary.name,
    width: summary.width,
    height: summary.height,
    pixelType: summary.pixelType,
    sizeZ: 1,
    sizeC: 1,
    sizeT: frames.length,
    pixelSizeUm,
    numericalAperture,
    acquired: new Date(first.time).toISOString(),
    channels: [
      {
        name: first.channel,
        color: channelColor(first.emissionNm),
        emissionNm: first.emissionNm,
        // The microscopes that this application drives are such; what a network made of their pictures is not.
        ...(provenance ? {} : { acquisitionMode: 'WideField' }),
      },
    ],
    annotations: {
      Objective: first.objective,
      Session: summary.id,
      ...(provenance ? provenanceAnnotations(provenance) : {}),
      ...(trust ? verdictAnnotations(trust.verdict) : {}),
    },
  })
  for (let index = 0; index < frames.length; index++) {
    signal?.throwIfAborted()
    const { data, metadata } = await session.read(index, signal)
    const { x, y, z, exposureMs } = metadata
    const plane: OmePlane = { deltaT: (metadata.time - first.time) / 1000, exposureMs, x, y, z }
    await writer.writePlane(data, plane)
  }
  await writer.close()
}

const words = { fine: 'fine', caution: 'caution', 'do-not-use': 'do not use' } as const

/** What the trust instruments said of it. */
export function verdictAnnotations({ level, reasons }: Verdict): Record<string, string> {
  return {
    Verdict: words[level],
    ...Object.fromEntries(reasons.map(({ instrument, message }, index) => [`Reason ${index + 1}`, `${instrument}: ${message}`])),
  }
}

/** What a picture made by a network says about itself in a file. */
export function provenanceAnnotations(provenance: Provenance): Record<string, string> {
  const { model, modelName, version, sha256, provider, warnings } = provenance
  return {
    'Made by': 'neural network',
    Model: model,
    'Model name': modelName,
    'Model version': version,
    'Model sha256': sha256,
    'Execution provider': provider,
    ...Object.fromEntries(warnings.map((warning, index) => [`Warning ${index + 1}`, warning])),
  }
}
