/** Pieces of the specimen, prepared in a thread of their own and shared by the threads that render frames. */
import type { MessagePort } from 'node:worker_threads'
import type { Objective } from '#shared/device.ts'
import { type SpecimenWindow, WindowBuilder, WindowPlan } from './render.ts'
import type { FieldRenderer } from './render-field.ts'
import type { Pose } from './scene.ts'
import { endothelialLayer } from './specimen.ts'
import type { ChannelId } from './specimen-emitters.ts'

export interface Field {
  readonly seed: number
  readonly objectives: readonly Objective[]
  readonly width: number
  readonly height: number
}

interface WindowRequest {
  /** Objective and channel. */
  readonly key: string
  readonly objective: string
  readonly channel: ChannelId
  readonly x: number
  readonly y: number
  /** The newest window that the asking thread knew, by its number. */
  readonly seen: number
}

interface WindowReply {
  readonly key: string
  readonly number: number
  readonly window: SpecimenWindow
}

/** Drawings are large: only so many stay. */
const keptBuilders = 3

/** Answers every order to all threads. An order made before the latest window was known has been overtaken: its thread will look again. */
export function serveWindows({ seed, objectives, width, height }: Field, ports: readonly MessagePort[]): void {
  const specimen = endothelialLayer(seed)
  const builders = new Map<string, WindowBuilder>()
  const newest = new Map<string, number>()
  let number = 0
  const serve = ({ key, objective, channel, x, y, seen }: WindowRequest) => {
    const lens = objectives.find((candidate) => candidate.id === objective)
    if (!lens || (newest.get(key) ?? 0) > seen) return
    const builder = builders.get(key) ?? new WindowBuilder(new WindowPlan(lens, width, height, channel), specimen)
    builders.delete(key)
    builders.set(key, builder)
    if (builders.size > keptBuilders) builders.delete(builders.keys().next().value as string)
    const reply: WindowReply = { key, number: ++number, window: builder.build(x, y) }
    newest.set(key, reply.number)
    for (const port of ports) port.postMessage(reply)
  }
  for (const port of ports) port.on('message', serve)
}

/** Of the stage, µm/ms. */
export interface Speed {
  readonly x: number
  readonly y: number
}

/** What a rendering thread knows of the windows: for each objective and channel the one in use and the one that the motion will need. */
export class WindowStore {
  readonly #ready = new Map<string, { readonly number: number; readonly window: SpecimenWindow }[]>()
  /** When each order under way was made. */
  readonly #ordered = new Map<string, number>()
  #waiting: (() => void)[] = []
  /** ms that the latest windows took, from order to delivery. */
  #delay = 400

  constructor(readonly port: MessagePort) {
    port.on('message', ({ key, number, window }: WindowReply) => {
      const ordered = this.#ordered.get(key)
      if (ordered !== undefined) this.#delay = 0.6 * this.#delay + 0.4 * (performance.now() - ordered)
      this.#ordered.delete(key)
      this.#ready.set(key, [{ number, window }, ...(this.#ready.get(key) ?? [])].slice(0, 2))
      for (const wake of this.#waiting.splice(0)) wake()
    })
  }

  /**
   * The window for a pose. Where there is none, an order is made: a stage at rest or in a long slew waits for it; for one that moves steadily the
   * window is made where the stage will be by then, and this frame is given up (undefined).
   */
  async at(field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): Promise<SpecimenWindow | undefined> {
    for (;;) {
      const found = this.#find(field, channel, pose)
      if (found) return found
      this.#order(field, channel, pose, speed)
      if (this.#lead(field, channel, pose, speed) > 0) return undefined
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Has the next window prepared when the stage is about to leave this one. */
  prefetch(field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): void {
    const lead = 1.4 * this.#lead(field, channel, pose, speed)
    if (lead === 0 || this.#find(field, channel, { ...pose, x: pose.x + speed.x * lead, y: pose.y + speed.y * lead })) return
    const { x, y } = this.#best(field, channel, pose, speed)
    const { plan } = field.renderer(channel)
    // A window much like one that is there would only keep the thread from the next.
    const near = (this.#ready.get(keyOf(field, channel)) ?? []).some(
      ({ window }) =>
        Math.max(Math.abs(window.left + plan.side / 2 - x), Math.abs(window.top + plan.side / 2 - y)) < plan.slackAt(pose.z) / 2,
    )
    if (!near) this.#order(field, channel, pose, speed)
  }

  #find(field: FieldRenderer, channel: ChannelId, pose: Pose): SpecimenWindow | undefined {
    return this.#ready.get(keyOf(field, channel))?.find(({ window }) => field.covers(channel, window, pose))?.window
  }

  /** For how long to look ahead, ms: until a window ordered now has come. 0 at rest, and in a slew, whose end nobody can foresee. */
  #lead(field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): number {
    const travel = paceOf(speed) * this.#delay
    const slack = field.renderer(channel).plan.slackAt(pose.z)
    return travel > slack / 50 && travel < 6 * slack ? this.#delay : 0
  }

  /** Centre of the window that holds the field when it comes, and then lasts longest in the direction of the motion. */
  #best(field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): { x: number; y: number } {
    const pace = paceOf(speed)
    if (pace < 1e-4) return { x: pose.x, y: pose.y }
    const ahead = 0.8 * this.#lead(field, channel, pose, speed) + (0.9 * field.renderer(channel).plan.slackAt(pose.z)) / pace
    return { x: pose.x + speed.x * ahead, y: pose.y + speed.y * ahead }
  }

  #order(field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): void {
    const key = keyOf(field, channel)
    if (this.#ordered.has(key)) return
    this.#ordered.set(key, performance.now())
    const seen = this.#ready.get(key)?.[0]?.number ?? 0
    const place = this.#best(field, channel, pose, speed)
    this.port.postMessage({ key, objective: field.objective.id, channel, ...place, seen } satisfies WindowRequest)
  }
}

function paceOf(speed: Speed): number {
  return Math.max(Math.abs(speed.x), Math.abs(speed.y))
}

function keyOf(field: FieldRenderer, channel: ChannelId): string {
  return `${field.objective.id} ${channel}`
}
