/** What acquisition asks of storage: sessions that can be written frame by frame and read again after any death. */
import type { Provenance, SessionSummary } from '#shared/api.ts'
import type { ReadonlyCell } from '#shared/emitter.ts'
import type { Frame, FrameMetadata, PixelType } from '#shared/image/frame.ts'
import type { TrustReport } from '#shared/trust.ts'

export interface NewSession {
  /** For a person; becomes part of the folder's name after cleaning. */
  readonly name: string
  readonly kind: SessionSummary['kind']
  readonly width: number
  readonly height: number
  readonly pixelType: PixelType
  readonly pixelSizeUm: number | null
  readonly omeZarrVersion: '0.5' | '0.4'
  /** Network pictures only. */
  readonly provenance?: Provenance
  /** What the trust instruments said of them. */
  readonly trust?: TrustReport
  /** Anything needed to understand the session later: devices, objective, settings. JSON. */
  readonly microscope: unknown
}

/** Appends whole frames. A resolved `append` means: this frame survives the death of the process. */
export interface SessionWriter extends AsyncDisposable {
  readonly id: string
  readonly frames: number
  readonly bytes: number
  /** Frames are written in order; call without waiting, up to the caller's own limit. Rejects with StorageFull, StorageRefused or Internal; then the session is closed, its finished frames intact. */
  append(frame: Frame): Promise<void>
  /** Waits for pending frames, marks the session complete. Idempotent. */
  finish(): Promise<SessionSummary>
}

export interface SessionReader {
  readonly summary: SessionSummary
  readonly frames: readonly FrameMetadata[]
  readonly provenance: Provenance | null
  readonly trust: TrustReport | null
  /** What a person should know: recording was interrupted, frames that could not be read, … */
  readonly notes: readonly string[]
  read(index: number, signal?: AbortSignal): Promise<Frame>
}

export interface SessionStore extends AsyncDisposable {
  readonly sessions: ReadonlyCell<readonly SessionSummary[]>
  create(session: NewSession): Promise<SessionWriter>
  /** `id` comes from outside: it is checked against the index, never joined to a path unchecked. */
  open(id: string): Promise<SessionReader>
  /** Writes an OME-TIFF beside the session, or to `path`, and returns its path. */
  exportTiff(id: string, signal?: AbortSignal, path?: string): Promise<string>
  refresh(): Promise<void>
}
