/** Networks that tell what an image shows, one of several classes or none (`config.deepscope` of the task `classification`). */
import { noPlace, nothing, placeName } from '#shared/places.ts'
import { z } from '#shared/zod.ts'
import type { Description } from './bioimage-io/description.ts'
import { FieldProblem } from './bioimage-io/field-problem.ts'
import { parseWith } from './bioimage-io/read-common.ts'

export interface Classifier {
  readonly classes: readonly string[]
  /** Places of the outputs in the description: one probability for each class; maps of the evidence, whose mean it is; how unlike all of them. */
  readonly probabilities: number
  readonly activation: number | null
  readonly novelty: number | null
  /** Above this novelty the image shows none of the classes. */
  readonly noveltyLimit: number | null
  /** Sides on the network's grid: the smallest, and what they are multiples of. */
  readonly smallest: number
  readonly step: number
}

const name = z.string().min(1).max(200)

/** Names that a person cannot take for each other, nor for what is said where there is none. */
function distinct(classes: readonly string[]): boolean {
  const words = [...classes.map(placeName), noPlace, nothing].map((word) => word.toLowerCase().trim())
  return new Set(words).size === words.length
}

const schema = z.object({
  config: z.object({
    deepscope: z.object({
      classes: z.array(name).min(2).max(64).refine(distinct, 'are not told apart by their names'),
      outputs: z.object({ probabilities: name, activation: name.optional(), novelty: name.optional() }),
      novelty: z.object({ limit: z.number().finite() }).optional(),
    }),
  }),
})

/** Whether the package says in this application's words what it tells apart. Others of the task are only listed and tested. */
export function classifies({ own }: Description): boolean {
  return z.object({ task: z.literal('classification'), classes: z.unknown(), outputs: z.unknown() }).safeParse(own).success
}

/** Throws FieldProblem. */
export function readClassifier({ own, inputs, outputs }: Description): Classifier {
  const said = parseWith(schema, { config: { deepscope: own } }).config.deepscope
  const [input, another] = inputs
  const axes = input?.axes.map(({ id, type }) => (type === 'space' ? id : type)).join(' ')
  const [channel, y, x] = input?.axes.slice(1) ?? []
  const one = channel?.size.kind === 'fixed' && channel.size.size === 1
  if (another || axes !== 'batch channel y x' || !one || y?.size.kind !== 'steps' || x?.size.kind !== 'steps') {
    throw new FieldProblem('inputs', 'must be one picture of one channel, of any size in steps, where what it shows is to be told')
  }
  const { min: smallest, step } = y.size
  if (step < 1 || smallest % step !== 0 || smallest < step || x.size.min !== smallest || x.size.step !== step) {
    throw new FieldProblem('inputs[0].axes', 'must take multiples of one step along y and x where what a picture shows is to be told')
  }
  const place = (output: string, field: string) => {
    const index = outputs.findIndex(({ id }) => id === output)
    if (index < 0) throw new FieldProblem(`config.deepscope.outputs.${field}`, `names “${output}”, which is no output`)
    return index
  }
  const { probabilities, activation, novelty } = said.outputs
  return {
    classes: said.classes,
    probabilities: place(probabilities, 'probabilities'),
    activation: activation === undefined ? null : place(activation, 'activation'),
    novelty: novelty === undefined ? null : place(novelty, 'novelty'),
    noveltyLimit: said.novelty?.limit ?? null,
    smallest,
    step,
  }
}
