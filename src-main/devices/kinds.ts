/** The device kinds the application works with. Drivers implement them; nobody else knows a protocol. µm, ms, percent. */
import type { DeviceStatus, Objective, Range } from '#shared/device.ts'
import type { ReadonlyCell, Unsubscribe } from '#shared/emitter.ts'
import type { Frame } from '#shared/image/frame.ts'
import type { TruthSource } from './simulated/truth.ts'

export interface Device extends AsyncDisposable {
  readonly status: ReadonlyCell<DeviceStatus>
}

/** Two horizontal axes. Positions in µm, x right, y down as seen on the screen. */
export interface XYStage extends Device {
  readonly limits: { readonly x: Range; readonly y: Range }
  /** The last known position and whether it moves; refreshed by the driver, often while moving. */
  readonly position: ReadonlyCell<{ readonly x: number; readonly y: number; readonly moving: boolean }>
  /** Asks the device where it is; when it resolves, `position` says so. Rejects with DeviceRefused, DeviceTimeout, DeviceDisconnected or AbortError. */
  locate(): Promise<void>
  /** Resolves on arrival. Rejects with OutOfRange, DeviceRefused, DeviceTimeout, DeviceDisconnected, or AbortError after a stop or abort. */
  moveTo(target: { readonly x: number; readonly y: number }, signal?: AbortSignal): Promise<void>
  /** Halts, ahead of every queued command. Moves under way reject with AbortError. */
  stop(): Promise<void>
}

/** The Z drive. */
export interface FocusDrive extends Device {
  readonly limits: Range
  readonly position: ReadonlyCell<{ readonly z: number; readonly moving: boolean }>
  locate(): Promise<void>
  moveTo(z: number, signal?: AbortSignal): Promise<void>
  stop(): Promise<void>
}

export interface LightSource extends Device {
  readonly channels: ReadonlyCell<readonly LightSourceChannel[]>
  set(channel: string, change: { readonly on?: boolean; readonly level?: number }, signal?: AbortSignal): Promise<void>
  /** Everything dark, ahead of every queued command. */
  off(): Promise<void>
}

export interface LightSourceChannel {
  /** The source's own name, e.g. "A". */
  readonly id: string
  readonly on: boolean
  readonly level: number
}

export interface Camera extends Device {
  readonly width: number
  readonly height: number
  readonly bitDepth: number
  /** Physical pixel, µm. */
  readonly pixelUm: number
  readonly exposureRange: Range
  readonly exposureMs: ReadonlyCell<number>
  setExposure(exposureMs: number): Promise<void>
  /** Free-running capture until stopped. Every frame is announced; `frame` counts from 0 and a gap is a lost frame. */
  start(): Promise<void>
  stop(): Promise<void>
  onFrame(listener: (frame: Frame) => void): Unsubscribe
  /** A stall or loss while running: DeviceTimeout or DeviceDisconnected. */
  onProblem(listener: (problem: Error) => void): Unsubscribe
}

/** Exactly one objective is in the light path. */
export interface ObjectiveTurret extends Device {
  readonly objectives: readonly Objective[]
  readonly current: ReadonlyCell<string>
  select(objective: string, signal?: AbortSignal): Promise<void>
}

/** What the guardian writes to a port when the host has died: bytes, in order. */
export interface SafeState {
  /** Path and settings of the port. */
  readonly path: string
  readonly baudRate: number
  readonly bytes: readonly number[]
}

/** The devices of one microscope, opened together. */
export interface Microscope extends AsyncDisposable {
  readonly configuration: string
  readonly stage: XYStage | null
  readonly focus: FocusDrive | null
  readonly light: LightSource | null
  readonly camera: Camera | null
  readonly turret: ObjectiveTurret | null
  /** OME names of the light's channels by their id. */
  readonly channels: Readonly<Record<string, { readonly name: string; readonly emissionNm: number; readonly color: string }>>
  readonly safeStates: readonly SafeState[]
  /** Only where the camera is simulated. */
  readonly truth?: TruthSource
  /** No background polling on any port until the result is disposed: for acquisitions. */
  quiet(): Disposable
}
