/** Reads a session again, whole or interrupted, also while it is being recorded. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Provenance, SessionSummary } from '#shared/api.ts'
import { AppError, isAbort } from '#shared/errors.ts'
import { type Frame, type FrameMetadata, pixelsFrom } from '#shared/image/frame.ts'
import type { TrustReport } from '#shared/trust.ts'
import { z } from '#shared/zod.ts'
import type { SessionReader } from './dataset.ts'
import { replaceFile } from './disk.ts'
import { arrayDocument, chunkPlace } from './ome-zarr.ts'
import {
  type FinishedFrames,
  finishedFrames,
  frameBytes,
  imageFolder,
  indexFile,
  readSessionDocument,
  type SessionDocument,
  summaryOf,
  zarrImageOf,
} from './session-files.ts'

/** An index that changed this recently may belong to another program that is still recording, ms. */
const quietFor = 2000

/** Rejects with DatasetInvalid. `recording`: a writer of this process has it open. */
export async function openSession(id: string, folder: string, recording: boolean): Promise<FolderSessionReader> {
  const document = await readSessionDocument(folder)
  const finished = await finishedFrames(folder, document)
  const notes = [...finished.notes]
  if (document.problem) notes.unshift(document.problem)
  else if (recording) notes.unshift('The session is still being recorded.')
  else if (!document.complete) notes.unshift('The recording was interrupted. Every finished frame is here.')
  if (document.complete && finished.metadata.length < document.frames && finished.notes.length === 0) {
    notes.push(`${document.frames - finished.metadata.length} of ${document.frames} frames are missing from the index.`)
  }
  if (!recording && !document.complete) notes.push(...(await repairShape(folder, document, finished)))
  return new FolderSessionReader(id, folder, document, finished, notes)
}

/** After a death the array's shape may lag behind the finished frames by one step; other programs go by the shape. */
async function repairShape(folder: string, document: SessionDocument, finished: FinishedFrames): Promise<string[]> {
  const { path, text } = arrayDocument(zarrImageOf(document, finished.metadata[0] ?? null), finished.prefix)
  const target = join(folder, imageFolder, path)
  try {
    if ((await readFile(target, 'utf8').catch(() => '')) === text) return []
    const index = await stat(join(folder, indexFile)).catch(() => null)
    if (index && Date.now() - index.mtimeMs < quietFor) return []
    await replaceFile(target, text, true)
    return ['The image’s shape was brought up to date, so that other programs see every finished frame.']
  } catch {
    return ['The disk cannot be written, so other programs may not see the last frames.']
  }
}

const objectivesSchema = z.object({
  objectives: z.object({ all: z.array(z.object({ id: z.string(), numericalAperture: z.number().positive().nullable().catch(null) })) }),
})

/** What a session says of the objective with this id. */
function apertureOf(microscope: unknown, objective: string | undefined): number | null {
  const all = objectivesSchema.safeParse(microscope).data?.objectives.all ?? []
  return all.find(({ id }) => id === objective)?.numericalAperture ?? null
}

export class FolderSessionReader implements SessionReader {
  readonly summary: SessionSummary
  readonly frames: readonly FrameMetadata[]
  readonly provenance: Provenance | null
  readonly trust: TrustReport | null
  readonly notes: readonly string[]
  /** µm; null = unknown. */
  readonly pixelSizeUm: number | null
  /** Of the objective of the first frame; null = unknown, and of what a network made. */
  readonly numericalAperture: number | null
  readonly #folder: string
  readonly #document: SessionDocument
  readonly #chunks: readonly number[]

  constructor(id: string, folder: string, document: SessionDocument, finished: FinishedFrames, notes: readonly string[]) {
    this.summary = summaryOf(id, document, finished.metadata.length)
    this.frames = finished.metadata
    this.provenance = document.provenance
    this.trust = document.trust
    this.pixelSizeUm = document.pixelSizeUm
    this.numericalAperture = document.provenance ? null : apertureOf(document.microscope, finished.metadata[0]?.objective)
    this.notes = notes
    this.#folder = folder
    this.#document = document
    this.#chunks = finished.chunks
  }

  async read(index: number, signal?: AbortSignal): Promise<Frame> {
    const metadata = this.frames[index]
    const chunk = this.#chunks[index]
    const { id } = this.summary
    if (!metadata || chunk === undefined) {
      const message = `Session ${id} has ${this.frames.length} frames; there is no frame ${index + 1}.`
      throw new AppError('OutOfRange', message, { session: id, index })
    }
    const { width, height, pixelType, omeZarrVersion } = this.#document
    const path = join(this.#folder, imageFolder, chunkPlace(omeZarrVersion, chunk).path)
    const invalid = (cause?: unknown) =>
      new AppError('DatasetInvalid', `Frame ${index + 1} of session ${id} cannot be read from ${path}.`, { path }, cause)
    const bytes = await readFile(path, signal ? { signal } : {}).catch((error) => {
      throw isAbort(error) ? error : invalid(error)
    })
    if (bytes.length !== frameBytes(this.#document)) throw invalid()
    return { width, height, metadata, data: pixelsFrom(bytes, pixelType) }
  }
}
