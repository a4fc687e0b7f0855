/** Model packages for tests: small networks of test/cases/models with a description like that of the real one. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { rootFolder } from '#main/processes.ts'

export const caseFolder = join(rootFolder, 'test', 'cases', 'models')

export type NetworkName = 'restore' | 'echo' | 'delay' | 'nan' | 'half' | 'single' | 'greedy'

export interface TestPackage {
  readonly network: NetworkName
  /** Changes the description before it is written. */
  readonly change?: (description: Record<string, unknown>) => void
  /** Changes the weights after their hash was taken. */
  readonly damage?: (onnx: Buffer) => Buffer
}

/** Output channels of each network. */
const roles: Readonly<Record<NetworkName, readonly string[]>> = {
  restore: ['image', 'scale'],
  echo: ['image', 'scale'],
  delay: ['image'],
  nan: ['image'],
  half: ['image'],
  single: ['image'],
  greedy: ['image'],
}

/** Writes `folder/id` and returns its path. Grid 0.325 µm, source 0.65 µm, step 4, halo 8, percentiles 1 and 99.9 where not changed. */
export async function writePackage(folder: string, id: string, { network, change, damage }: TestPackage): Promise<string> {
  const onnx = await readFile(join(caseFolder, `${network}.onnx`))
  const description = describe(id, roles[network], createHash('sha256').update(onnx).digest('hex'))
  change?.(description)
  const path = join(folder, id)
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'model.onnx'), damage ? damage(onnx) : onnx)
  await writeFile(join(path, 'rdf.yaml'), stringify(description))
  await writeFile(join(path, 'CARD.md'), `# ${id}\n`)
  return path
}

/** Turns the normalisation off: values go to the network as they are. */
export function withoutNormalisation(description: Record<string, unknown>): void {
  const [input] = description.inputs as { preprocessing: unknown[] }[]
  if (input) input.preprocessing = []
}

function describe(id: string, channels: readonly string[], sha256: string): Record<string, unknown> {
  const space = { type: 'space', unit: 'micrometer', scale: 0.325 }
  const sizes = (make: (axis: string) => object) => ['y', 'x'].map((axis) => ({ ...space, id: axis, ...make(axis) }))
  return {
    format_version: '0.5.4',
    type: 'model',
    id,
    name: `Test network ${id}`,
    description: 'For tests.',
    version: '1.2.3',
    license: 'MIT',
    documentation: 'CARD.md',
    inputs: [
      {
        id: 'raw',
        axes: [{ type: 'batch' }, { type: 'channel', channel_names: ['intensity'] }, ...sizes(() => ({ size: { min: 16, step: 4 } }))],
        preprocessing: [
          { id: 'ensure_dtype', kwargs: { dtype: 'float32' } },
          { id: 'scale_range', kwargs: { axes: ['y', 'x'], min_percentile: 1, max_percentile: 99.9, eps: 1e-6 } },
        ],
      },
    ],
    outputs: [
      {
        id: 'restored',
        axes: [
          { type: 'batch' },
          { type: 'channel', channel_names: [...channels] },
          ...sizes((axis) => ({ size: { tensor_id: 'raw', axis_id: axis }, halo: 8 })),
        ],
      },
    ],
    weights: { onnx: { source: 'model.onnx', sha256, opset_version: 17 } },
    config: {
      deepscope: {
        pixel_size_um: 0.325,
        source_pixel_size_um: 0.65,
        resample: { kernel: 'catmull-rom', a: -0.5, alignment: 'corners', border: 'replicate' },
        intensity: { inverse: 'inverse-of-input-normalisation', image: 'scale-and-offset', scale: 'scale-only' },
        outputs: [...channels],
        tile: { halo: 8, multiple_of: 4, border: 'replicate' },
      },
    },
  }
}
