/**
 * What lies in a session's folder:
 *
 *     <safe-name>_<time>/
 *       session.json        what it is; `complete` turns true when it was closed
 *       frames.jsonl        one line for each finished frame, in order
 *       image.ome.zarr/     the pixels, readable by other programs
 *       frame-<n>.partial   a chunk being written; worthless after a death
 *
 * A frame is finished when its chunk was renamed into place, its line was written, and the array's shape includes it, in this order.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { provenanceSchema, type SessionSummary } from '#shared/api.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import { bytesPerPixel, type FrameMetadata, frameMetadataSchema, pixelTypes } from '#shared/image/frame.ts'
import { trustReportSchema } from '#shared/trust.ts'
import { z } from '#shared/zod.ts'
import { channelColor } from './channel-color.ts'
import { chunkPlace, type ZarrImage } from './ome-zarr.ts'

export const sessionFile = 'session.json'
export const indexFile = 'frames.jsonl'
export const imageFolder = 'image.ome.zarr'

/** A camera or a network makes no larger picture; a damaged file must not make the reader reserve memory without end. */
const side = z.number().int().min(1).max(65536)

export const sessionDocumentSchema = z.object({
  format: z.literal('deepscope-session'),
  formatVersion: z.literal(1),
  name: z.string().min(1).max(200),
  kind: z.enum(['snap', 'recording', 'enhanced']),
  /** ISO 8601 */
  created: z.string().datetime(),
  width: side,
  height: side,
  pixelType: z.enum(pixelTypes),
  pixelSizeUm: z.number().positive().nullable(),
  omeZarrVersion: z.enum(['0.5', '0.4']),
  software: z.record(z.string(), z.string()),
  /** Devices, objective and settings as they were. */
  microscope: z.unknown(),
  /** Pictures made by a network only. */
  provenance: provenanceSchema.nullable(),
  /** Absent in sessions of older versions. */
  trust: trustReportSchema.nullable().default(null),
  /** Written when the session is closed; while recording, the index counts. */
  complete: z.boolean(),
  frames: z.number().int().nonnegative(),
  /** Why the session ended before it should. */
  problem: z.string().nullable(),
})
export type SessionDocument = z.infer<typeof sessionDocumentSchema>

export const indexLineSchema = frameMetadataSchema.extend({ index: z.number().int().nonnegative() })

export function frameBytes(session: Pick<SessionDocument, 'width' | 'height' | 'pixelType'>): number {
  return session.width * session.height * bytesPerPixel[session.pixelType]
}

export function summaryOf(id: string, session: SessionDocument, frames: number): SessionSummary {
  const { name, created, kind, width, height, pixelType, complete, omeZarrVersion } = session
  return { id, name, created, kind, frames, width, height, pixelType, bytes: frames * frameBytes(session), complete, omeZarrVersion }
}

/** The image's metadata, as far as session and first frame tell. */
export function zarrImageOf(
  session: SessionDocument,
  first: FrameMetadata | null,
  extra: Pick<ZarrImage, 'intervalS' | 'limits'> = { intervalS: null, limits: null },
): ZarrImage {
  const { name, width, height, pixelType, pixelSizeUm, omeZarrVersion: version, kind, provenance, trust } = session
  const channel = { label: first?.channel ?? name, color: channelColor(first?.emissionNm ?? null) }
  const deepscope = { kind, frames: `../${indexFile}`, ...(provenance ? { provenance } : {}), ...(trust ? { verdict: trust.verdict } : {}) }
  return { version, name, width, height, pixelType, pixelSizeUm, channel, deepscope, ...extra }
}

/** Mean time between frames, s; null for fewer than two. */
export function meanInterval(first: FrameMetadata, last: FrameMetadata, frames: number): number | null {
  const seconds = (last.time - first.time) / 1000
  return frames > 1 && seconds > 0 ? seconds / (frames - 1) : null
}

/** Rejects with DatasetInvalid, naming the file and the field. */
export async function readSessionDocument(folder: string): Promise<SessionDocument> {
  const path = join(folder, sessionFile)
  const invalid = (why: string, cause?: unknown) => new AppError('DatasetInvalid', `${path} ${why}.`, { path }, cause)
  const text = await readFile(path, 'utf8').catch((error) => {
    throw invalid('is missing or cannot be read', error)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid(`is damaged: ${messageOf(error)}`, error)
  }
  const parsed = sessionDocumentSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw invalid(`is not a session this version can read: ${issue?.path.join('.') || 'document'}: ${issue?.message ?? 'invalid'}`)
}

export interface FinishedFrames {
  readonly metadata: readonly FrameMetadata[]
  /** Position of each frame in the array, the same order as `metadata`. */
  readonly chunks: readonly number[]
  /** Frames from the first without a hole: what the array's shape may include. */
  readonly prefix: number
  readonly notes: readonly string[]
}

/** The index, line by line. A line that was being written when the process died is dropped; a damaged one is reported. */
export async function readIndex(
  folder: string,
): Promise<{ readonly lines: readonly z.infer<typeof indexLineSchema>[]; readonly damaged: number }> {
  const text = await readFile(join(folder, indexFile), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  const lines: z.infer<typeof indexLineSchema>[] = []
  let damaged = 0
  const parts = text.split('\n')
  // Only a line with its end was written whole.
  parts.pop()
  for (const part of parts) {
    const line = parseLine(part)
    if (line) lines.push(line)
    else damaged++
  }
  return { lines, damaged }
}

function parseLine(text: string) {
  try {
    return indexLineSchema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Frames that have both a line and a chunk of full size. */
export async function finishedFrames(folder: string, session: SessionDocument): Promise<FinishedFrames> {
  const { lines, damaged } = await readIndex(folder)
  const size = frameBytes(session)
  const metadata: FrameMetadata[] = []
  const chunks: number[] = []
  let missing = 0
  for (const { index, ...frame } of lines) {
    const found = await stat(join(folder, imageFolder, chunkPlace(session.omeZarrVersion, index).path)).catch(() => null)
    if (found?.isFile() && found.size === size) {
      metadata.push(frame)
      chunks.push(index)
    } else missing++
  }
  const hole = chunks.findIndex((chunk, position) => chunk !== position)
  const notes = [
    ...(damaged ? [`${damaged} of the index's lines are damaged; their frames are left out.`] : []),
    ...(missing ? [`${missing} frames are missing or cut short and are left out.`] : []),
  ]
  return { metadata, chunks, prefix: hole < 0 ? chunks.length : hole, notes }
}
