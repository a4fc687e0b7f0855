/**
 * Whether a network's picture may be believed: six instruments, each with a status and its figures, and one verdict with its reasons.
 * The instruments and what they cannot see are described in docs/trust.md.
 */
import { z } from './zod.ts'

/** What a person may do with the picture. The worst that any instrument says. */
export const trustLevels = ['fine', 'caution', 'do-not-use'] as const
export type TrustLevel = (typeof trustLevels)[number]

export const instrumentIds = ['metadata', 'distribution', 'uncertainty', 'explanation', 'resolution', 'intensity'] as const
export type InstrumentId = (typeof instrumentIds)[number]

/**
 * not-applicable: it makes no sense for this network. not-measured: it was not asked yet, since it is slow or needs more than one frame.
 * Neither is a good sign nor a bad one.
 */
export const instrumentStatuses = [...trustLevels, 'not-applicable', 'not-measured'] as const
export type InstrumentStatus = (typeof instrumentStatuses)[number]

/** One figure, or one fact, of an instrument. */
export const readingSchema = z.object({
  /** Stable, for tables: "rsp", "pixel-size", "frc". The input's and the output's figure of one kind share it. */
  id: z.string(),
  /** For a person: "RSP". */
  label: z.string(),
  /** null = not known, or not to be had from this picture. */
  value: z.union([z.number(), z.string()]).nullable(),
  /** "µm", "%", "" */
  unit: z.string(),
  /** Which picture was measured, where input and output stand side by side; null: neither or both. */
  side: z.enum(['input', 'output']).nullable(),
  /** What it is judged against, for a person: "trained on 0.65 µm or 0.325 µm". null: not judged. */
  expected: z.string().nullable(),
  status: z.enum(instrumentStatuses).nullable(),
})
export type Reading = z.infer<typeof readingSchema>

export const instrumentSchema = z.object({
  id: z.enum(instrumentIds),
  label: z.string(),
  status: z.enum(instrumentStatuses),
  /** One sentence: what it says of this picture, or why it says nothing. */
  summary: z.string(),
  /** One sentence, always the same: what it cannot see. */
  blindTo: z.string(),
  readings: z.array(readingSchema),
})
export type Instrument = z.infer<typeof instrumentSchema>

export const reasonSchema = z.object({
  instrument: z.enum(instrumentIds),
  level: z.enum(trustLevels),
  /** A sentence for a person: what is wrong and what to do. */
  message: z.string(),
})
export type Reason = z.infer<typeof reasonSchema>

/** `reasons` is empty where the level is fine; the gravest comes first. */
export const verdictSchema = z.object({ level: z.enum(trustLevels), reasons: z.array(reasonSchema) })
export type Verdict = z.infer<typeof verdictSchema>

/** The verdict with everything it rests on. `instruments` holds all six, in the order of `instrumentIds`. */
export const trustReportSchema = z.object({
  verdict: verdictSchema,
  instruments: z.array(instrumentSchema),
  /** Output values are in the input's units (the package's flux slope was checked), or arbitrary. */
  units: z.enum(['input', 'arbitrary']),
  /** ms of computing, apart from the network. */
  elapsedMs: z.number(),
})
export type TrustReport = z.infer<typeof trustReportSchema>

/** The running judgement of live view: the light instruments on every n-th enhanced frame. */
export const liveTrustSchema = z.object({
  /** null: no enhanced frame was judged yet, or enhancement is off. */
  report: trustReportSchema.nullable(),
  /** The camera frame that was judged. */
  frame: z.number().int().nullable(),
  /** Every so many enhanced frames are judged, chosen so that judging takes at most a tenth of the time. */
  every: z.number().int().positive(),
  /** Time for judging as a share of the time for enhancing, 0…1, averaged; null = not known yet. */
  costShare: z.number().nullable(),
  problem: z.string().nullable(),
})
export type LiveTrust = z.infer<typeof liveTrustSchema>

/** How far an inspection is, 0…1; null: none is under way. */
export const inspectionStateSchema = z.object({ progress: z.number().min(0).max(1).nullable() })
export type InspectionState = z.infer<typeof inspectionStateSchema>

export const trustMapIds = ['error', 'unexplained', 'scale', 'disagreement', 'unfamiliar', 'odd', 'repetition'] as const

/** A value for each place of the field; covers the whole of it, so it is stretched over either picture. Row by row from the top left. */
export const trustMapSchema = z.object({
  id: z.enum(trustMapIds),
  instrument: z.enum(instrumentIds),
  /** "Error map" */
  label: z.string(),
  /** One sentence: what large values mean. */
  meaning: z.string(),
  unit: z.string(),
  width: z.number().int().positive(),
  height: z.number().int().positive(),
  /** Range to show: from nothing to worry about to the largest worth telling apart. */
  low: z.number(),
  high: z.number(),
  /** float32, little-endian, width × height */
  bytes: z.custom<Uint8Array>((value) => value instanceof Uint8Array, 'binary data'),
})
export type TrustMap = z.infer<typeof trustMapSchema>
