/** What a package's own part (`config.deepscope`) says of its training, for a table. What is absent or odd is left out. */
import { z } from '#shared/zod.ts'

const number = z.number().finite()
const range = z.tuple([number, number])
const part = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined)

const trainingSchema = z.object({
  modality: part(z.string().max(200)),
  modalities: part(z.array(z.string().max(100)).min(1).max(16)),
  pixel_size_um: part(number),
  source_pixel_size_um: part(number),
  numerical_aperture: part(z.object({ input: number, target: number.optional() })),
  immersion: part(z.string().max(100)),
  wavelengths_um: part(z.array(number).max(32)),
  specimen_half_depth_um: part(range),
  distance: part(z.object({ range_um: range })),
  patent: part(z.string().max(1000)),
  photons: part(range),
  background_of_peak: part(range),
  spherical_aberration_waves_rms: part(range),
  structures: part(z.array(z.string().max(100)).max(64)),
  real_structures: part(z.array(z.string().max(300)).max(64)),
  training: part(z.object({ steps: number.optional(), minutes: number.optional(), seed: number.optional() })),
})

export function trainingInWords(own: unknown): { label: string; value: string }[] {
  const read = trainingSchema.safeParse(own)
  if (!read.success) return []
  const said = read.data
  const span = (values: readonly [number, number] | undefined, unit = '') => values && `${values[0]} … ${values[1]}${unit}`
  const aperture = said.numerical_aperture
  const steps = said.training?.steps
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Modality', said.modalities?.join(', ') ?? said.modality],
    ['Pixels of the input', said.source_pixel_size_um === undefined ? undefined : `${said.source_pixel_size_um} µm`],
    ['Pixels of the result', said.pixel_size_um === undefined ? undefined : `${said.pixel_size_um} µm`],
    ['Numerical aperture', aperture && (aperture.target === undefined ? String(aperture.input) : `${aperture.input} → ${aperture.target}`)],
    ['Immersion', said.immersion],
    ['Wavelengths', said.wavelengths_um && `${said.wavelengths_um.map((um) => Math.round(um * 1000)).join(', ')} nm`],
    ['Depth of the specimen', said.specimen_half_depth_um && `± ${said.specimen_half_depth_um[0]} … ${said.specimen_half_depth_um[1]} µm`],
    ['Distances', span(said.distance?.range_um, ' µm, positive away from the objective')],
    ['Photons at the brightest', span(said.photons)],
    ['Background / peak', span(said.background_of_peak)],
    ['Spherical aberration', span(said.spherical_aberration_waves_rms, ' waves rms')],
    ['Simulated structures', said.structures?.map((name) => name.replaceAll('_', ' ')).join(', ')],
    ['Published structures', said.real_structures?.join(', ')],
    ['Patent', said.patent],
    ['Training steps', steps === undefined ? undefined : String(steps)],
  ]
  return rows.flatMap(([label, value]) => (value ? [{ label, value }] : []))
}
