/**
 * One microscope at a time: opens it, mirrors its devices into one state, and carries out what a person asks of it.
 *
 *   none ──connect()──▶ connected ──disconnect() / another connect()──▶ none
 *                          │ stop(): motion halted and light off, ahead of every queue; stays connected
 */
import { emptyMicroscope, type LightChannel, type MicroscopeState, type Range } from '#shared/device.ts'
import { Disposer } from '#shared/dispose.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, abortError } from '#shared/errors.ts'
import type { Camera, FocusDrive, Microscope, XYStage } from '../devices/kinds.ts'

export class MicroscopeControl implements AsyncDisposable {
  readonly #state = new Cell<MicroscopeState>(emptyMicroscope)
  #opened: { readonly microscope: Microscope; readonly disposer: Disposer } | null = null
  #opening: AbortController | null = null
  #change: Promise<void> = Promise.resolve()
  #disposed = false
  #stageTarget: { x: number; y: number } | null = null
  #focusTarget: number | null = null
  /** How often everything was told to halt: what was still being prepared then must not move afterwards. */
  #halts = 0
  /** Drives that are being asked where they are: whoever wants to know meanwhile waits for the same answer. */
  readonly #asked = new Map<XYStage | FocusDrive, Promise<void>>()

  /** `open` opens every device of a configuration, or rejects having closed what it had opened. */
  constructor(private readonly open: (configuration: string, signal: AbortSignal) => Promise<Microscope>) {}

  get state(): ReadonlyCell<MicroscopeState> {
    return this.#state
  }

  get microscope(): Microscope | null {
    return this.#opened?.microscope ?? null
  }

  /** The camera, or an error that says what to do. */
  get camera(): Camera {
    const camera = this.microscope?.camera
    if (!camera) throw new AppError('DeviceNotFound', 'No camera is connected. Start a microscope first.')
    return camera
  }

  /** Opens a configuration; one that is open already is closed first. */
  connect(configuration: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#close()
      if (this.#disposed) throw abortError('Deepscope is closing.')
      const opening = new AbortController()
      this.#opening = opening
      this.#state.patch({ configuration })
      try {
        const microscope = await this.open(configuration, opening.signal)
        const disposer = new Disposer()
        disposer.use(microscope)
        this.#opened = { microscope, disposer }
        this.#mirror(microscope, disposer)
      } catch (error) {
        this.#state.set(emptyMicroscope)
        throw error
      } finally {
        this.#opening = null
      }
    })
  }

  disconnect(): Promise<void> {
    this.#opening?.abort()
    return this.#inTurn(() => this.#close())
  }

  /** Halts every motion and darkens the light at once. Tries every device, then reports the first failure. */
  async stop(): Promise<void> {
    this.#opening?.abort()
    this.#forgetTargets()
    const microscope = this.microscope
    if (!microscope) return
    const results = await Promise.allSettled([microscope.stage?.stop(), microscope.focus?.stop(), microscope.light?.off()])
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Halts motion, leaves the light. For a window that was lost while jogging. */
  async halt(): Promise<void> {
    this.#forgetTargets()
    await Promise.allSettled([this.microscope?.stage?.stop(), this.microscope?.focus?.stop()])
  }

  /**
   * Resolves on arrival. A relative move adds to the target of the move under way, so that quick key presses add up, or begins where
   * the device says that it is: a joystick, or an answer that was lost, may have left the position that was read last behind.
   */
  async moveStage(move: { x: number; y: number; relative: boolean }, signal?: AbortSignal): Promise<void> {
    const stage = this.#need(this.microscope?.stage, 'XY stage')
    const halts = this.#halts
    if (move.relative && !this.#stageTarget) await this.#locate(stage)
    if (halts !== this.#halts) throw abortError('Stopped.')
    const { x, y } = this.#stageTarget ?? stage.position.value
    const target = move.relative
      ? { x: stepped(x, move.x, stage.limits.x), y: stepped(y, move.y, stage.limits.y) }
      : { x: move.x, y: move.y }
    inRange('x', target.x, stage.limits.x)
    inRange('y', target.y, stage.limits.y)
    this.#stageTarget = target
    try {
      await stage.moveTo(target, signal)
    } finally {
      if (this.#stageTarget === target) this.#stageTarget = null
    }
  }

  async moveFocus(move: { z: number; relative: boolean }, signal?: AbortSignal): Promise<void> {
    const focus = this.#need(this.microscope?.focus, 'focus drive')
    const halts = this.#halts
    if (move.relative && this.#focusTarget === null) await this.#locate(focus)
    if (halts !== this.#halts) throw abortError('Stopped.')
    const target = move.relative ? stepped(this.#focusTarget ?? focus.position.value.z, move.z, focus.limits) : move.z
    inRange('z', target, focus.limits)
    this.#focusTarget = target
    try {
      await focus.moveTo(target, signal)
    } finally {
      if (this.#focusTarget === target) this.#focusTarget = null
    }
  }

  async setLight(channel: string, change: { on?: boolean | undefined; level?: number | undefined }, signal?: AbortSignal): Promise<void> {
    const light = this.#need(this.microscope?.light, 'light source')
    if (!light.channels.value.some((known) => known.id === channel)) {
      throw new AppError('OutOfRange', `The light source has no channel “${channel}”.`, { channel })
    }
    await light.set(
      channel,
      { ...(change.on === undefined ? {} : { on: change.on }), ...(change.level === undefined ? {} : { level: change.level }) },
      signal,
    )
  }

  async lightOff(): Promise<void> {
    await this.microscope?.light?.off()
  }

  async selectObjective(objective: string, signal?: AbortSignal): Promise<void> {
    const turret = this.#need(this.microscope?.turret, 'objective turret')
    if (!turret.objectives.some((known) => known.id === objective)) {
      throw new AppError('OutOfRange', `There is no objective “${objective}”.`, { objective })
    }
    await turret.select(objective, signal)
  }

  async setExposure(exposureMs: number): Promise<void> {
    inRange('exposure', exposureMs, this.camera.exposureRange, 'ms')
    await this.camera.setExposure(exposureMs)
  }

  /** For good: what is still asked to connect is refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    await this.disconnect()
  }

  #locate(drive: XYStage | FocusDrive): Promise<void> {
    const asked = this.#asked.get(drive) ?? drive.locate().finally(() => this.#asked.delete(drive))
    this.#asked.set(drive, asked)
    return asked
  }

  #forgetTargets(): void {
    this.#halts++
    this.#stageTarget = null
    this.#focusTarget = null
  }

  async #close(): Promise<void> {
    const opened = this.#opened
    this.#opened = null
    this.#forgetTargets()
    try {
      await opened?.disposer.dispose()
    } finally {
      this.#state.set(emptyMicroscope)
    }
  }

  /** Connecting and disconnecting happen one after the other. */
  #inTurn(task: () => Promise<void>): Promise<void> {
    const turn = this.#change.then(task)
    this.#change = turn.catch(() => undefined)
    return turn
  }

  #need<T>(device: T | null | undefined, name: string): T {
    if (device) return device
    if (this.#opening) throw abortError(`The ${name} is still being connected.`)
    throw new AppError('DeviceNotFound', `No ${name} is connected. Start a microscope first.`)
  }

  #mirror(microscope: Microscope, disposer: Disposer): void {
    const { stage, focus, light, camera, turret } = microscope
    const devices = [stage, focus, light, camera, turret].filter((device) => device !== null)
    for (const device of devices) {
      disposer.add(device.status.watch(() => this.#state.patch({ devices: devices.map((each) => each.status.value) })))
    }
    if (stage) {
      const limits = { limitsX: stage.limits.x, limitsY: stage.limits.y }
      disposer.add(stage.position.watch((position) => this.#state.patch({ stage: { ...position, ...limits } })))
    }
    if (focus) disposer.add(focus.position.watch((position) => this.#state.patch({ focus: { ...position, limits: focus.limits } })))
    if (light) disposer.add(light.channels.watch(() => this.#state.patch({ light: { channels: lightChannels(microscope) } })))
    if (camera) {
      const { width, height, bitDepth, exposureRange } = camera
      disposer.add(
        camera.exposureMs.watch((exposureMs) => this.#state.patch({ camera: { width, height, bitDepth, exposureMs, exposureRange } })),
      )
    }
    if (turret) {
      const all = [...turret.objectives]
      disposer.add(turret.current.watch((current) => this.#state.patch({ objectives: { current, all } })))
    }
  }
}

function lightChannels({ light, channels }: Microscope): LightChannel[] {
  return (light?.channels.value ?? []).map(({ id, on, level }) => {
    const { name, emissionNm, color } = channels[id] ?? { name: id, emissionNm: 525, color: '#ffffff' }
    return { id, name, emissionNm, color, on, level }
  })
}

/** One step further. From beyond a limit, where a joystick may have led, a step back ends at the limit at the latest. */
function stepped(from: number, step: number, { min, max }: Range): number {
  const to = from + step
  if (from > max && step < 0) return Math.min(to, max)
  if (from < min && step > 0) return Math.max(to, min)
  return to
}

function inRange(name: string, value: number, limits: { min: number; max: number }, unit = 'µm'): void {
  if (value >= limits.min && value <= limits.max) return
  const given = Math.round(value * 100) / 100
  throw new AppError('OutOfRange', `${name} = ${given} ${unit} is outside ${limits.min} to ${limits.max} ${unit}.`, { value, ...limits })
}
