/** What the application knows of the microscope, in words of the field. µm, ms, percent. */
import { z } from './zod.ts'

export const deviceKinds = ['xy-stage', 'focus', 'light', 'camera', 'objective-turret'] as const
export const deviceStates = ['disconnected', 'connecting', 'ready', 'busy', 'error'] as const

export const deviceStatusSchema = z.object({
  id: z.string(),
  label: z.string(),
  kind: z.enum(deviceKinds),
  state: z.enum(deviceStates),
  /** Driver and port, for a person: "ASI MS-2000 on /dev/ttyUSB0". */
  connection: z.string(),
  /** Why, in a sentence, when the state is `error`. */
  problem: z.string().nullable(),
  simulated: z.boolean(),
})
export type DeviceKind = (typeof deviceKinds)[number]
export type DeviceState = (typeof deviceStates)[number]
export type DeviceStatus = z.infer<typeof deviceStatusSchema>

export const rangeSchema = z.object({ min: z.number(), max: z.number() })
export type Range = z.infer<typeof rangeSchema>

export const objectiveSchema = z.object({
  id: z.string(),
  label: z.string(),
  magnification: z.number().positive(),
  numericalAperture: z.number().positive(),
  /** µm in the sample for the present camera. */
  pixelSizeUm: z.number().positive(),
})
export type Objective = z.infer<typeof objectiveSchema>

export const lightChannelSchema = z.object({
  id: z.string(),
  /** OME channel name, e.g. "FITC". */
  name: z.string(),
  emissionNm: z.number().positive(),
  /** sRGB, "#rrggbb" */
  color: z.string(),
  on: z.boolean(),
  /** percent */
  level: z.number().min(0).max(100),
})
export type LightChannel = z.infer<typeof lightChannelSchema>

/** Everything the window shows about the hardware. */
export const microscopeStateSchema = z.object({
  configuration: z.string().nullable(),
  devices: z.array(deviceStatusSchema),
  stage: z.object({ x: z.number(), y: z.number(), moving: z.boolean(), limitsX: rangeSchema, limitsY: rangeSchema }).nullable(),
  focus: z.object({ z: z.number(), moving: z.boolean(), limits: rangeSchema }).nullable(),
  light: z.object({ channels: z.array(lightChannelSchema) }).nullable(),
  camera: z
    .object({
      width: z.number().int(),
      height: z.number().int(),
      bitDepth: z.number().int(),
      exposureMs: z.number(),
      exposureRange: rangeSchema,
    })
    .nullable(),
  objectives: z.object({ current: z.string(), all: z.array(objectiveSchema) }).nullable(),
})
export type MicroscopeState = z.infer<typeof microscopeStateSchema>

/** A microscope that a user has described in a file. */
export const microscopeDescriptionSchema = z.object({
  /** What `microscope.connect` takes. */
  id: z.string(),
  /** As the user calls it. */
  name: z.string(),
  /** Its devices with their ports, in words. */
  parts: z.array(z.string()),
  /** Why it cannot be used, naming file and field. */
  problem: z.string().nullable(),
})
export type MicroscopeDescription = z.infer<typeof microscopeDescriptionSchema>

/** A serial port of the host's computer, and what answered on it. */
export const portFindingSchema = z.object({
  /** "/dev/ttyUSB0", "COM3" */
  path: z.string(),
  /** What the system knows of its adapter. */
  about: z.string().nullable(),
  device: z
    .object({
      driver: z.string(),
      /** What it calls itself. */
      label: z.string(),
      baudRate: z.number().int(),
      /** What it may be of a microscope. */
      kinds: z.array(z.enum(deviceKinds)),
    })
    .nullable(),
  /** Why nothing was found, in a sentence. */
  problem: z.string().nullable(),
})
export type PortFinding = z.infer<typeof portFindingSchema>

const portSchema = z.object({ path: z.string().min(1).max(1024), baudRate: z.number().int().positive() }).nullable()

/** What a new microscope is to be made of: devices found on ports. */
export const microscopePlanSchema = z.object({
  name: z.string().trim().min(1).max(120),
  stage: portSchema,
  focus: portSchema,
  light: portSchema,
})
export type MicroscopePlan = z.infer<typeof microscopePlanSchema>

export const emptyMicroscope: MicroscopeState = {
  configuration: null,
  devices: [],
  stage: null,
  focus: null,
  light: null,
  camera: null,
  objectives: null,
}
