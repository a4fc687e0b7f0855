/**
 * One MS-2000 controller: its port, its axes and what moves. Stage and focus share it.
 *
 *   idle ──move()──▶ moving ──STATUS says N──▶ idle        every motion has arrived
 *                      ├── halt(), abort ────▶ braking ──N──▶ idle     motions reject with AbortError
 *                      ├── time limit ───────▶ HALT sent, DeviceTimeout
 *                      └── port lost ────────▶ lost, DeviceDisconnected
 *
 * The controller is asked for status only while something moves. STATUS speaks for all axes together, so with two motions under way
 * one that stands still on its target has arrived. At rest it is asked now and then where it is, because of the joystick; an axis that is then elsewhere is
 * said to move until it is found where it was.
 */
import { AppError, abortError, isError } from '#shared/errors.ts'
import { Exchange } from '../../serial/exchange.ts'
import { Polling } from '../../serial/polling.ts'
import type { Port } from '../../serial/port.ts'
import { ByHand } from './by-hand.ts'
import * as asi from './protocol.ts'

const NAME = 'ASI MS-2000'

/** Between two polls of a moving controller, ms, and of one at rest. */
const POLL_MS = 20
const REST_MS = 500
/** µm; on target: closer than the controller's usual finish error. */
const NEAR_UM = 0.3
/** A motion may take this much longer than its speed and acceleration say, and this many ms on top. */
const PATIENCE = 2
const PATIENCE_MS = 2000
/** Assumed of a controller that does not tell its speed. */
const SLOW_MM_S = 0.5
/** How long a halted stage is watched until it stands still, ms. */
const BRAKING_MS = 2000

interface Motion {
  readonly targets: Partial<Record<asi.Axis, number>>
  readonly finish: (error: Error | null) => void
  /** The controller has accepted it. */
  started: boolean
  /** How long it should take, s, and when it is overdue; known from the first position read after its start. */
  due: { readonly seconds: number; readonly deadline: number } | null
}

/** One axis as the controller describes it. µm, controller's sign. */
export interface AxisState {
  position: number
  /** µm/s; ms */
  readonly speed: number
  readonly rampMs: number
  /** NaN where the controller does not tell. */
  readonly min: number
  readonly max: number
}

export class AsiController implements AsyncDisposable {
  readonly axes = new Map<asi.Axis, AxisState>()
  /** New positions, or the end of motion. */
  onChange: () => void = () => {}
  /** A problem, or null once things work again. */
  onProblem: (problem: AppError | null) => void = () => {}

  readonly #exchange: Exchange
  readonly #motions = new Set<Motion>()
  readonly #byHand = new ByHand()
  #watching: Promise<void> | undefined
  #disposed = false
  readonly #patienceMs: number
  readonly #polling: Polling
  /** The problem that is shown is that it did not answer. */
  #unanswered = false

  private constructor(
    readonly port: Port,
    options: { readonly patienceMs?: number; readonly pollMs?: number },
  ) {
    this.#patienceMs = options.patienceMs ?? PATIENCE_MS
    this.#polling = new Polling(options.pollMs ?? REST_MS, () => this.#look())
    this.#exchange = new Exchange(port, { device: NAME, refusal: asi.refusalOf })
    this.#exchange.onDisconnect = (error) => {
      this.#byHand.forget()
      this.#show(error)
      this.#finishAll(error)
    }
  }

  /** Takes over the port, and closes it where this fails. Rejects with DeviceNotFound where no ASI controller answers. */
  static async open(
    port: Port,
    names: readonly asi.Axis[],
    options: { readonly patienceMs?: number; readonly pollMs?: number },
    signal?: AbortSignal,
  ): Promise<AsiController> {
    const controller = new AsiController(port, options)
    try {
      await controller.#introduce(signal)
      await controller.#describe(names, signal)
      return controller
    } catch (error) {
      // Whoever is on that port was asked to do nothing, so there is nothing to halt.
      await controller.#close()
      throw error
    }
  }

  moving(names: readonly asi.Axis[]): boolean {
    return names.some((name) => this.#byHand.has(name) || [...this.#motions].some(({ targets }) => targets[name] !== undefined))
  }

  /** Resolves on arrival. A newer move of the same axes supersedes this one, which then rejects with AbortError. */
  async move(targets: Partial<Record<asi.Axis, number>>, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) throw abortError()
    const names = Object.keys(targets) as asi.Axis[]
    for (const motion of this.#motions) {
      if (names.some((name) => motion.targets[name] !== undefined)) this.#finish(motion, abortError('A newer move took its place.'))
    }
    const onAbort = () => void this.halt().catch((error: unknown) => isError(error) && this.onProblem(error))
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        const motion: Motion = { targets, finish: (error) => (error ? reject(error) : resolve()), started: false, due: null }
        this.#motions.add(motion)
        this.#byHand.forget(names)
        this.onChange()
        void this.#begin(motion)
      })
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #begin(motion: Motion): Promise<void> {
    try {
      await this.#exchange.send(asi.move(motion.targets))
      motion.started = true
      this.#watch()
    } catch (error) {
      this.#finish(motion, error instanceof Error ? error : new Error(String(error)))
      // Nobody knows whether it moves.
      if (isError(error, 'DeviceTimeout')) await this.#giveUp(error)
    }
  }

  /** Asks where the axes are. */
  async locate(): Promise<void> {
    await this.#readPositions()
    this.onChange()
  }

  /** No questions at rest until the result is disposed; nobody is then said to move anything by hand. */
  quiet(): Disposable {
    const quiet = this.#polling.quiet()
    this.#byHand.forget()
    this.onChange()
    return quiet
  }

  /** Somebody may use the joystick, or turn the wheel of the focus, at any time, and the controller does not tell. */
  async #look(): Promise<void> {
    const described = this.axes.size > 0
    if (!described || this.#watching || this.#motions.size > 0 || !this.port.isOpen) return
    try {
      await this.#readPositions()
      // A move, or a wish for quiet, that came meanwhile has the say.
      if (this.#motions.size === 0 && !this.#polling.isQuiet) this.#byHand.look(this.#positions())
      this.onChange()
      if (this.#unanswered) this.#show(null)
    } catch (error) {
      this.#byHand.forget()
      this.onChange()
      if (isError(error, 'DeviceTimeout')) this.#show(error, true)
    }
  }

  #positions(): ReadonlyMap<asi.Axis, number> {
    return new Map([...this.axes].map(([name, { position }]) => [name, position]))
  }

  /** Stops every axis, ahead of everything queued; every motion rejects with AbortError. Positions follow until all stands still. */
  async halt(): Promise<void> {
    const halted = this.#exchange.send(asi.halt)
    this.#finishAll(abortError('Stopped.'))
    await halted
    this.#watch()
  }

  /** Halts what moves and closes the port. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.port.isOpen) await this.halt().catch(() => {})
    await this.#close()
  }

  async #close(): Promise<void> {
    this.#disposed = true
    this.#polling[Symbol.dispose]()
    this.#finishAll(abortError('The stage was disconnected.'))
    this.#exchange[Symbol.dispose]()
    await this.#watching
    await this.port.close()
  }

  async #introduce(signal?: AbortSignal): Promise<void> {
    try {
      await this.#exchange.send(asi.version, signal)
    } catch (error) {
      if (!isError(error, 'DeviceTimeout')) throw error
      const { path, baudRate } = this.port.options
      const message = `No ASI controller answers on ${path} at ${baudRate} baud. Check its power, the cable and the baud rate switches.`
      throw new AppError('DeviceNotFound', message, { path, baudRate }, error)
    }
  }

  async #describe(names: readonly asi.Axis[], signal?: AbortSignal): Promise<void> {
    // Old firmwares do not know every setting.
    const ask = async (name: 'S' | 'AC' | 'SL' | 'SU'): Promise<(number | undefined)[]> => {
      try {
        return await this.#exchange.send(asi.setting(name, names), signal)
      } catch (error) {
        if (isError(error, 'DeviceRefused')) return []
        throw error
      }
    }
    const [speed, ramp, low, high] = [await ask('S'), await ask('AC'), await ask('SL'), await ask('SU')]
    const positions = await this.#exchange.send(asi.where(names), signal)
    names.forEach((name, i) => {
      const [position = 0, mmPerS = SLOW_MM_S, rampMs = 100] = [positions[i], speed[i], ramp[i]]
      const [min = Number.NaN, max = Number.NaN] = [low[i], high[i]]
      this.axes.set(name, { position, speed: mmPerS * 1000, rampMs, min: min * 1000, max: max * 1000 })
    })
  }

  /** Seconds that the way to the target takes: trapezoidal speed, or triangular where the way is short. */
  #duration(name: asi.Axis, target: number): number {
    const axis = this.axes.get(name)
    if (!axis) return 0
    const way = Math.abs(target - axis.position)
    const ramp = axis.rampMs / 1000
    return way >= axis.speed * ramp ? way / axis.speed + ramp : 2 * Math.sqrt((way * ramp) / axis.speed)
  }

  #watch(): void {
    this.#watching ??= this.#follow().finally(() => {
      this.#watching = undefined
      // A move that began while the last poll was on its way is followed anew.
      if (!this.#disposed && [...this.#motions].some(({ started }) => started)) this.#watch()
    })
  }

  async #follow(): Promise<void> {
    let lastMotion = performance.now()
    let before: ReadonlyMap<asi.Axis, number> = new Map()
    for (let busy = true; busy && !this.#disposed; ) {
      const asked = [...this.#motions].filter(({ started }) => started)
      try {
        busy = await this.#exchange.send(asi.status)
        await this.#readPositions()
        for (const motion of asked) {
          if (!busy || this.#hasArrived(motion, before)) this.#finish(motion, null)
          else motion.due ??= this.#expect(motion)
        }
        before = this.#positions()
      } catch (error) {
        await this.#giveUp(error)
        return
      }
      this.onChange()
      await this.#haltOverdue()
      const now = performance.now()
      if (this.#motions.size > 0) lastMotion = now
      if (now - lastMotion > BRAKING_MS) return
      if (busy) await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  async #readPositions(): Promise<void> {
    const names = [...this.axes.keys()]
    const positions = await this.#exchange.send(asi.where(names))
    names.forEach((name, i) => {
      const axis = this.axes.get(name)
      const position = positions[i]
      if (axis && position !== undefined) axis.position = position
    })
  }

  #expect(motion: Motion): { seconds: number; deadline: number } {
    const targets = Object.entries(motion.targets) as [asi.Axis, number][]
    const seconds = Math.max(...targets.map(([name, target]) => this.#duration(name, target)))
    return { seconds, deadline: performance.now() + seconds * 1000 * PATIENCE + this.#patienceMs }
  }

  /** STATUS cannot tell two motions apart; with only one, its word alone counts. `before`: where the axes were one poll ago. */
  #hasArrived(motion: Motion, before: ReadonlyMap<asi.Axis, number>): boolean {
    if (this.#motions.size < 2) return false
    return (Object.entries(motion.targets) as [asi.Axis, number][]).every(([name, target]) => {
      const position = this.axes.get(name)?.position ?? Number.NaN
      return position === before.get(name) && Math.abs(position - target) <= NEAR_UM
    })
  }

  async #haltOverdue(): Promise<void> {
    const now = performance.now()
    const overdue = [...this.#motions].find(({ due }) => due !== null && now > due.deadline)
    if (!overdue?.due) return
    const { path } = this.port
    const axes = Object.keys(overdue.targets).join(' and ')
    const seconds = overdue.due.seconds.toFixed(1)
    const message = `The ${NAME} on ${path} is still busy with ${axes} long after the ${seconds} s that the move should take, and was halted. Check for an obstacle and that its motors are enabled.`
    const error = new AppError('DeviceTimeout', message, { path, expectedSeconds: overdue.due.seconds })
    this.#finish(overdue, error)
    this.#show(error)
    await this.halt().catch(() => {})
  }

  /** The controller stopped answering while something moved: it may still move, so it is told to stop. */
  async #giveUp(error: unknown): Promise<void> {
    if (this.#disposed) return
    const problem = isError(error) ? error : null
    if (problem) this.#show(problem, problem.kind === 'DeviceTimeout')
    this.#finishAll(error instanceof Error ? error : new Error(String(error)))
    if (this.port.isOpen) await this.#exchange.send(asi.halt).catch(() => {})
  }

  /** `unanswered`: it is over as soon as the controller answers again. */
  #show(problem: AppError | null, unanswered = false): void {
    this.#unanswered = unanswered
    this.onProblem(problem)
  }

  #finishAll(error: Error): void {
    for (const motion of [...this.#motions]) this.#finish(motion, error)
  }

  #finish(motion: Motion, error: Error | null): void {
    if (!this.#motions.delete(motion)) return
    if (!error) this.#show(null)
    motion.finish(error)
    this.onChange()
  }
}
