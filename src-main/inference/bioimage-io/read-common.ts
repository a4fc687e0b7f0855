/** What both formats share: the head of a description, its weights, and how a fault is told. */
import { z } from '#shared/zod.ts'
import type { Description, NamedFile, OnnxWeights, Tolerance } from './description.ts'
import { FieldProblem } from './field-problem.ts'

export const count = z.number().int().max(1e9)
export const fileSource = z.string().min(1).max(500)
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/i, 'must be 64 hexadecimal digits')
const text = z.string().max(10_000)

const toleranceSchema = z.object({
  relative_tolerance: z.number().nonnegative().max(1).default(1e-3),
  absolute_tolerance: z.number().nonnegative().default(1e-3),
  mismatched_elements_per_million: z.number().nonnegative().max(1000).default(100),
  output_ids: z.array(z.string()).default([]),
  weights_formats: z.array(z.string()).default([]),
})

export const commonFields = {
  format_version: z.string(),
  type: z.literal('model', 'must be "model"'),
  name: text.min(1),
  version: z.union([z.string().max(100), z.number()]).nullish(),
  description: text.nullish(),
  license: z.string().max(200).nullish(),
  authors: z.array(z.object({ name: z.string().max(500).nullish() })).nullish(),
  tags: z.array(z.string().max(200)).nullish(),
  cite: z.array(z.object({ text: text.nullish(), doi: z.string().max(500).nullish(), url: z.string().max(2000).nullish() })).nullish(),
  documentation: z.string().max(2000).nullish(),
  config: z
    .object({
      deepscope: z.unknown().optional(),
      bioimageio: z.object({ reproducibility_tolerance: z.array(toleranceSchema).nullish() }).nullish(),
    })
    .nullish(),
}
const commonSchema = z.object(commonFields)

const onnxSchema = z.object({
  source: fileSource,
  sha256: sha256.nullish(),
  opset_version: count.min(7).nullish(),
  external_data: z.object({ source: fileSource, sha256: sha256.nullish() }).nullish(),
})
export const weightsSchema = z.object({ onnx: onnxSchema.nullish() }).catchall(z.unknown())

export function weightsOf(weights: z.infer<typeof weightsSchema>): Pick<Description, 'onnx' | 'otherWeights'> {
  const { onnx, ...others } = weights
  const external: NamedFile | null = onnx?.external_data
    ? {
        source: onnx.external_data.source,
        sha256: onnx.external_data.sha256?.toLowerCase() ?? null,
        field: 'weights.onnx.external_data',
      }
    : null
  const otherWeights = Object.keys(others).filter((key) => others[key] !== null && others[key] !== undefined)
  if (!onnx && otherWeights.length === 0) throw new FieldProblem('weights', 'names no weights at all')
  const found: OnnxWeights | null = onnx ? { source: onnx.source, sha256: onnx.sha256?.toLowerCase() ?? null, external } : null
  return { onnx: found, otherWeights }
}

type Common = Omit<Description, 'inputs' | 'outputs' | 'onnx' | 'otherWeights'>

export function commonOf(document: z.infer<typeof commonSchema>): Common {
  const stated = document.config?.bioimageio?.reproducibility_tolerance ?? []
  const tolerances = stated
    .filter(({ weights_formats }) => weights_formats.length === 0 || weights_formats.includes('onnx'))
    .map(
      (each): Tolerance => ({
        relative: each.relative_tolerance,
        absolute: each.absolute_tolerance,
        perMillion: each.mismatched_elements_per_million,
        outputs: each.output_ids,
      }),
    )
  return {
    format: document.format_version,
    name: document.name,
    version: String(document.version ?? 'unversioned'),
    description: document.description ?? '',
    license: document.license ?? '',
    authors: (document.authors ?? []).flatMap(({ name }) => name ?? []),
    tags: document.tags ?? [],
    cite: (document.cite ?? []).map(({ text: words, doi, url }) => [words, doi ? `doi:${doi}` : url].filter(Boolean).join(' ')),
    documentation: document.documentation ?? null,
    tolerances,
    own: document.config?.deepscope,
  }
}

/** Throws FieldProblem with the first fault. */
export function parseWith<T>(schema: z.ZodType<T>, document: unknown): T {
  const read = schema.safeParse(document)
  if (read.success) return read.data
  const issue = read.error.issues[0]
  const valid = issue?.code === 'custom' && (issue.params as { valid?: boolean } | undefined)?.valid === true
  throw new FieldProblem(fieldOf(issue?.path ?? []), issue?.message ?? 'cannot be read', valid)
}

function fieldOf(path: readonly PropertyKey[]): string {
  const field = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('')
  return field.replace(/^\./, '') || 'rdf.yaml'
}
