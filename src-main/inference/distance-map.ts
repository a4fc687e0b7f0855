/** Networks that refocus: beside the image they take a map of distances to the wanted surface (`config.deepscope` of the task `refocus`). */
import { z } from '#shared/zod.ts'
import type { Description } from './bioimage-io/description.ts'
import { FieldProblem } from './bioimage-io/field-problem.ts'
import { parseWith } from './bioimage-io/read-common.ts'

export interface DistanceMap {
  /** The input that takes it. */
  readonly input: string
  /** Its place among the channels of an image that is given to the network. */
  readonly channel: number
  /** µm for a value of 1. */
  readonly unitUm: number
  /** Distances the network was trained for, µm in the sample, positive away from the objective. */
  readonly rangeUm: readonly [number, number]
  /** The result is normalised as the picture before the map is: it can be brought back to the picture's units. Its further channels are widths. */
  readonly inverse: boolean
  /** It pays to give the picture once for several maps, which the network takes as a batch of any size: they share what it makes of the picture before the map comes in. */
  readonly shared: boolean
}

const finite = z.number().finite()

const schema = z.object({
  config: z.object({
    deepscope: z.object({
      distance: z.object({
        input: z.string(),
        unit_um: finite.positive(),
        range_um: z.tuple([finite, finite]),
        shared: z.boolean().default(false),
      }),
      intensity: z.object({ inverse: z.string().optional() }).optional(),
    }),
  }),
})

/** They change a picture by one factor and one addend, which can be taken back. */
const affineOperations: readonly string[] = [
  'ensure_dtype',
  'scale_linear',
  'scale_range',
  'zero_mean_unit_variance',
  'fixed_zero_mean_unit_variance',
]

/** Whether the package says that it refocuses. */
export function refocuses({ own }: Description): boolean {
  return z.object({ task: z.literal('refocus') }).safeParse(own).success
}

/** Throws FieldProblem. */
export function readDistanceMap({ own, inputs }: Description): DistanceMap {
  const { distance: said, intensity } = parseWith(schema, { config: { deepscope: own } }).config.deepscope
  const place = inputs.findIndex(({ id }) => id === said.input)
  if (place < 0) throw new FieldProblem('config.deepscope.distance.input', `names “${said.input}”, which is no input`)
  const single = inputs.slice(0, place + 1).every(({ axes }) => {
    const channel = axes.find(({ type }) => type === 'channel')
    return !channel || (channel.size.kind === 'fixed' && channel.size.size === 1)
  })
  if (!single) throw new FieldProblem('config.deepscope.distance.input', 'and the inputs before it must have one channel each')
  const affine = inputs[0]?.operations.every(({ id }) => affineOperations.includes(id)) ?? false
  const inverse = place > 0 && affine && intensity?.inverse === 'inverse-of-input-normalisation'
  return { input: said.input, channel: place, unitUm: said.unit_um, rangeUm: said.range_um, inverse, shared: said.shared }
}

/** What to do, for a person who gave the image alone. */
export function needOf({ unitUm, rangeUm: [low, high] }: DistanceMap): string {
  return (
    'It refocuses, so it needs a map of distances beside the picture: say how far the wanted surface or surfaces are from the plane in focus, ' +
    'or give an image of two channels, the picture and the map ' +
    `(µm from the plane in focus to the wanted surface, divided by ${unitUm}; ${low} to ${high} µm).`
  )
}

/** The distance of a map, µm, that lies farthest outside the range that the network was trained for, or nearest to its ends. values: of the map's pixels. */
export function farthest({ unitUm, rangeUm: [low, high] }: DistanceMap, values: ArrayLike<number>): number {
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < values.length; i++) {
    const um = (values[i] as number) * unitUm
    if (um < least) least = um
    if (um > most) most = um
  }
  return most - high > low - least ? most : least
}

/** A sentence where the map leaves the range that the network was trained for; else null. values: of the map's pixels. */
export function beyondRange(map: DistanceMap, values: ArrayLike<number>): string | null {
  const [low, high] = map.rangeUm
  const slack = 1e-4 * (high - low)
  const worst = farthest(map, values)
  if (worst >= low - slack && worst <= high + slack) return null
  return `A surface at ${Math.round(worst * 10) / 10} µm is asked for, and the network was trained for ${low} to ${high} µm: nothing is promised there.`
}
