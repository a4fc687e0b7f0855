/**
 * The contract between the host and any window: names, and a schema beside every name. Services implement it, the window calls it,
 * and the same contract runs over memory, MessagePort and WebSocket. Units: µm, ms, percent.
 */
import { microscopeDescriptionSchema, microscopePlanSchema, microscopeStateSchema, portFindingSchema } from './device.ts'
import { frameMetadataSchema, pixelSizeRange, pixelTypes } from './image/frame.ts'
import { placesSchema } from './places.ts'
import { call, stream, topic } from './rpc/contract.ts'
import { inspectionStateSchema, liveTrustSchema, trustMapSchema, trustReportSchema, verdictSchema } from './trust.ts'
import { z } from './zod.ts'

const nothing = z.null()
const id = z.string().min(1).max(200)
const finite = z.number().finite()
const surfaceIndex = z.number().int().nonnegative()
const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'binary data')

export const settingsSchema = z.object({
  dataFolder: z.string().max(4096),
  omeZarrVersion: z.enum(['0.5', '0.4']),
  theme: z.enum(['dark', 'light']),
  /** Model used by live enhancement and by `enhance` where none is named; empty: the one that suits the pixels of the image. */
  model: z.string().max(200),
  provider: z.enum(['auto', 'cpu', 'webgpu', 'cuda', 'dml', 'coreml']),
  colorMap: z.enum(['gray', 'green', 'magenta', 'viridis', 'magma', 'inferno', 'turbo']),
  autoContrast: z.boolean(),
  /** µm per key press */
  stageStep: z.number().min(0.1).max(1000),
  focusStep: z.number().min(0.05).max(100),
})
export type Settings = z.infer<typeof settingsSchema>

export const appInfoSchema = z.object({
  version: z.string(),
  shell: z.enum(['electron', 'browser']),
  platform: z.string(),
  /** Largest upload accepted, bytes. */
  uploadLimit: z.number(),
})

const histogramCounts = z.custom<Uint32Array>((value) => value instanceof Uint32Array && value.length === 256, 'expected 256 counts')

export const histogramSchema = z.object({
  min: z.number(),
  max: z.number(),
  /** 256 equal bins from min to max, of the whole frame, computed by the host. */
  counts: histogramCounts,
  /** Robust display limits: 0.35 and 99.65 percentile. */
  low: z.number(),
  high: z.number(),
  /** Pixels at the camera's maximum. */
  saturated: z.number().int(),
})
export type Histogram = z.infer<typeof histogramSchema>

/** Which network made a picture, on what; travels with every enhanced picture, on screen and in the file. */
export const provenanceSchema = z.object({
  model: z.string(),
  modelName: z.string(),
  version: z.string(),
  sha256: z.string(),
  /** Execution provider, e.g. "cpu". */
  provider: z.string(),
  /** What the user must know before trusting it: unknown pixel size, resampling, … */
  warnings: z.array(z.string()),
})
export type Provenance = z.infer<typeof provenanceSchema>

export const previewHeaderSchema = z.object({
  kind: z.enum(['raw', 'enhanced']),
  width: z.number().int().positive(),
  height: z.number().int().positive(),
  pixelType: z.enum(pixelTypes),
  metadata: frameMetadataSchema,
  histogram: histogramSchema,
  /** End of the exposure → sent to this window, ms, by the host's clock. */
  ageMs: z.number(),
  /** Only for enhanced frames. */
  provenance: provenanceSchema.nullable(),
  /** Frames of this kind that the window was too slow for, since the stream was opened. */
  dropped: z.number().int(),
})
export type PreviewHeader = z.infer<typeof previewHeaderSchema>

export const liveStateSchema = z.object({
  running: z.boolean(),
  enhance: z.boolean(),
  model: z.string().nullable(),
  cameraFps: z.number(),
  inferenceFps: z.number(),
  /** Camera pixels that go through the network, millions per second. */
  inferenceMegapixels: z.number(),
  /** Frames the network was too slow for (newest frame wins), since live began. */
  inferenceDropped: z.number().int(),
  /** Frames that the camera itself lost. */
  cameraDropped: z.number().int(),
  /** Exposure end → enhanced frame ready, ms. */
  latencyMs: z.number().nullable(),
  problem: z.string().nullable(),
})
export type LiveState = z.infer<typeof liveStateSchema>

export const stoppedLive: LiveState = {
  running: false,
  enhance: false,
  model: null,
  cameraFps: 0,
  inferenceFps: 0,
  inferenceMegapixels: 0,
  inferenceDropped: 0,
  cameraDropped: 0,
  latencyMs: null,
  problem: null,
}

export const inferenceStateSchema = z.object({
  status: z.enum(['stopped', 'starting', 'ready', 'restarting', 'failed']),
  provider: z.string().nullable(),
  /** Every provider, in the order tried, and why it is or is not used. */
  providers: z.array(z.object({ id: z.string(), used: z.boolean(), reason: z.string() })),
  restarts: z.number().int(),
  problem: z.string().nullable(),
})
export type InferenceState = z.infer<typeof inferenceStateSchema>

export const stoppedInference: InferenceState = { status: 'stopped', provider: null, providers: [], restarts: 0, problem: null }

export const recordingStateSchema = z.object({
  session: z.string().nullable(),
  recording: z.boolean(),
  frames: z.number().int(),
  bytes: z.number(),
  seconds: z.number(),
  problem: z.string().nullable(),
})
export type RecordingState = z.infer<typeof recordingStateSchema>

export const idleRecording: RecordingState = { session: null, recording: false, frames: 0, bytes: 0, seconds: 0, problem: null }

export const storageStateSchema = z.object({
  folder: z.string(),
  freeBytes: z.number().nullable(),
  writable: z.boolean(),
  problem: z.string().nullable(),
})

export const sessionSummarySchema = z.object({
  id,
  name: z.string(),
  /** ISO 8601 */
  created: z.string(),
  kind: z.enum(['snap', 'recording', 'enhanced']),
  frames: z.number().int(),
  width: z.number().int(),
  height: z.number().int(),
  pixelType: z.enum(pixelTypes),
  bytes: z.number(),
  /** false: the recording ended without being closed (the finished frames are all there). */
  complete: z.boolean(),
  omeZarrVersion: z.enum(['0.5', '0.4']),
})
export type SessionSummary = z.infer<typeof sessionSummarySchema>

export const imageSchema = z.object({
  width: z.number().int(),
  height: z.number().int(),
  pixelType: z.enum(pixelTypes),
  bytes,
  histogram: histogramSchema,
})

export const sessionFrameSchema = imageSchema.extend({
  index: z.number().int(),
  metadata: frameMetadataSchema,
  provenance: provenanceSchema.nullable(),
})

/** A package's own test: its test inputs must give its test outputs. */
export const selfTestSchema = z.object({
  /** Milliseconds since the epoch. */
  time: z.number(),
  passed: z.boolean(),
  /** Why it failed or could not be run; null where it passed. */
  problem: z.string().nullable(),
  provider: z.string().nullable(),
  elapsedMs: z.number(),
  outputs: z.array(
    z.object({
      id: z.string(),
      dims: z.array(z.number().int()),
      elements: z.number(),
      /** Elements outside the tolerance, and how many may be. */
      outside: z.number(),
      allowed: z.number(),
      largestDifference: z.number(),
      /** |value − expected| ≤ absolute + relative · |expected|, but for so many elements in a million. */
      relative: z.number(),
      absolute: z.number(),
      perMillion: z.number(),
    }),
  ),
})
export type SelfTest = z.infer<typeof selfTestSchema>

/** How many bars an evaluation has, and those that are missed: the value that was measured and what it must be, in words. */
const measuredSchema = z.object({
  bars: z.number().int(),
  missed: z.array(z.object({ name: z.string(), value: z.string(), must: z.string() })),
})
export type Measured = z.infer<typeof measuredSchema>

export const modelSummarySchema = z.object({
  id,
  name: z.string(),
  version: z.string(),
  description: z.string(),
  sha256: z.string(),
  /** µm of the network's grid; null = any. */
  pixelSizeUm: z.number().nullable(),
  bytes: z.number(),
  /** Only the user's own can be removed. */
  origin: z.enum(['application', 'user']),
  /** Version of the BioImage.IO format; empty where it cannot be read. */
  format: z.string(),
  /** The description is sound; it may still not be runnable here. */
  valid: z.boolean(),
  usable: z.boolean(),
  /** It can be run on images: not only its self-test. */
  images: z.boolean(),
  /** What images it takes: "planes of one channel". */
  takes: z.string(),
  /** "super-resolution", "classification" …; null where the package does not say. */
  task: z.string().nullable(),
  /** What it is for, in plain words: "Super-resolution, widefield, NA 0.4 to 0.75, pixels of 0.65 µm to 0.325 µm"; may be empty. */
  purpose: z.string(),
  /** "widefield", "confocal" …; null where the package does not say. */
  modality: z.string().nullable(),
  /** Pixel sizes of the images it was made for, µm; empty = it does not say. */
  trainedPixelsUm: z.array(z.number()),
  /** Distances that it refocuses over, µm, and how many µm a value of 1 in its map stands for; null = it does not refocus. */
  refocus: z.object({ rangeUm: z.tuple([z.number(), z.number()]), unitUm: z.number() }).nullable(),
  /** What it tells apart, of a network that tells what an image shows; null = it does something else. */
  classes: z.array(z.string()).nullable(),
  /** Why it cannot be used, naming the field. */
  problem: z.string().nullable(),
  field: z.string().nullable(),
  /** What is odd about a package that can be used. */
  notes: z.array(z.string()),
  license: z.string(),
  /** What its own evaluation says; null = it brings none. */
  measured: measuredSchema.nullable(),
  /** The model's card, Markdown. */
  card: z.string().nullable(),
  /** It has test tensors. */
  testable: z.boolean(),
  /** Result of its last self-test since the start; null = not run. */
  test: selfTestSchema.nullable(),
})
export type ModelSummary = z.infer<typeof modelSummarySchema>

const tensorDetailsSchema = z.object({
  id: z.string(),
  description: z.string(),
  dtype: z.string(),
  optional: z.boolean(),
  /** Sizes, scales and operations are in words. */
  axes: z.array(
    z.object({
      id: z.string(),
      size: z.string(),
      scale: z.string(),
      halo: z.number().int(),
      names: z.array(z.string()),
    }),
  ),
  operations: z.array(z.string()),
})

/** Everything a package says that helps to judge it. */
export const modelDetailsSchema = z.object({
  model: id,
  /** Folder or file of the package. */
  path: z.string(),
  authors: z.array(z.string()),
  tags: z.array(z.string()),
  cite: z.array(z.string()),
  weights: z.array(z.string()),
  inputs: z.array(tensorDetailsSchema),
  outputs: z.array(tensorDetailsSchema),
  /** What it was trained on, for a table. */
  training: z.array(z.object({ label: z.string(), value: z.string() })),
})
export type ModelDetails = z.infer<typeof modelDetailsSchema>

export const jobSchema = z.object({
  id,
  file: z.string(),
  status: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']),
  /** 0…1 */
  progress: z.number(),
  /** Seconds left, if known. */
  remaining: z.number().nullable(),
  /** Of the file's own planes and pixels, per second; null where it is not known. */
  rate: z.object({ planes: z.number(), megapixels: z.number() }).nullable(),
  /** Id of the network; null until it is chosen. */
  model: z.string().nullable(),
  output: z.string().nullable(),
  warnings: z.array(z.string()),
  /** The gravest verdict of all planes; null until the job is done, and where it could not be judged. */
  verdict: verdictSchema.nullable(),
  /** What was judged, or why nothing was, as a sentence; null until the job is done. */
  judged: z.string().nullable(),
  /** What the picture shows, as a sentence, where the network tells that; null for any other. */
  answer: z.string().nullable(),
  problem: z.string().nullable(),
})
export type Job = z.infer<typeof jobSchema>

export const logEntrySchema = z.object({
  time: z.number(),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  source: z.string(),
  message: z.string(),
})
export type LogEntry = z.infer<typeof logEntrySchema>

export const clientsStateSchema = z.object({ count: z.number().int(), writer: z.string().nullable() })

/** Every instrument on one picture, with the maps of those that have one. */
export const inspectionSchema = z.object({
  report: trustReportSchema,
  maps: z.array(trustMapSchema),
  provenance: provenanceSchema,
  /** The picture before and after. */
  before: imageSchema,
  after: imageSchema,
})
export type Inspection = z.infer<typeof inspectionSchema>

export const api = {
  'app.info': call(nothing, appInfoSchema, 'anyone'),
  /** The caller's own id, to compare with `clients.state`. */
  'client.hello': call(nothing, z.object({ client: z.string() }), 'anyone'),
  'control.take': call(nothing, nothing, 'anyone'),

  /** The microscopes that files in `folder` describe, beside the demo. */
  'microscopes.list': call(nothing, z.object({ folder: z.string(), microscopes: z.array(microscopeDescriptionSchema) }), 'anyone'),
  /** Asks on every serial port which known device is there: a question that moves nothing. Takes seconds. */
  'microscopes.detect': call(nothing, z.array(portFindingSchema)),
  /** Writes a new file beside the others; nothing is overwritten. */
  'microscopes.create': call(microscopePlanSchema, microscopeDescriptionSchema),

  'microscope.connect': call(z.object({ configuration: id }), nothing),
  'microscope.disconnect': call(nothing, nothing),
  /** Motion halted and light off, ahead of every queue. Anyone may. */
  'microscope.stop': call(nothing, nothing, 'anyone'),
  /** Resolves on arrival. Relative moves add to the present target. */
  'stage.move': call(z.object({ x: finite, y: finite, relative: z.boolean() }), nothing),
  'focus.move': call(z.object({ z: finite, relative: z.boolean() }), nothing),
  'light.set': call(z.object({ channel: id, on: z.boolean().optional(), level: z.number().min(0).max(100).optional() }), nothing),
  'objective.select': call(z.object({ objective: id }), nothing),
  'camera.exposure': call(z.object({ exposureMs: finite.positive() }), nothing),

  'live.start': call(nothing, nothing),
  'live.stop': call(nothing, nothing),
  'live.enhance': call(z.object({ on: z.boolean(), model: id.optional() }), nothing),
  /** The value under the pointer, from the host's data: raw and, if there is one, enhanced. Coordinates 0…1 of the field. */
  'live.probe': call(
    z.object({ u: z.number().min(0).max(1), v: z.number().min(0).max(1) }),
    z.object({
      raw: z.number().nullable(),
      enhanced: z.number().nullable(),
      x: z.number().nullable(),
      y: z.number().nullable(),
      /** Where a network's value is shown: why it is not a measurement. */
      caveat: z.string().nullable(),
    }),
    'anyone',
  ),
  /** What a perfect, noise-free 20×/0.75 would see here. Only the demo microscope knows. */
  'demo.truth': call(nothing, imageSchema, 'anyone'),

  'snap.take': call(z.object({ enhanced: z.boolean() }), z.object({ session: id })),
  'record.start': call(z.object({ name: z.string().max(120) }), z.object({ session: id })),
  'record.stop': call(nothing, sessionSummarySchema),

  'sessions.open': call(
    z.object({ session: id }),
    z.object({
      summary: sessionSummarySchema,
      frames: z.array(frameMetadataSchema),
      provenance: provenanceSchema.nullable(),
      /** The verdict stored with an enhanced picture; null for raw ones and for those of older versions. */
      trust: trustReportSchema.nullable(),
      notes: z.array(z.string()),
    }),
    'anyone',
  ),
  'sessions.frame': call(z.object({ session: id, index: z.number().int().nonnegative() }), sessionFrameSchema, 'anyone'),
  /** Writes the session as OME-TIFF beside it and returns the path. */
  'sessions.export': call(z.object({ session: id }), z.object({ path: z.string() })),

  /** Sends through a network: a file the host can read (Electron), a finished upload, or a session of the camera. */
  'enhance.start': call(
    z.object({
      path: z.string().max(4096).optional(),
      upload: id.optional(),
      session: id.optional(),
      pixelSizeUm: z.number().min(pixelSizeRange.min).max(pixelSizeRange.max).optional(),
      /** Absent: that of the settings. Empty: the one that suits the pixels. */
      model: z.string().max(200).optional(),
      /** Surfaces that a network that refocuses is asked for: µm from the plane in focus, positive away from the objective. */
      refocus: z.object({ fromUm: finite, toUm: finite, stepUm: finite.positive() }).optional(),
    }),
    z.object({ job: id }),
  ),
  'enhance.cancel': call(z.object({ job: id }), nothing, 'anyone'),
  /** The first plane before and after, at most 2048 pixels wide, to look at. */
  'enhance.result': call(
    z.object({ job: id }),
    z.object({
      before: imageSchema,
      after: imageSchema,
      /** false: the values after are of another kind than those before (a probability, a label), and need a contrast of their own. */
      inputUnits: z.boolean(),
      /** µm from the focus of the picture before to the surface after; null where it is the same. */
      distanceUm: z.number().nullable(),
      /** All surfaces of a refocused stack, each with the gravest verdict of its channels; empty for any other result. */
      surfaces: z.array(z.object({ distanceUm: z.number(), verdict: verdictSchema.nullable() })),
      /** Which of them `after` shows. */
      surface: surfaceIndex.nullable(),
      /** What a network told of the picture that tells what it shows: `after` is the evidence for the place that is shown. null for any other. */
      places: placesSchema.nullable(),
      /** Whether `trust.inspect` may be asked about it. */
      inspectable: z.boolean(),
      provenance: provenanceSchema,
    }),
    'anyone',
  ),
  /** Another surface of a refocused stack, as `after` above: of the first channel at the first time. */
  'enhance.surface': call(z.object({ job: id, surface: surfaceIndex }), z.object({ after: imageSchema }), 'anyone'),

  /**
   * All instruments, also those that are too slow for live view (some seconds), on the newest live picture or on the first plane of a
   * finished job, refocused to the `surface` that is asked for. One at a time: rejects with Busy; with BadRequest where there is nothing to inspect.
   */
  'trust.inspect': call(
    z
      .object({ job: id.optional(), surface: surfaceIndex.optional() })
      .refine(({ job, surface }) => job !== undefined || surface === undefined, 'Only a job has surfaces.'),
    inspectionSchema,
    'anyone',
  ),
  'models.info': call(z.object({ model: id }), modelDetailsSchema, 'anyone'),
  /** Runs the package's own test. Rejects only where it could not be asked; a failure is a result. */
  'models.test': call(z.object({ model: id }), selfTestSchema),
  /** Takes in a package: a zip that was uploaded, or a folder or zip that the host can read (Electron). Returns its id. */
  'models.import': call(
    z.object({ path: z.string().max(4096).optional(), upload: id.optional(), as: z.string().min(1).max(100).optional() }),
    z.object({ model: id }),
  ),
  /** Deletes a package of the user's own that nothing is using. */
  'models.remove': call(z.object({ model: id }), nothing),

  'settings.change': call(settingsSchema.partial(), settingsSchema),
  /** A problem report as text: versions, devices, settings and the log. */
  'log.export': call(nothing, z.object({ name: z.string(), text: z.string() }), 'anyone'),

  'microscope.state': topic(microscopeStateSchema),
  'live.state': topic(liveStateSchema),
  'trust.state': topic(liveTrustSchema),
  'trust.inspection': topic(inspectionStateSchema),
  'inference.state': topic(inferenceStateSchema),
  'recording.state': topic(recordingStateSchema),
  'storage.state': topic(storageStateSchema),
  'sessions.index': topic(z.array(sessionSummarySchema)),
  'models.index': topic(z.array(modelSummarySchema)),
  'jobs.state': topic(z.array(jobSchema)),
  'settings.state': topic(settingsSchema),
  'log.recent': topic(z.array(logEntrySchema)),
  'clients.state': topic(clientsStateSchema),

  'live.preview': stream('down', 'latest', z.object({ kind: z.enum(['raw', 'enhanced']) }), previewHeaderSchema),
  /** Chunks of one file; the upload's id is then given to `enhance.start` or `models.import`. */
  'file.upload': stream(
    'up',
    'every',
    z.object({ upload: id, name: z.string().min(1).max(255), size: z.number().int().nonnegative() }),
    z.object({ offset: z.number().int().nonnegative(), last: z.boolean() }),
    'writer',
  ),
} as const

export type Api = typeof api
