/**
 * Pre- and postprocessing of BioImage.IO 0.5. Everything before the network is affine, so a whole chain becomes one offset and one
 * scale for a whole image, stack or series; an operation that is not affine is refused when the package is read.
 */
import { z } from '#shared/zod.ts'
import type { Normalisation } from './inference.ts'
import { Statistics } from './statistics.ts'

const percent = z.number().min(0).max(100)
const axes = z.array(z.string()).optional()
const epsilon = z.number().positive().max(0.1).default(1e-6)
const nothing = z.object({}).optional()

const ensureDtype = z.object({ id: z.literal('ensure_dtype'), kwargs: z.object({ dtype: z.string() }) })
const scaleLinear = z.object({
  id: z.literal('scale_linear'),
  kwargs: z.object({ gain: z.number().default(1), offset: z.number().default(0) }),
})

export const preprocessingSchema = z.discriminatedUnion('id', [
  ensureDtype,
  scaleLinear.refine((operation) => operation.kwargs.gain > 0, { path: ['kwargs', 'gain'], message: 'must be positive' }),
  z.object({ id: z.literal('zero_mean_unit_variance'), kwargs: z.object({ axes, eps: epsilon }).default({ eps: 1e-6 }) }),
  z.object({
    id: z.literal('fixed_zero_mean_unit_variance'),
    kwargs: z.object({ mean: z.number(), std: z.number().min(1e-6) }),
  }),
  z.object({
    id: z.literal('scale_range'),
    kwargs: z
      .object({ axes, min_percentile: percent.default(0), max_percentile: percent.default(100), eps: epsilon })
      .refine((range) => range.min_percentile < range.max_percentile, {
        path: ['max_percentile'],
        message: 'must be above min_percentile',
      })
      .default({ min_percentile: 0, max_percentile: 100, eps: 1e-6 }),
  }),
])
export type Preprocessing = z.infer<typeof preprocessingSchema>

export const postprocessingSchema = z.discriminatedUnion('id', [
  ensureDtype,
  scaleLinear,
  z.object({ id: z.literal('sigmoid'), kwargs: nothing }),
  z.object({ id: z.literal('clip'), kwargs: z.object({ min: z.number(), max: z.number() }) }),
])
export type Postprocessing = z.infer<typeof postprocessingSchema>

/** Percentiles that a chain needs of the image. */
function percentilesFor(chain: readonly Preprocessing[]): number[] {
  return chain.flatMap((operation) =>
    operation.id === 'scale_range' ? [operation.kwargs.min_percentile, operation.kwargs.max_percentile] : [],
  )
}

/** Statistics that gather what the chain will ask for; null where it asks for none. */
export function statisticsFor(chain: readonly Preprocessing[]): Statistics | null {
  const percentiles = percentilesFor(chain)
  const moments = chain.some((operation) => operation.id === 'zero_mean_unit_variance')
  return moments || percentiles.length > 0 ? new Statistics(percentiles, moments) : null
}

/** The chain as one offset and scale, for the image(s) that `statistics` (of `statisticsFor`) were taken of: normalised = (value − offset) / scale. */
export function normalisationFor(chain: readonly Preprocessing[], statistics: Statistics | null): Normalisation {
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
        follow({ offset: -operation.kwargs.offset / operation.kwargs.gain, scale: 1 / operation.kwargs.gain })
        break
      case 'fixed_zero_mean_unit_variance':
        follow({ offset: operation.kwargs.mean, scale: operation.kwargs.std })
        break
      case 'zero_mean_unit_variance':
        follow({ offset: (found.mean - offset) / scale, scale: found.deviation / scale + operation.kwargs.eps })
        break
      case 'scale_range': {
        const low = (found.percentile(operation.kwargs.min_percentile) - offset) / scale
        const high = (found.percentile(operation.kwargs.max_percentile) - offset) / scale
        follow({ offset: low, scale: high - low + operation.kwargs.eps })
      }
    }
  }
  return { offset, scale }
}

/** Applies the chain in place. */
export function postprocess(chain: readonly Postprocessing[], data: Float32Array): void {
  for (const operation of chain) {
    switch (operation.id) {
      case 'ensure_dtype':
        break
      case 'scale_linear':
        for (let i = 0; i < data.length; i++) data[i] = (data[i] as number) * operation.kwargs.gain + operation.kwargs.offset
        break
      case 'sigmoid':
        for (let i = 0; i < data.length; i++) data[i] = 1 / (1 + Math.exp(-(data[i] as number)))
        break
      case 'clip':
        for (let i = 0; i < data.length; i++) {
          data[i] = Math.min(operation.kwargs.max, Math.max(operation.kwargs.min, data[i] as number))
        }
    }
  }
}
