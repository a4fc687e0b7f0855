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

export const emptyMicroscope: MicroscopeState = {
  configuration: null,
  devices: [],
  stage: null,
  focus: null,
  light: null,
  camera: null,
  objectives: null,
}
