/**
 * What a model package says about itself, the same for BioImage.IO formats 0.4 and 0.5, in the words of 0.5
 * (bioimageio.spec, model v0_5). Plain data: it crosses to the inference process.
 */
import type { Operation } from './operation-schema.ts'

export const dtypes = [
  'float32',
  'float64',
  'float16',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'uint64',
  'int64',
  'bool',
] as const
export type Dtype = (typeof dtypes)[number]

/** How many elements an axis has. */
export type AxisSize =
  | { readonly kind: 'fixed'; readonly size: number }
  /** min + n·step, n = 0, 1, 2 … */
  | { readonly kind: 'steps'; readonly min: number; readonly step: number }
  /** size of the other axis · its scale / this axis's scale + offset, rounded down */
  | { readonly kind: 'reference'; readonly tensor: string; readonly axis: string; readonly offset: number }
  /** Known only after the network ran; max null = no limit. */
  | { readonly kind: 'data'; readonly min: number; readonly max: number | null }

export interface Axis {
  readonly type: 'batch' | 'channel' | 'index' | 'time' | 'space'
  /** Unique in its tensor: "batch", "channel", "x" … */
  readonly id: string
  readonly size: AxisSize
  /** Length of one element, in `unit`. */
  readonly scale: number
  readonly unit: string | null
  /** Elements at either end of an output that are not to be kept. */
  readonly halo: number
  /** Names of a channel axis. */
  readonly names: readonly string[]
  /** Where the description speaks of its size, for a person: `inputs[0].axes[2].size`, or `inputs[0].shape[2]` in 0.4. */
  readonly field: string
}

/** A file that a description names, and the hash it must have; null = none is stated. */
export interface NamedFile {
  readonly source: string
  readonly sha256: string | null
  /** Field of `source`. */
  readonly field: string
}

export interface TensorDescription {
  readonly id: string
  readonly description: string
  /** `inputs[0]` */
  readonly field: string
  /** Field of `id`. */
  readonly idField: string
  readonly axes: readonly Axis[]
  /** Of the tensor as it is described: before preprocessing, or after postprocessing. */
  readonly dtype: Dtype
  readonly optional: boolean
  /** Preprocessing of an input, postprocessing of an output. */
  readonly operations: readonly Operation[]
  /** Field of `operations`. */
  readonly operationsField: string
  readonly test: NamedFile | null
}

export interface OnnxWeights {
  readonly source: string
  readonly sha256: string | null
  readonly external: NamedFile | null
}

/** How near a result must be to the test tensor: |a − e| ≤ absolute + relative·|e|, but for so many elements in a million. */
export interface Tolerance {
  readonly relative: number
  readonly absolute: number
  readonly perMillion: number
  /** Outputs it is for; empty = all. */
  readonly outputs: readonly string[]
}

export interface Description {
  readonly format: string
  readonly name: string
  readonly version: string
  readonly description: string
  readonly license: string
  readonly authors: readonly string[]
  readonly tags: readonly string[]
  /** What to cite: text, DOI or address. */
  readonly cite: readonly string[]
  readonly documentation: string | null
  readonly inputs: readonly TensorDescription[]
  readonly outputs: readonly TensorDescription[]
  readonly onnx: OnnxWeights | null
  /** Other kinds of weights that the package has. */
  readonly otherWeights: readonly string[]
  readonly tolerances: readonly Tolerance[]
  /** `config.deepscope` as it stands, if it is there. */
  readonly own: unknown
}
