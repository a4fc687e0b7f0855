/**
 * Threads of the simulated camera, one program in three roles: `camera` turns poses into frames, `windows` prepares pieces of the specimen
 * for it (its own child, so that neither stops the other), `truth` computes one ground truth and ends.
 */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import type { Objective } from '#shared/device.ts'
import { Detector } from './noise.ts'
import { hash } from './random.ts'
import { type SpecimenWindow, WindowBuilder, WindowPlan } from './render.ts'
import { FieldRenderer, litChannels } from './render-field.ts'
import type { Pose } from './scene.ts'
import { endothelialLayer } from './specimen.ts'
import type { ChannelId } from './specimen-emitters.ts'
import { renderTruth, type TruthRequest } from './truth.ts'

export interface CameraSetup {
  readonly role: 'camera'
  readonly seed: number
  readonly objectives: readonly Objective[]
  readonly width: number
  readonly height: number
  /** This program's file. */
  readonly program: string
}
interface WindowsSetup extends Omit<CameraSetup, 'role'> {
  readonly role: 'windows'
}
export interface TruthSetup {
  readonly role: 'truth'
  readonly request: TruthRequest
}

export interface ExposeRequest {
  readonly id: number
  readonly pose: Pose
  readonly exposureMs: number
}
export interface ExposeReply {
  readonly id: number
  readonly data: Uint16Array<ArrayBuffer>
}

interface WindowRequest {
  readonly key: string
  readonly objective: string
  readonly channel: ChannelId
  readonly x: number
  readonly y: number
}
interface WindowReply {
  readonly key: string
  readonly window: SpecimenWindow
}

type Port = NonNullable<typeof parentPort>

function serveWindows({ seed, objectives, width, height }: WindowsSetup, to: Port): void {
  const specimen = endothelialLayer(seed)
  const builders = new Map<string, WindowBuilder>()
  to.on('message', ({ key, objective, channel, x, y }: WindowRequest) => {
    let builder = builders.get(key)
    const lens = objectives.find((candidate) => candidate.id === objective)
    if (!lens) return
    builder ??= new WindowBuilder(new WindowPlan(lens, width, height, channel), specimen)
    // The latest three stay: their drawings are large.
    builders.delete(key)
    builders.set(key, builder)
    if (builders.size > 3) builders.delete(builders.keys().next().value as string)
    const window = builder.build(x, y)
    to.postMessage(
      { key, window } satisfies WindowReply,
      window.layers.map((layer) => layer.buffer as ArrayBuffer),
    )
  })
}

/** Of the stage, µm/ms. */
interface Speed {
  readonly x: number
  readonly y: number
}

/** Windows by objective and channel: the one in use, and the one that the motion will need. */
class WindowStore {
  readonly #ready = new Map<string, SpecimenWindow[]>()
  readonly #pending = new Map<string, number>()
  #wake: (() => void)[] = []
  /** ms that the latest windows took, from order to delivery. */
  #delay = 400
  readonly #worker: Worker

  constructor(setupOfCamera: CameraSetup) {
    this.#worker = new Worker(setupOfCamera.program, { workerData: { ...setupOfCamera, role: 'windows' } satisfies WindowsSetup })
    this.#worker.on('message', ({ key, window }: WindowReply) => {
      this.#delay = 0.6 * this.#delay + 0.4 * (performance.now() - (this.#pending.get(key) ?? 0))
      this.#pending.delete(key)
      const kept = this.#ready.get(key) ?? []
      this.#ready.set(key, [window, ...kept].slice(0, 2))
      for (const wake of this.#wake.splice(0)) wake()
    })
    this.#worker.on('error', (error) => {
      throw error
    })
  }

  /** The window for a pose; waits until it has been prepared. */
  async at(field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): Promise<SpecimenWindow> {
    const key = `${field.objective.id} ${channel}`
    for (;;) {
      const found = this.#ready.get(key)?.find((window) => field.covers(channel, window, pose))
      if (found) return found
      this.#order(key, field, channel, pose, speed)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
  }

  /** Has the next window prepared when the stage is about to leave this one. */
  prefetch(field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): void {
    const key = `${field.objective.id} ${channel}`
    if (this.#pending.has(key)) return
    // Where the stage will be when a window ordered now has come, with time to spare.
    const lead = 1.5 * this.#delay
    const ahead = { ...pose, x: pose.x + speed.x * lead, y: pose.y + speed.y * lead }
    if (!this.#ready.get(key)?.some((window) => field.covers(channel, window, ahead))) this.#order(key, field, channel, pose, speed)
  }

  /** Orders the window that still holds the field now and lasts longest in the direction of the motion. */
  #order(key: string, field: FieldRenderer, channel: ChannelId, pose: Pose, speed: Speed): void {
    if (this.#pending.has(key)) return
    const pace = Math.max(Math.abs(speed.x), Math.abs(speed.y))
    const reach = pace > 1e-3 ? (0.9 * field.renderer(channel).plan.slackAt(pose.z)) / pace : 0
    this.#pending.set(key, performance.now())
    const request: WindowRequest = { key, objective: field.objective.id, channel, x: pose.x + speed.x * reach, y: pose.y + speed.y * reach }
    this.#worker.postMessage(request)
  }
}

function serveCamera(camera: CameraSetup, to: Port): void {
  const { seed, objectives, width, height } = camera
  const specimen = endothelialLayer(seed)
  const detector = new Detector(hash(seed, 99))
  const store = new WindowStore(camera)
  const fields = new Map<string, FieldRenderer>()
  let last: { pose: Pose; exposureMs: number; picture: Float32Array } | undefined
  let seen: { pose: Pose; time: number } | undefined
  let queue = Promise.resolve()

  const expect = async (pose: Pose, exposureMs: number): Promise<Float32Array> => {
    const objective = objectives.find((candidate) => candidate.id === pose.objective)
    const lit = litChannels(pose)
    if (!objective || lit.length === 0) return new Float32Array(width * height)
    let field = fields.get(objective.id)
    field ??= new FieldRenderer(objective, width, height)
    fields.set(objective.id, field)
    const now = performance.now()
    const elapsed = seen ? Math.max(1, now - seen.time) : 1
    const speed = seen ? { x: (pose.x - seen.pose.x) / elapsed, y: (pose.y - seen.pose.y) / elapsed } : { x: 0, y: 0 }
    seen = { pose, time: now }
    if (last && last.exposureMs === exposureMs && samePose(last.pose, pose)) return last.picture
    const windows = new Map<ChannelId, SpecimenWindow>()
    for (const { channel } of lit) windows.set(channel, await store.at(field, channel, pose, speed))
    for (const { channel } of lit) store.prefetch(field, channel, pose, speed)
    const picture = field.expect(pose, exposureMs, specimen, windows)
    last = { pose, exposureMs, picture }
    return picture
  }

  const expose = async ({ id, pose, exposureMs }: ExposeRequest) => {
    const data = detector.expose(await expect(pose, exposureMs)) as Uint16Array<ArrayBuffer>
    to.postMessage({ id, data } satisfies ExposeReply, [data.buffer])
  }
  to.on('message', (request: ExposeRequest) => {
    queue = queue.then(() => expose(request))
  })
}

function samePose(a: Pose, b: Pose): boolean {
  const sameLight = litChannels(a).every(({ channel }) => a.light[channel] === b.light[channel])
  return (
    a.x === b.x && a.y === b.y && a.z === b.z && a.objective === b.objective && sameLight && litChannels(a).length === litChannels(b).length
  )
}

const port = parentPort
const setup = workerData as CameraSetup | WindowsSetup | TruthSetup
if (port) {
  if (setup.role === 'truth') {
    const image = renderTruth(setup.request)
    port.postMessage(image, [image.data.buffer as ArrayBuffer])
  } else if (setup.role === 'windows') serveWindows(setup, port)
  else serveCamera(setup, port)
}
