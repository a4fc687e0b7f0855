/** Reads what a package says of its training (`config.deepscope`), for the trust instruments. */
import { createHash } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import { isAbsolute, join, sep } from 'node:path'
import { parse } from 'yaml'
import { z } from '#shared/zod.ts'
import type { Layer } from '../analysis/trust/convolution.ts'
import type { Lookout } from '../analysis/trust/lookout.ts'
import type { FocusOptics } from '../analysis/trust/through-focus.ts'
import type { InputStatistics, Training } from '../analysis/trust/training.ts'

const finite = z.number().finite()
const span = z.tuple([finite, finite])
/** A field that is absent or odd says nothing. */
const part = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)

const fileSchema = z.object({ source: z.string().max(500), sha256: z.string() })

const ownSchema = z.object({
  task: part(z.string().max(100)),
  modality: part(z.string().max(100)),
  modalities: part(z.array(z.string().max(100)).min(1).max(16)),
  pixel_size_um: part(finite.positive()),
  source_pixel_size_um: part(finite.positive()),
  pixel_sizes_um: part(span),
  numerical_aperture: part(z.object({ input: finite.positive(), on_grid: span.optional() })),
  wavelengths_um: part(z.array(finite.positive()).max(32)),
  structures: part(z.array(z.string().max(100)).max(64)),
  bits: part(z.array(finite.positive()).max(8)),
  photons: part(span),
  intensity: part(z.object({ flux: z.array(z.object({ photons: finite, slope: finite.nullable().catch(null) })).optional() })),
  guard: part(z.object({ statistics: part(fileSchema), lookout: part(fileSchema) })),
})

const refocusSchema = z.object({
  task: z.literal('refocus'),
  numerical_aperture: z.object({ input: finite.positive() }),
  wavelengths_um: z.array(finite.positive()).min(1).max(32),
  sample_index: finite.positive(),
  spherical_aberration_waves_rms: span,
  target_modality: z.enum(['widefield', 'confocal']),
})

const statisticsSchema = z.object({
  tile: z.literal(128),
  features: z.array(z.string()),
  sources: z.array(
    z.object({
      pixel_size_um: finite.positive(),
      mean: z.array(finite),
      std: z.array(finite.positive()),
      whitening: z.array(z.array(finite)),
      limits: z.object({ percentiles: z.array(finite), distance: z.array(finite) }),
    }),
  ),
})

const numbers = z
  .string()
  .regex(/^[A-Za-z0-9+/]*=*$/)
  .transform((base64) => {
    const bytes = Buffer.from(base64, 'base64')
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~3)))
  })
const channels = z.number().int().min(1).max(256)

const lookoutSchema = z.object({
  pixel_size_um: finite.positive(),
  layers: z
    .array(
      z.object({ inputs: channels, outputs: channels, stride: z.union([z.literal(1), z.literal(2)]), weights: numbers, bias: numbers }),
    )
    .min(1)
    .max(16),
  head: z.object({ weights: numbers, bias: numbers }),
})

const largest = 8 << 20

/** Of the package in `folder`; what cannot be read is unknown, and nothing is thrown: the guard then says so. */
export async function readTraining(folder: string, gridUm: number | null): Promise<Training> {
  const document = await firstOf(folder, ['rdf.yaml', 'bioimageio.yaml'])
  const config = z.object({ config: z.object({ deepscope: z.unknown() }) }).safeParse(document)
  const own = ownSchema.safeParse(config.data?.config.deepscope).data ?? {}
  const pixels = [own.source_pixel_size_um, own.pixel_size_um].filter((size): size is number => size !== undefined)
  const apertures = [own.numerical_aperture?.input, ...(own.numerical_aperture?.on_grid ?? [])].filter(
    (na): na is number => na !== undefined,
  )
  const weights = z.object({ weights: z.object({ onnx: z.object({ sha256: z.string() }) }) }).safeParse(document)
  return {
    task: own.task ?? null,
    modalities: own.modalities ?? (own.modality === undefined ? [] : [own.modality]),
    pixelSizesUm: pixels.length > 0 ? pixels : gridUm === null ? [] : [gridUm],
    pixelRangeUm: own.pixel_sizes_um ?? null,
    gridUm,
    numericalAperture: apertures.length > 0 ? [Math.min(...apertures), Math.max(...apertures)] : null,
    wavelengthsUm: own.wavelengths_um ?? [],
    structures: own.structures ?? [],
    bits: own.bits ?? [],
    photons: own.photons ?? null,
    flux: own.intensity?.flux ?? [],
    statistics: own.guard?.statistics ? await readStatistics(folder, own.guard.statistics) : [],
    weights: weights.data?.weights.onnx.sha256.toLowerCase() ?? null,
    lookout: own.guard?.lookout ? await readLookout(folder, own.guard.lookout) : null,
    refocusing: refocusingOf(config.data?.config.deepscope),
  }
}

/** The middle of what a network that refocuses was trained for; null where it does not refocus, or leaves something out. */
function refocusingOf(own: unknown): FocusOptics | null {
  const said = refocusSchema.safeParse(own).data
  if (!said || said.numerical_aperture.input >= said.sample_index) return null
  const middle = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    numericalAperture: said.numerical_aperture.input,
    wavelengthUm: middle(said.wavelengths_um),
    index: said.sample_index,
    aberration: middle(said.spherical_aberration_waves_rms),
    target: said.target_modality,
  }
}

interface Named {
  readonly source: string
  readonly sha256: string
}

/** What a file of the package holds as JSON; throws where it lies outside, is too large, or is not the one that was described. */
async function readChecked(folder: string, { source, sha256 }: Named): Promise<unknown> {
  if (isAbsolute(source) || source.split(/[\\/]/).includes('..')) throw new Error('outside')
  const path = await realpath(join(folder, source))
  if (!path.startsWith((await realpath(folder)) + sep) || (await stat(path)).size > largest) throw new Error('outside or too large')
  const bytes = await readFile(path)
  if (createHash('sha256').update(bytes).digest('hex') !== sha256.toLowerCase()) throw new Error('changed')
  return JSON.parse(bytes.toString('utf8'))
}

async function readStatistics(folder: string, file: Named): Promise<InputStatistics[]> {
  try {
    const read = statisticsSchema.parse(await readChecked(folder, file))
    return read.sources.flatMap(({ pixel_size_um, mean, std, whitening, limits }) => {
      const limit = limits.distance[limits.percentiles.indexOf(99)]
      const count = read.features.length
      if (limit === undefined || mean.length !== count || std.length !== count || whitening.length !== count) return []
      return [{ pixelSizeUm: pixel_size_um, mean, std, whitening, distanceLimit: limit }]
    })
  } catch {
    return []
  }
}

async function readLookout(folder: string, file: Named): Promise<Lookout | null> {
  try {
    const { pixel_size_um, layers, head } = lookoutSchema.parse(await readChecked(folder, file))
    let expected = 8
    for (const { inputs, outputs, weights, bias } of layers as Layer[]) {
      if (inputs !== expected || weights.length !== outputs * inputs * 9 || bias.length !== outputs) return null
      expected = outputs
    }
    if (head.weights.length !== 2 * expected || head.bias.length !== 2) return null
    return { pixelSizeUm: pixel_size_um, layers, head }
  } catch {
    return null
  }
}

async function firstOf(folder: string, names: readonly string[]): Promise<unknown> {
  for (const name of names) {
    try {
      const path = join(folder, name)
      if ((await stat(path)).size <= largest) return parse(await readFile(path, 'utf8'), { maxAliasCount: 50 })
    } catch {}
  }
  return null
}
