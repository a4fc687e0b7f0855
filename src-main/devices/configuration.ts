/** A microscope as a JSON file describes it: which drivers on which ports, and what belongs to the installation. µm, nm. */
import { readFile } from 'node:fs/promises'
import { objectiveSchema, rangeSchema } from '#shared/device.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import { z } from '#shared/zod.ts'
import { asiMs2000 } from './drivers/asi-ms2000/driver.ts'
import { coolLedPe300 } from './drivers/coolled-pe300.ts'

const path = z.string().min(1, 'a port is needed, such as "/dev/ttyUSB0" or "COM3"').max(1024)
const limits = rangeSchema.refine(({ min, max }) => min < max, 'min must be less than max').optional()
const baud = (allowed: readonly number[]) =>
  z
    .number()
    .refine((value) => allowed.includes(value), `must be ${allowed.join(', ')}`)
    .default(allowed[0] ?? 9600)

const channelSchema = z.strictObject({
  /** OME channel name. */
  name: z.string().min(1).max(60),
  emissionNm: z.number().min(300).max(1200),
  color: z.string().regex(/^#[0-9a-f]{6}$/i, 'must be a colour such as "#38d06b"'),
})

const shape = z.strictObject({
  name: z.string().min(1).max(120),
  stage: z
    .strictObject({
      driver: z.literal(asiMs2000.id),
      path,
      baudRate: baud(asiMs2000.bauds),
      /** Default: the controller's own limits. */
      limitsX: limits,
      limitsY: limits,
      /** Where the controller's positive direction is left (x) or up (y) on the screen. */
      invertX: z.boolean().default(false),
      invertY: z.boolean().default(false),
    })
    .nullable()
    .default(null),
  focus: z
    .strictObject({
      driver: z.literal(asiMs2000.id),
      path,
      baudRate: baud(asiMs2000.bauds),
      limits,
      /** Where the controller's positive direction is towards the objective. */
      invert: z.boolean().default(false),
    })
    .nullable()
    .default(null),
  light: z
    .strictObject({ driver: z.literal(coolLedPe300.id), path, baudRate: baud(coolLedPe300.bauds) })
    .nullable()
    .default(null),
  camera: z
    .strictObject({ driver: z.literal('simulated'), seed: z.number().int().optional() })
    .nullable()
    .default(null),
  objectives: z.array(objectiveSchema).min(1, 'at least one objective is needed'),
  /** What shines through the filters, by the light source's own channel letter. */
  channels: z.record(z.string().regex(/^[A-H]$/, 'must be a letter from A to H'), channelSchema).default({}),
})

export const configurationSchema = shape.superRefine(({ stage, focus, light, objectives }, context) => {
  const refuse = (where: (string | number)[], message: string) => context.addIssue({ code: 'custom', path: where, message })
  if (stage && focus && stage.path === focus.path && stage.baudRate !== focus.baudRate) {
    refuse(['focus', 'baudRate'], `must equal stage.baudRate (${stage.baudRate}), because both are on ${stage.path}`)
  }
  for (const other of [stage, focus]) {
    if (light && other?.path === light.path) refuse(['light', 'path'], `${light.path} is in use by ${other.driver}`)
  }
  objectives.forEach(({ id }, i) => {
    if (objectives.findIndex((other) => other.id === id) < i) refuse(['objectives', i, 'id'], `"${id}" is there twice`)
  })
})

export type MicroscopeConfiguration = z.infer<typeof configurationSchema>

/** Checks a configuration. Throws ConfigurationInvalid, naming `source` and every wrong field. */
export function parseConfiguration(value: unknown, source: string): MicroscopeConfiguration {
  const { data, error } = configurationSchema.safeParse(value)
  if (data) return data
  const problems = error.issues.map(({ path: field, message }) => `${field.join('.') || 'the whole'}: ${message}`)
  const message = `The microscope configuration ${source} cannot be used: ${problems.join('; ')}.`
  throw new AppError('ConfigurationInvalid', message, { source, field: error.issues[0]?.path.join('.') ?? '' })
}

/** Reads a configuration file. Rejects with ConfigurationInvalid, naming the file and what is wrong. */
export async function readConfiguration(file: string): Promise<MicroscopeConfiguration> {
  try {
    return parseConfiguration(JSON.parse(await readFile(file, 'utf8')), file)
  } catch (error) {
    if (error instanceof AppError) throw error
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const what =
      error instanceof SyntaxError ? `is not JSON: ${messageOf(error)}` : missing ? 'is not there' : `cannot be read: ${messageOf(error)}`
    throw new AppError('ConfigurationInvalid', `The microscope configuration ${file} ${what}.`, { source: file }, error)
  }
}
