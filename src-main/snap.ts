/** `deepscope snap`: one frame, or one frame and what a network makes of it, without a window. */
import { join } from 'node:path'
import type { MicroscopeState } from '#shared/device.ts'
import { AppError } from '#shared/errors.ts'
import type { Host } from './host.ts'

export interface SnapRequest {
  /** `demo`, a configuration's name, or the path that the host was allowed to open. */
  readonly configuration: string
  readonly exposureMs?: number
  /** Id or OME name; default FITC, else the first one. */
  readonly channel?: string
  /** Percent of the light's maximum; default 50. */
  readonly level?: number
  /** Id or label. */
  readonly objective?: string
  /** µm */
  readonly x?: number
  readonly y?: number
  readonly z?: number
  readonly enhance: boolean
}

const defaultLevel = 50

/** Takes the picture and returns the folders of the new sessions, the raw one first. The light is off afterwards, whatever happens. */
export async function snap(host: Host, request: SnapRequest, signal: AbortSignal): Promise<string[]> {
  const { captures, control, data } = host.parts
  const stop = () => void control.stop().catch(() => undefined)
  signal.addEventListener('abort', stop)
  try {
    // A folder that cannot be used is better found before the microscope moves.
    const before = new Set(data.store.sessions.value.map(({ id }) => id))
    await captures.connect(request.configuration)
    signal.throwIfAborted()
    await prepare(host, request, signal)
    const raw = await captures.snap(request.enhance, signal)
    await data.store.refresh()
    const others = data.store.sessions.value.filter(({ id, kind }) => id !== raw && kind === 'enhanced' && !before.has(id))
    return [raw, ...others.map(({ id }) => id)].map((id) => join(data.state.value.folder, id))
  } finally {
    signal.removeEventListener('abort', stop)
    await control.lightOff().catch(() => undefined)
    await captures.disconnect()
  }
}

async function prepare({ parts: { control } }: Host, request: SnapRequest, signal: AbortSignal): Promise<void> {
  const state = () => control.state.value
  if (!state().camera) throw new AppError('DeviceNotFound', `The microscope “${request.configuration}” has no camera.`)
  if (request.objective !== undefined) await control.selectObjective(objectiveId(state(), request.objective), signal)
  if (request.exposureMs !== undefined) await control.setExposure(request.exposureMs)
  const { x, y, z } = request
  if (x !== undefined || y !== undefined) {
    const { stage } = state()
    await control.moveStage({ x: x ?? stage?.x ?? 0, y: y ?? stage?.y ?? 0, relative: false }, signal)
  }
  if (z !== undefined) await control.moveFocus({ z, relative: false }, signal)
  const channel = channelId(state(), request.channel)
  if (channel === null) return
  // Another channel left on would mix into the picture.
  await control.lightOff()
  await control.setLight(channel, { on: true, level: request.level ?? defaultLevel }, signal)
}

function objectiveId({ objectives }: MicroscopeState, wanted: string): string {
  const all = objectives?.all ?? []
  const found = all.find(({ id, label }) => same(id, wanted) || same(label, wanted))
  if (found) return found.id
  throw new AppError('OutOfRange', `There is no objective “${wanted}”; there is ${names(all.map(({ id, label }) => `${id} (${label})`))}.`)
}

function channelId({ light }: MicroscopeState, wanted: string | undefined): string | null {
  const all = light?.channels ?? []
  if (wanted === undefined) return (all.find(({ name }) => name === 'FITC') ?? all[0])?.id ?? null
  const found = all.find(({ id, name }) => same(id, wanted) || same(name, wanted))
  if (found) return found.id
  throw new AppError('OutOfRange', `The light has no channel “${wanted}”; there is ${names(all.map(({ id, name }) => `${name} (${id})`))}.`)
}

function same(a: string, b: string): boolean {
  return a.localeCompare(b, 'en', { sensitivity: 'base' }) === 0
}

function names(all: readonly string[]): string {
  return all.length === 0 ? 'none' : all.join(', ')
}
