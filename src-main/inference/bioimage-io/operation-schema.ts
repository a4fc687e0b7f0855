/** Pre- and postprocessing operations of BioImage.IO: their names and parameters (model v0_5, `…Kwargs`). How they compute stands in `tensors/operations.ts`. */

import { z } from '#shared/zod.ts'
import { type Dtype, dtypes } from './description.ts'

/** `axes` null: statistics over all axes together. Lists of parameters run along `axis`; null = one value for the whole tensor. */
export type Operation =
  | { readonly id: 'ensure_dtype'; readonly dtype: Dtype }
  | { readonly id: 'binarize'; readonly threshold: readonly number[]; readonly axis: string | null }
  | {
      readonly id: 'clip'
      readonly min: number | null
      readonly max: number | null
      readonly minPercentile: number | null
      readonly maxPercentile: number | null
      readonly axes: readonly string[] | null
    }
  | { readonly id: 'scale_linear'; readonly gain: readonly number[]; readonly offset: readonly number[]; readonly axis: string | null }
  | { readonly id: 'sigmoid' }
  | { readonly id: 'softmax'; readonly axis: string }
  | {
      readonly id: 'fixed_zero_mean_unit_variance'
      readonly mean: readonly number[]
      readonly std: readonly number[]
      readonly axis: string | null
    }
  | { readonly id: 'zero_mean_unit_variance'; readonly axes: readonly string[] | null; readonly eps: number }
  | {
      readonly id: 'scale_range'
      readonly axes: readonly string[] | null
      readonly minPercentile: number
      readonly maxPercentile: number
      readonly eps: number
      /** Input whose unprocessed values the percentiles are of; null = the tensor itself. */
      readonly reference: string | null
    }
  | { readonly id: 'scale_mean_variance'; readonly reference: string; readonly axes: readonly string[] | null; readonly eps: number }

export const dtypeSchema = z.enum(dtypes)
const axisId = z.string().min(1).max(64)
const axes = z.array(axisId).nullish()
const eps = z.number().positive().max(0.1).default(1e-6)
const std = z.number().min(1e-6)
const nothing = z.object({}).nullish()
const lowPercent = z.number().min(0).lt(100)
const highPercent = z.number().gt(1).max(100)

/** A list given with an axis, or one number given without. */
const listOf = <T extends z.ZodType<number>>(one: T) => z.union([one.transform((value) => [value]), z.array(one).min(1).max(4096)])

function listMatches(kwargs: { readonly axis?: string | null | undefined }, ...lists: readonly (readonly unknown[])[]): string | null {
  const lengths = new Set(lists.map(({ length }) => length).filter((length) => length > 1))
  if (lengths.size > 1) return `lists of different lengths (${[...lengths].join(', ')})`
  if (lengths.size === 1 && !kwargs.axis) return 'several values need an axis'
  return null
}

const ensureDtype = z
  .object({ id: z.literal('ensure_dtype'), kwargs: z.object({ dtype: dtypeSchema }) })
  .transform(({ id, kwargs }): Operation => ({ id, dtype: kwargs.dtype }))

const binarize = z
  .object({ id: z.literal('binarize'), kwargs: z.object({ threshold: listOf(z.number()), axis: axisId.nullish() }) })
  .superRefine(({ kwargs }, context) => {
    const problem = listMatches(kwargs, kwargs.threshold)
    if (problem) context.addIssue({ code: 'custom', path: ['kwargs', 'threshold'], message: problem })
  })
  .transform(({ id, kwargs }): Operation => ({ id, threshold: kwargs.threshold, axis: kwargs.axis ?? null }))

const clip = z
  .object({
    id: z.literal('clip'),
    kwargs: z.object({
      min: z.number().nullish(),
      max: z.number().nullish(),
      min_percentile: lowPercent.nullish(),
      max_percentile: highPercent.nullish(),
      axes,
    }),
  })
  .superRefine(({ kwargs }, context) => {
    const add = (key: string, message: string) => context.addIssue({ code: 'custom', path: ['kwargs', key], message })
    const low = kwargs.min ?? kwargs.min_percentile
    const high = kwargs.max ?? kwargs.max_percentile
    if (low == null && high == null) add('min', 'one of min, max, min_percentile and max_percentile is needed')
    if (kwargs.min != null && kwargs.min_percentile != null) add('min_percentile', 'excludes min')
    if (kwargs.max != null && kwargs.max_percentile != null) add('max_percentile', 'excludes max')
    if (kwargs.min != null && kwargs.max != null && kwargs.min >= kwargs.max) add('max', 'must be above min')
    if (kwargs.min_percentile != null && kwargs.max_percentile != null && kwargs.min_percentile >= kwargs.max_percentile) {
      add('max_percentile', 'must be above min_percentile')
    }
  })
  .transform(
    ({ id, kwargs }): Operation => ({
      id,
      min: kwargs.min ?? null,
      max: kwargs.max ?? null,
      minPercentile: kwargs.min_percentile ?? null,
      maxPercentile: kwargs.max_percentile ?? null,
      axes: kwargs.axes ?? null,
    }),
  )

const scaleLinear = z
  .object({
    id: z.literal('scale_linear'),
    kwargs: z.object({ gain: listOf(z.number()).default([1]), offset: listOf(z.number()).default([0]), axis: axisId.nullish() }),
  })
  .superRefine(({ kwargs }, context) => {
    const problem = listMatches(kwargs, kwargs.gain, kwargs.offset)
    if (problem) context.addIssue({ code: 'custom', path: ['kwargs', 'gain'], message: problem })
  })
  .transform(({ id, kwargs }): Operation => ({ id, gain: kwargs.gain, offset: kwargs.offset, axis: kwargs.axis ?? null }))

const sigmoid = z.object({ id: z.literal('sigmoid'), kwargs: nothing }).transform(({ id }): Operation => ({ id }))

const softmax = z
  .object({ id: z.literal('softmax'), kwargs: z.object({ axis: axisId.default('channel') }).nullish() })
  .transform(({ id, kwargs }): Operation => ({ id, axis: kwargs?.axis ?? 'channel' }))

const fixed = z
  .object({
    id: z.literal('fixed_zero_mean_unit_variance'),
    kwargs: z.object({ mean: listOf(z.number()), std: listOf(std), axis: axisId.nullish() }),
  })
  .superRefine(({ kwargs }, context) => {
    const problem =
      listMatches(kwargs, kwargs.mean, kwargs.std) ?? (kwargs.mean.length !== kwargs.std.length ? 'not as many as mean' : null)
    if (problem) context.addIssue({ code: 'custom', path: ['kwargs', 'std'], message: problem })
  })
  .transform(({ id, kwargs }): Operation => ({ id, mean: kwargs.mean, std: kwargs.std, axis: kwargs.axis ?? null }))

const perSample = z
  .object({ id: z.literal('zero_mean_unit_variance'), kwargs: z.object({ axes, eps }).nullish() })
  .transform(({ id, kwargs }): Operation => ({ id, axes: kwargs?.axes ?? null, eps: kwargs?.eps ?? 1e-6 }))

const rangeKwargs = z
  .object({
    axes,
    min_percentile: lowPercent.default(0),
    max_percentile: highPercent.default(100),
    eps,
    reference_tensor: z.string().max(200).nullish(),
  })
  .refine((range) => range.min_percentile < range.max_percentile, { path: ['max_percentile'], message: 'must be above min_percentile' })

const scaleRange = z.object({ id: z.literal('scale_range'), kwargs: rangeKwargs.nullish() }).transform(
  ({ id, kwargs }): Operation => ({
    id,
    axes: kwargs?.axes ?? null,
    minPercentile: kwargs?.min_percentile ?? 0,
    maxPercentile: kwargs?.max_percentile ?? 100,
    eps: kwargs?.eps ?? 1e-6,
    reference: kwargs?.reference_tensor ?? null,
  }),
)

const scaleMeanVariance = z
  .object({ id: z.literal('scale_mean_variance'), kwargs: z.object({ reference_tensor: z.string().min(1).max(200), axes, eps }) })
  .transform(({ id, kwargs }): Operation => ({ id, reference: kwargs.reference_tensor, axes: kwargs.axes ?? null, eps: kwargs.eps }))

const either = [ensureDtype, binarize, clip, scaleLinear, sigmoid, softmax, fixed, perSample, scaleRange] as const

/** Operations that decode a network's output by a program of its own: known, but not run here. */
export const foreignOperations: readonly string[] = ['stardist_postprocessing', 'cellpose_flow_dynamics', 'custom']

/** Checks the id first, so that an unknown one is named, and not the parameters of one that it might have been. */
function byId<T extends z.ZodType<Operation>>(schemas: readonly T[], ids: readonly string[]) {
  return z.unknown().transform((value, context): Operation => {
    const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : undefined
    const index = typeof id === 'string' ? ids.indexOf(id) : -1
    const schema = schemas[index]
    if (!schema) {
      const foreign = typeof id === 'string' && foreignOperations.includes(id)
      const message = foreign ? `"${id}" is a program of its own that is not run here` : `no such operation; known are ${ids.join(', ')}`
      context.addIssue({ code: 'custom', path: ['id'], message, params: { valid: foreign } })
      return z.NEVER
    }
    const read = schema.safeParse(value)
    if (read.success) return read.data
    for (const issue of read.error.issues) context.addIssue({ code: 'custom', path: [...issue.path], message: issue.message })
    return z.NEVER
  })
}

const eitherIds = [
  'ensure_dtype',
  'binarize',
  'clip',
  'scale_linear',
  'sigmoid',
  'softmax',
  'fixed_zero_mean_unit_variance',
  'zero_mean_unit_variance',
  'scale_range',
]

export const preprocessingSchema = byId(either, eitherIds)
export const postprocessingSchema = byId([...either, scaleMeanVariance], [...eitherIds, 'scale_mean_variance'])
