/** XY stage and focus drive on an ASI MS-2000. The bytes are drawn in `protocol.ts`. */
import type { DeviceKind, DeviceStatus, Range } from '#shared/device.ts'
import { Cell } from '#shared/emitter.ts'
import { AppError } from '#shared/errors.ts'
import type { FocusDrive, SafeState, XYStage } from '../../kinds.ts'
import { Port, type PortOptions } from '../../serial/port.ts'
import type { Driver } from '../driver.ts'
import { AsiController } from './controller.ts'
import { type Axis, safeBytes, version } from './protocol.ts'

/** What belongs to the installation, not to the controller. */
export interface AsiOptions {
  readonly stage?: {
    /** µm, as the user counts; default: the controller's own limits. */
    readonly limitsX?: Range
    readonly limitsY?: Range
    /** Whether the controller's positive direction is left (x) or up (y) on the screen. */
    readonly invertX?: boolean
    readonly invertY?: boolean
  }
  readonly focus?: {
    readonly limits?: Range
    /** Whether the controller's positive direction is towards the objective. */
    readonly invert?: boolean
  }
  readonly simulated?: boolean
  /** What a move may take beyond twice its computed time, ms. Default 2000. */
  readonly patienceMs?: number
  /** How often to look, at rest, whether somebody used the joystick, ms. Default 500. */
  readonly pollMs?: number
}

/** The devices asked for. Disposing it, or the last of its devices, halts motion and closes the port. */
export interface AsiDevices extends AsyncDisposable {
  readonly stage: XYStage | null
  readonly focus: FocusDrive | null
  readonly safeState: SafeState
  /** No looking at rest until the result is disposed: for recordings. */
  quiet(): Disposable
}

export const asiMs2000 = {
  id: 'asi-ms2000',
  label: 'ASI MS-2000',
  kinds: ['xy-stage', 'focus'],
  bauds: [9600, 115200, 19200, 28800],
  recognise: version,
  safeBytes,
  open,
} as const satisfies Driver

/** Rejects with DeviceNotFound, DeviceTimeout, DeviceRefused, DeviceDisconnected or AbortError; nothing stays open then. */
async function open(portOptions: PortOptions, options: AsiOptions, signal?: AbortSignal): Promise<AsiDevices> {
  const names: Axis[] = [...(options.stage ? (['X', 'Y'] as const) : []), ...(options.focus ? (['Z'] as const) : [])]
  if (names.length === 0) throw new AppError('BadRequest', 'Neither a stage nor a focus drive was asked for.')
  const port = await Port.open(portOptions, signal)
  const controller = await AsiController.open(port, names, options, signal)
  const common = { controller, simulated: options.simulated ?? false }
  const build = () => ({
    stage: options.stage ? new AsiStage(common, options.stage) : null,
    focus: options.focus ? new AsiFocus(common, options.focus) : null,
  })
  let devices: ReturnType<typeof build>
  try {
    devices = build()
  } catch (error) {
    await controller[Symbol.asyncDispose]()
    throw error
  }
  const { stage, focus } = devices
  const parts = [stage, focus].filter((part) => part !== null)
  const left = new Set<AsiPart>(parts)
  const close = async (part: AsiPart) => {
    left.delete(part)
    if (left.size === 0) await controller[Symbol.asyncDispose]()
  }
  for (const part of parts) part.onClose = close
  controller.onChange = () => {
    for (const part of parts) part.refresh()
  }
  controller.onProblem = (problem) => {
    for (const part of parts) part.report(problem)
  }
  return {
    stage,
    focus,
    safeState: { path: portOptions.path, baudRate: portOptions.baudRate, bytes: safeBytes },
    quiet: () => controller.quiet(),
    async [Symbol.asyncDispose]() {
      for (const part of parts) await part[Symbol.asyncDispose]()
    },
  }
}

/** One axis in the user's coordinates. */
class Coordinate {
  readonly #controller: AsiController
  readonly #sign: number
  readonly limits: Range

  constructor(
    controller: AsiController,
    readonly axis: Axis,
    options: { readonly limits?: Range | undefined; readonly invert?: boolean | undefined },
  ) {
    this.#controller = controller
    this.#sign = options.invert ? -1 : 1
    const { min = 0, max = 0 } = controller.axes.get(axis) ?? {}
    const own = options.invert ? { min: -max, max: -min } : { min, max }
    this.limits = options.limits ?? { min: own.min + 0, max: own.max + 0 }
    if (!(this.limits.min < this.limits.max)) {
      const message = `The ASI controller on ${controller.port.path} does not tell the limits of its ${axis} axis. State them in the configuration.`
      throw new AppError('DeviceRefused', message, { axis })
    }
  }

  get position(): number {
    // Adding zero turns the −0 of an inverted axis into 0.
    return this.#sign * (this.#controller.axes.get(this.axis)?.position ?? 0) + 0
  }

  /** The controller's coordinate of a target, or OutOfRange. */
  target(value: number): number {
    const { min, max } = this.limits
    if (Number.isFinite(value) && value >= min && value <= max) return this.#sign * value
    const name = this.axis.toLowerCase()
    throw new AppError('OutOfRange', `${name} = ${value} µm is outside the limits of ${min} to ${max} µm.`, { axis: name, value, min, max })
  }
}

interface Common {
  readonly controller: AsiController
  readonly simulated: boolean
}

/** What stage and focus have in common: status, and one controller behind them. */
abstract class AsiPart implements AsyncDisposable {
  readonly status: Cell<DeviceStatus>
  onClose: (part: AsiPart) => Promise<void> = async () => {}
  protected readonly controller: AsiController
  #problem: AppError | null = null
  #closed = false

  constructor(
    common: Common,
    kind: DeviceKind,
    label: string,
    protected readonly axes: readonly Axis[],
  ) {
    this.controller = common.controller
    this.status = new Cell<DeviceStatus>({
      id: kind,
      label,
      kind,
      state: 'ready',
      connection: `${asiMs2000.label} on ${common.controller.port.path}`,
      problem: null,
      simulated: common.simulated,
    })
  }

  locate(): Promise<void> {
    return this.controller.locate()
  }

  stop(): Promise<void> {
    return this.controller.halt()
  }

  report(problem: AppError | null): void {
    this.#problem = problem
    this.refresh()
  }

  refresh(): void {
    if (this.#closed) return
    const problem = this.#problem
    const lost = problem?.kind === 'DeviceDisconnected'
    const settled = problem ? (lost ? 'disconnected' : 'error') : this.controller.moving(this.axes) ? 'busy' : 'ready'
    const { value } = this.status
    if (value.state === settled && value.problem === (problem?.message ?? null)) return
    this.status.patch({ state: settled, problem: problem?.message ?? null })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.onClose(this)
    this.#closed = true
    this.status.patch({ state: 'disconnected', problem: null })
  }
}

class AsiStage extends AsiPart implements XYStage {
  readonly limits: { readonly x: Range; readonly y: Range }
  readonly position: Cell<{ readonly x: number; readonly y: number; readonly moving: boolean }>
  readonly #x: Coordinate
  readonly #y: Coordinate

  constructor(common: Common, options: NonNullable<AsiOptions['stage']>) {
    super(common, 'xy-stage', 'XY stage', ['X', 'Y'])
    this.#x = new Coordinate(common.controller, 'X', { limits: options.limitsX, invert: options.invertX })
    this.#y = new Coordinate(common.controller, 'Y', { limits: options.limitsY, invert: options.invertY })
    this.limits = { x: this.#x.limits, y: this.#y.limits }
    this.position = new Cell(this.#now())
  }

  async moveTo(target: { readonly x: number; readonly y: number }, signal?: AbortSignal): Promise<void> {
    await this.controller.move({ X: this.#x.target(target.x), Y: this.#y.target(target.y) }, signal)
  }

  override refresh(): void {
    super.refresh()
    const now = this.#now()
    const { x, y, moving } = this.position.value
    if (now.x !== x || now.y !== y || now.moving !== moving) this.position.set(now)
  }

  #now() {
    return { x: this.#x.position, y: this.#y.position, moving: this.controller.moving(this.axes) }
  }
}

class AsiFocus extends AsiPart implements FocusDrive {
  readonly position: Cell<{ readonly z: number; readonly moving: boolean }>
  readonly #z: Coordinate

  constructor(common: Common, options: NonNullable<AsiOptions['focus']>) {
    super(common, 'focus', 'Focus drive', ['Z'])
    this.#z = new Coordinate(common.controller, 'Z', options)
    this.position = new Cell(this.#now())
  }

  get limits(): Range {
    return this.#z.limits
  }

  async moveTo(z: number, signal?: AbortSignal): Promise<void> {
    await this.controller.move({ Z: this.#z.target(z) }, signal)
  }

  override refresh(): void {
    super.refresh()
    const now = this.#now()
    const { z, moving } = this.position.value
    if (now.z !== z || now.moving !== moving) this.position.set(now)
  }

  #now() {
    return { z: this.#z.position, moving: this.controller.moving(this.axes) }
  }
}
