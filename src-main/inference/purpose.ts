/** What a network is for, from its own part (`config.deepscope`), in plain words. */
import { z } from '#shared/zod.ts'

const size = z.number().positive()
const ownSchema = z.object({
  task: z.string().max(100).optional().catch(undefined),
  modality: z.string().max(100).optional().catch(undefined),
  target_modality: z.string().max(100).optional().catch(undefined),
  pixel_size_um: size.optional().catch(undefined),
  source_pixel_size_um: size.optional().catch(undefined),
  pixel_sizes_um: z.array(size).min(1).max(16).optional().catch(undefined),
  numerical_aperture: z
    .object({ input: size, target: size.optional().catch(undefined) })
    .optional()
    .catch(undefined),
})

const tasks: Readonly<Record<string, string>> = {
  'super-resolution': 'Super-resolution',
  classification: 'Tells what an image shows',
  refocusing: 'Refocusing to another depth',
  refocus: 'Refocusing to another depth',
  'cross-modality': 'One kind of microscope from another',
  restoration: 'Restoration',
  denoising: 'Noise removal',
}

/** Kinds of microscopes that are known by their letters. */
const abbreviations = /^(sted|sim|tirf|palm|storm)(-(sted|sim|tirf))?$/i

export interface Purpose {
  /** null: the package does not say. */
  readonly task: string | null
  readonly modality: string | null
  /** Of the images it was made for, µm. */
  readonly trainedPixelsUm: readonly number[]
  /** One line; empty where the package says nothing. */
  readonly words: string
}

export function purposeOf(own: unknown): Purpose {
  const said = ownSchema.safeParse(own).data
  if (!said) return { task: null, modality: null, trainedPixelsUm: [], words: '' }
  const { task, modality, numerical_aperture: aperture, pixel_size_um: grid, source_pixel_size_um: source, pixel_sizes_um: range } = said
  const trainedPixelsUm = [...new Set([source, grid, ...(range ?? [])].filter((each) => each !== undefined))]
  const from = source ?? grid
  const pixels = range
    ? `pixels of ${Math.min(...range)} to ${Math.max(...range)} µm`
    : from !== undefined && `pixels of ${from} µm${grid !== undefined && grid !== from ? ` to ${grid} µm` : ''}`
  const name = task && (tasks[task] ?? task)
  const kinds = [...new Set([modality, said.target_modality].filter((each) => each !== undefined))]
  const kind = kinds.map((each) => (abbreviations.test(each) ? each.toUpperCase() : each)).join(' to ')
  const objective =
    aperture && `NA ${aperture.input}${aperture.target !== undefined && aperture.target !== aperture.input ? ` to ${aperture.target}` : ''}`
  return {
    task: task ?? null,
    modality: modality ?? null,
    trainedPixelsUm,
    words: [name, kind, objective, pixels].filter(Boolean).join(', '),
  }
}
