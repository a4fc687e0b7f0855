/**
 * Threads of the simulated camera, one program in three roles: `windows` prepares pieces of the specimen, `camera` turns poses into frames
 * (two of them take turns), `truth` computes one ground truth and ends.
 */
import { setPriority } from 'node:os'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { Detector } from './noise.ts'
import { hash } from './random.ts'
import type { SpecimenWindow } from './render.ts'
import { FieldRenderer, litChannels } from './render-field.ts'
import type { Pose } from './scene.ts'
import { endothelialLayer } from './specimen.ts'
import type { ChannelId } from './specimen-emitters.ts'
import { renderTruth, type TruthRequest } from './truth.ts'
import { type Field, type Speed, serveWindows, WindowStore } from './worker-windows.ts'

export interface WindowsSetup extends Field {
  readonly role: 'windows'
  /** One for each rendering thread. */
  readonly ports: readonly MessagePort[]
}
export interface CameraSetup extends Field {
  readonly role: 'camera'
  /** To the thread that prepares windows. */
  readonly windows: MessagePort
}
export interface TruthSetup {
  readonly role: 'truth'
  readonly request: TruthRequest
}

export interface ExposeRequest {
  readonly id: number
  readonly pose: Pose
  /** Of the pose, on the host's `performance.now()` clock. */
  readonly time: number
  readonly exposureMs: number
}
export interface ExposeReply {
  readonly id: number
  /** null: not exposed, because the specimen there was not ready. */
  readonly data: Uint16Array<ArrayBuffer> | null
}

/** Time over which the stage's speed is averaged, ms. */
const speedEasingMs = 300

/** Renders poses one after the other. */
class Renderer {
  readonly #specimen
  readonly #store: WindowStore
  readonly #fields = new Map<string, FieldRenderer>()
  #last: { pose: Pose; exposureMs: number; picture: Float32Array } | undefined
  #seen: { readonly pose: Pose; readonly time: number; readonly speed: Speed } | undefined

  constructor(readonly setup: CameraSetup) {
    this.#specimen = endothelialLayer(setup.seed)
    this.#store = new WindowStore(setup.windows)
  }

  /** Each frame's noise depends on the seed and the frame alone, whichever thread makes it. */
  async expose(request: ExposeRequest): Promise<ExposeReply> {
    const picture = await this.#expect(request)
    if (!picture) return { id: request.id, data: null }
    const data = new Detector(hash(this.setup.seed, request.id, 99)).expose(picture) as Uint16Array<ArrayBuffer>
    return { id: request.id, data }
  }

  async #expect({ pose, time, exposureMs }: ExposeRequest): Promise<Float32Array | undefined> {
    const { objectives, width, height } = this.setup
    const objective = objectives.find((candidate) => candidate.id === pose.objective)
    const lit = litChannels(pose)
    if (!objective || lit.length === 0) return new Float32Array(width * height)
    const field = this.#fields.get(objective.id) ?? new FieldRenderer(objective, width, height)
    this.#fields.set(objective.id, field)
    const speed = this.#speedAt(pose, time)
    if (this.#last && this.#last.exposureMs === exposureMs && samePicture(this.#last.pose, pose)) return this.#last.picture
    const windows = new Map<ChannelId, SpecimenWindow>()
    for (const { channel } of lit) {
      const window = await this.#store.at(field, channel, pose, speed)
      if (!window) return undefined
      windows.set(channel, window)
    }
    for (const { channel } of lit) this.#store.prefetch(field, channel, pose, speed)
    const picture = field.expect(pose, exposureMs, this.#specimen, windows)
    this.#last = { pose, exposureMs, picture }
    return picture
  }

  /** Eased: a stage that goes to and fro travels nowhere, and needs no specimen prepared ahead of it. */
  #speedAt(pose: Pose, time: number): Speed {
    const before = this.#seen
    const elapsed = before ? time - before.time : 0
    if (!before || elapsed <= 0) {
      this.#seen = { pose, time, speed: { x: 0, y: 0 } }
      return this.#seen.speed
    }
    const weight = 1 - Math.exp(-elapsed / speedEasingMs)
    const ease = (old: number, way: number) => old + weight * (way / elapsed - old)
    const speed = { x: ease(before.speed.x, pose.x - before.pose.x), y: ease(before.speed.y, pose.y - before.pose.y) }
    this.#seen = { pose, time, speed }
    return speed
  }
}

function samePicture(a: Pose, b: Pose): boolean {
  const light = (pose: Pose) => JSON.stringify(litChannels(pose))
  return a.x === b.x && a.y === b.y && a.z === b.z && a.objective === b.objective && light(a) === light(b)
}

function serveCamera(setup: CameraSetup, port: MessagePort): void {
  const renderer = new Renderer(setup)
  let queue = Promise.resolve()
  port.on('message', (request: ExposeRequest) => {
    queue = queue.then(async () => {
      const reply = await renderer.expose(request)
      port.postMessage(reply, reply.data ? [reply.data.buffer] : [])
    })
  })
}

/** A camera renders nothing: the host's own thread goes first. Only Linux knows priorities of threads; elsewhere this would mean the host. */
const rendererNiceness = 5
if (parentPort && process.platform === 'linux') setPriority(0, rendererNiceness)

const setup = workerData as WindowsSetup | CameraSetup | TruthSetup
if (parentPort && setup.role === 'windows') serveWindows(setup, setup.ports)
else if (parentPort && setup.role === 'camera') serveCamera(setup, parentPort)
else if (parentPort && setup.role === 'truth') {
  const image = renderTruth(setup.request)
  parentPort.postMessage(image, [image.data.buffer as ArrayBuffer])
}
