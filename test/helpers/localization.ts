/** The test picture of the shipped network of protein location: mitochondria that no training saw, and what its makers got for it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readNpy } from '#main/inference/bioimage-io/npy.ts'
import { rootFolder } from '#main/processes.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'

/** A square in grey values, pixels of 0.3 µm. */
export async function mitochondria() {
  const tensor = async (name: string) => readNpy(await readFile(join(rootFolder, 'models', 'localization', name)), name)
  const data = Float32Array.from((await tensor('test-input.npy')).data)
  return {
    side: Math.sqrt(data.length),
    data,
    /** In the order of the package's classes. */
    probabilities: [...(await tensor('test-probabilities.npy')).data],
    novelty: (await tensor('test-novelty.npy')).data[0] as number,
  }
}

/** An OME-TIFF of planes of `side`² pixels. */
export async function writeCells(
  path: string,
  planes: readonly Uint16Array[],
  side: number,
  pixelSizeUm: number | null = 0.3,
): Promise<string> {
  const channels = [{ name: 'protein', color: '#ffffff' }]
  const size = { width: side, height: (planes[0]?.length ?? 0) / side, sizeZ: 1, sizeC: 1, sizeT: planes.length }
  await using writer = await createOmeTiff(path, { name: 'cells', ...size, pixelType: 'uint16', pixelSizeUm, channels })
  for (const plane of planes) await writer.writePlane(plane)
  await writer.close()
  return path
}
