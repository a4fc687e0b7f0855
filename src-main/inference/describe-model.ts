/** What a package says about itself, in words for a person. */
import type { ModelDetails } from '#shared/api.ts'
import type { Axis, TensorDescription } from './bioimage-io/description.ts'
import type { Operation } from './bioimage-io/operation-schema.ts'
import { sizeInWords } from './bioimage-io/sizes.ts'
import type { CatalogEntry } from './catalog.ts'
import { trainingInWords } from './training-words.ts'

export function detailsOf({ summary, path, description }: CatalogEntry): ModelDetails {
  const tensors = description ? [...description.inputs, ...description.outputs] : []
  return {
    model: summary.id,
    path,
    authors: [...(description?.authors ?? [])],
    tags: [...(description?.tags ?? [])],
    cite: [...(description?.cite ?? [])],
    weights: description ? [...(description.onnx ? ['onnx'] : []), ...description.otherWeights] : [],
    inputs: (description?.inputs ?? []).map((tensor) => tensorDetails(tensor, tensors)),
    outputs: (description?.outputs ?? []).map((tensor) => tensorDetails(tensor, tensors)),
    training: trainingInWords(description?.own),
  }
}

function tensorDetails(tensor: TensorDescription, tensors: readonly TensorDescription[]): ModelDetails['inputs'][number] {
  return {
    id: tensor.id,
    description: tensor.description,
    dtype: tensor.dtype,
    optional: tensor.optional,
    axes: tensor.axes.map((axis) => ({
      id: axis.id,
      size: sizeInWords(axis, tensors),
      scale: scaleInWords(axis),
      halo: axis.halo,
      names: [...axis.names],
    })),
    operations: tensor.operations.map(operationInWords),
  }
}

const units: Readonly<Record<string, string>> = { micrometer: 'µm', nanometer: 'nm', millimeter: 'mm', second: 's', millisecond: 'ms' }

function scaleInWords({ scale, unit }: Axis): string {
  return unit === null ? '' : `${scale} ${units[unit] ?? unit}`
}

/** One operation as a sentence without a full stop. */
export function operationInWords(operation: Operation): string {
  switch (operation.id) {
    case 'ensure_dtype':
      return `values as ${operation.dtype}`
    case 'binarize':
      return `1 above ${list(operation.threshold)}, else 0${along(operation.axis)}`
    case 'clip': {
      const low = operation.minPercentile === null ? operation.min : `the ${ordinal(operation.minPercentile)} percentile`
      const high = operation.maxPercentile === null ? operation.max : `the ${ordinal(operation.maxPercentile)} percentile`
      const over = operation.minPercentile === null && operation.maxPercentile === null ? '' : overAxes(operation.axes)
      if (low === null) return `limited to at most ${high}${over}`
      return high === null ? `limited to at least ${low}${over}` : `limited to ${low} … ${high}${over}`
    }
    case 'scale_linear':
      return `× ${list(operation.gain)}, + ${list(operation.offset)}${along(operation.axis)}`
    case 'sigmoid':
      return 'logistic function, to 0 … 1'
    case 'softmax':
      return `softmax along ${operation.axis}`
    case 'fixed_zero_mean_unit_variance':
      return `− ${list(operation.mean)}, ÷ ${list(operation.std)} (a fixed mean and deviation)${along(operation.axis)}`
    case 'zero_mean_unit_variance':
      return `mean to 0, deviation to 1${overAxes(operation.axes)}`
    case 'scale_range': {
      const of = operation.reference === null ? '' : ` of “${operation.reference}”`
      return `percentiles ${operation.minPercentile} and ${operation.maxPercentile}${of} to 0 and 1${overAxes(operation.axes)}`
    }
    case 'scale_mean_variance':
      return `mean and deviation as those of “${operation.reference}”${overAxes(operation.axes)}`
  }
}

function ordinal(percent: number): string {
  if (!Number.isInteger(percent)) return `${percent}th`
  const ending = percent % 100 > 10 && percent % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][percent % 10] ?? 'th')
  return `${percent}${ending}`
}

function overAxes(axes: readonly string[] | null): string {
  return axes === null ? ', over everything' : `, over ${axes.join(', ')}`
}

function along(axis: string | null): string {
  return axis === null ? '' : `, each along ${axis}`
}

function list(values: readonly number[]): string {
  const shown = values.slice(0, 6).map((value) => String(Number(value.toPrecision(6))))
  return values.length > 6 ? `${shown.join(' / ')} / … (${values.length})` : shown.join(' / ')
}
