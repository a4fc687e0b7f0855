/**
 * Pre- and postprocessing of the quick way. Everything before the network is affine, so a whole chain becomes one offset and one
 * scale for a whole image, stack or series; packages with other operations take the way of `tensors/`.
 */
import type { Operation } from './bioimage-io/operation-schema.ts'
import type { Normalisation } from './inference.ts'
import { Statistics } from './statistics.ts'

type Of<Id extends Operation['id']> = Extract<Operation, { id: Id }>
/** Operations before the network that together are one offset and one scale. */
export type AffineOperation = Of<
  'ensure_dtype' | 'scale_linear' | 'zero_mean_unit_variance' | 'fixed_zero_mean_unit_variance' | 'scale_range'
>
/** Operations after the network that need only one value at a time. */
export type PointwiseOperation = Of<'ensure_dtype' | 'scale_linear' | 'sigmoid' | 'clip'>

export function isAffine(operation: Operation): operation is AffineOperation {
  switch (operation.id) {
    case 'ensure_dtype':
    case 'zero_mean_unit_variance':
      return true
    case 'scale_linear':
      return operation.gain.length === 1 && operation.offset.length === 1 && (operation.gain[0] as number) > 0
    case 'fixed_zero_mean_unit_variance':
      return operation.mean.length === 1
    case 'scale_range':
      return operation.reference === null
    default:
      return false
  }
}

export function isPointwise(operation: Operation): operation is PointwiseOperation {
  switch (operation.id) {
    case 'ensure_dtype':
      return operation.dtype === 'float32'
    case 'sigmoid':
      return true
    case 'scale_linear':
      return operation.gain.length === 1 && operation.offset.length === 1
    case 'clip':
      return operation.minPercentile === null && operation.maxPercentile === null
    default:
      return false
  }
}

/** Percentiles that a chain needs of the image. */
function percentilesFor(chain: readonly AffineOperation[]): number[] {
  return chain.flatMap((operation) => (operation.id === 'scale_range' ? [operation.minPercentile, operation.maxPercentile] : []))
}

/** Statistics that gather what the chain will ask for; null where it asks for none. */
export function statisticsFor(chain: readonly AffineOperation[]): Statistics | null {
  const percentiles = percentilesFor(chain)
  const moments = chain.some((operation) => operation.id === 'zero_mean_unit_variance')
  return moments || percentiles.length > 0 ? new Statistics(percentiles, moments) : null
}

/** The chain as one offset and scale, for the image(s) that `statistics` (of `statisticsFor`) were taken of: normalised = (value − offset) / scale. */
export function normalisationFor(chain: readonly AffineOperation[], statistics: Statistics | null): Normalisation {
  let offset = 0
  let scale = 1
  // Statistics of what earlier operations left are those of the image, carried through the same affine map.
  const follow = (by: { readonly offset: number; readonly scale: number }) => {
    offset += by.offset * scale
    scale *= by.scale
  }
  const found = statistics ?? new Statistics([])
  for (const operation of chain) {
    switch (operation.id) {
      case 'ensure_dtype':
        break
      case 'scale_linear':
        follow({ offset: -single(operation.offset) / single(operation.gain), scale: 1 / single(operation.gain) })
        break
      case 'fixed_zero_mean_unit_variance':
        follow({ offset: single(operation.mean), scale: single(operation.std) })
        break
      case 'zero_mean_unit_variance':
        follow({ offset: (found.mean - offset) / scale, scale: found.deviation / scale + operation.eps })
        break
      case 'scale_range': {
        const low = (found.percentile(operation.minPercentile) - offset) / scale
        const high = (found.percentile(operation.maxPercentile) - offset) / scale
        follow({ offset: low, scale: high - low + operation.eps })
      }
    }
  }
  return { offset, scale }
}

/** Applies the chain in place. */
export function postprocess(chain: readonly PointwiseOperation[], data: Float32Array): void {
  for (const operation of chain) {
    switch (operation.id) {
      case 'ensure_dtype':
        break
      case 'scale_linear':
        for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) * single(operation.gain) + single(operation.offset)
        break
      case 'sigmoid':
        for (let i = 0; i < data.length; i++) data[i] = 1 / (1 + Math.exp(-(data[i] as number)))
        break
      case 'clip':
        for (let i = 0; i < data.length; i++) {
          data[i] = Math.min(
            operation.max ?? Number.POSITIVE_INFINITY,
            Math.max(operation.min ?? Number.NEGATIVE_INFINITY, data[i] as number),
          )
        }
    }
  }
}

function single(values: readonly number[]): number {
  return values[0] as number
}
