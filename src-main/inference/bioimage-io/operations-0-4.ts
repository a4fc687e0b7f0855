/** Operations of format 0.4 in the words of 0.5: `mode` and letters of axes become the operation's name and axes, or the one axis that values run along. */
import { z } from '#shared/zod.ts'
import { axisLetters } from './axis-letters.ts'
import { FieldProblem } from './field-problem.ts'
import { foreignOperations, type Operation, postprocessingSchema, preprocessingSchema } from './operation-schema.ts'

export const operationSchema04 = z.object({ name: z.string().max(100), kwargs: z.record(z.string(), z.unknown()).nullish() })
type Operation04 = z.infer<typeof operationSchema04>

/** @param axes letters of the tensor. Throws FieldProblem. */
export function operation04(
  { name, kwargs }: Operation04,
  axes: string,
  field: string,
  kind: 'preprocessing' | 'postprocessing',
): Operation {
  const given = kwargs ?? {}
  if (foreignOperations.includes(name))
    throw new FieldProblem(`${field}.name`, `"${name}" is a program of its own that is not run here`, true)
  const { mode, axes: letters, ...rest } = given
  const own = typeof letters === 'string' ? letters : null
  if (letters !== undefined && letters !== null && own === null) throw new FieldProblem(`${field}.kwargs.axes`, 'must be letters')
  const stranger = [...(own ?? '')].find((letter) => !axes.includes(letter))
  if (stranger !== undefined) throw new FieldProblem(`${field}.kwargs.axes`, `"${stranger}" is no axis of this tensor ("${axes}")`)
  const converted = convert(name, rest, { mode, letters: own, axes }, field)
  const read = (kind === 'preprocessing' ? preprocessingSchema : postprocessingSchema).safeParse(converted)
  if (read.success) return read.data
  const issue = read.error.issues[0]
  const [first, ...path] = issue?.path ?? []
  const place = first === 'id' ? 'name' : [first, ...path].map(String).join('.')
  throw new FieldProblem(`${field}.${place}`, issue?.message ?? 'cannot be read')
}

interface Where {
  readonly mode: unknown
  readonly letters: string | null
  readonly axes: string
}

function convert(name: string, rest: Record<string, unknown>, { mode, letters, axes }: Where, field: string): unknown {
  const along = () => alongAxis(letters, axes, rest, field)
  const statistics = () => statisticsAxes(mode, letters, axes, field)
  switch (name) {
    case 'scale_linear':
      return { id: name, kwargs: { ...rest, axis: along() } }
    case 'zero_mean_unit_variance': {
      if (mode === undefined || mode === 'fixed') return { id: 'fixed_zero_mean_unit_variance', kwargs: { ...rest, axis: along() } }
      return { id: name, kwargs: { ...rest, axes: statistics() } }
    }
    case 'scale_range':
    case 'scale_mean_variance':
      return { id: name, kwargs: { ...rest, axes: statistics() } }
    default:
      return { id: name, kwargs: rest }
  }
}

/** The axis that a list of values runs along: the one that is not scaled jointly. */
function alongAxis(letters: string | null, axes: string, rest: Record<string, unknown>, field: string): string | null {
  if (!Object.values(rest).some((value) => Array.isArray(value) && value.length > 1)) return null
  const others = [...axes].filter((letter) => letter !== 'b' && !(letters ?? '').includes(letter))
  if (others.length !== 1) throw new FieldProblem(`${field}.kwargs.axes`, 'must leave out exactly the axis that the values run along')
  return idOf(others[0] as string)
}

function statisticsAxes(mode: unknown, letters: string | null, axes: string, field: string): string[] {
  if (mode !== 'per_sample' && mode !== 'per_dataset') {
    throw new FieldProblem(`${field}.kwargs.mode`, `must be "per_sample" or "per_dataset", not ${JSON.stringify(mode)}`)
  }
  const chosen = letters ?? axes.replace('b', '')
  const ids = [...chosen].map(idOf)
  return mode === 'per_dataset' && axes.includes('b') ? ['batch', ...ids] : ids
}

function idOf(letter: string): string {
  return axisLetters[letter]?.id ?? letter
}
