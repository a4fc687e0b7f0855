/**
 * An ASI MS-2000 controller with X, Y and Z axes, from its connector: the commands a driver uses, with their short forms, replies
 * paced by the cable, motion with acceleration, soft limits and error codes. Command syntax as in the driver's header.
 */
import { LineFirmware } from './line-firmware.ts'
import { Motor } from './motor.ts'

export type AxisName = 'X' | 'Y' | 'Z'

export interface AxisOptions {
  /** µm */
  readonly position: number
  /** Soft limits, µm. */
  readonly min: number
  readonly max: number
  /** Top speed, mm/s. */
  readonly speed: number
  /** Time to reach it, ms. */
  readonly rampMs: number
}

interface Axis {
  readonly motor: Motor
  min: number
  max: number
  /** Of the coordinate system, µm: WHERE says position − origin. */
  origin: number
}

interface Argument {
  readonly axis: AxisName
  /** null: no value given ("X" or "X?"). */
  readonly value: number | null
}

/** Raised inside to answer `:N-code`. */
class Refused extends Error {
  constructor(readonly code: number) {
    super()
  }
}

const FASTEST_MM_S = 10
const TENTHS = 10
const longForms: Readonly<Record<string, string>> = {
  M: 'MOVE',
  R: 'MOVREL',
  W: 'WHERE',
  H: 'HERE',
  Z: 'ZERO',
  '!': 'HOME',
  '\\': 'HALT',
  '/': 'STATUS',
  S: 'SPEED',
  AC: 'ACCEL',
  SL: 'SETLOW',
  SU: 'SETUP',
  V: 'VERSION',
  BU: 'BUILD',
}

export class AsiMs2000Firmware extends LineFirmware {
  readonly #axes: ReadonlyMap<AxisName, Axis>
  /** Decimals of WHERE, in tenths of µm. Switched by 0xFF 'H' and 0xFF 'T'. */
  #decimals = 0
  /** A fault of the last move: busy until it is halted. */
  #stuckBusy = false

  constructor(options: { readonly baudRate: number; readonly axes: Readonly<Record<AxisName, AxisOptions>> }) {
    super(options.baudRate)
    this.#axes = new Map(
      (Object.entries(options.axes) as [AxisName, AxisOptions][]).map(([name, { position, min, max, speed, rampMs }]) => [
        name,
        { motor: new Motor({ position, speed: speed * 1000, rampMs }), min, max, origin: 0 },
      ]),
    )
  }

  /** Where the axis physically is, µm, at a time of the `performance.now()` clock. HERE and ZERO do not change it. */
  positionAt(axis: AxisName, time: number): number {
    return this.#axis(axis).motor.positionAt(time)
  }

  /** Somebody uses the joystick, or turns the wheel of the focus: the axis goes so many µm further. */
  joystick(axis: AxisName, um: number): void {
    const { motor } = this.#axis(axis)
    const now = performance.now()
    motor.moveTo(motor.positionAt(now) + um, now)
  }

  protected override prefixed(bytes: readonly number[]): boolean {
    if (bytes[0] !== 0xff || bytes.length < 2) return false
    const letter = String.fromCharCode(bytes[1] ?? 0)
    if (letter === 'H') this.#decimals = 1
    if (letter === 'T') this.#decimals = 0
    return true
  }

  protected handle(line: string): void {
    try {
      this.reply(`${this.#execute(line)}\r\n`)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      this.reply(`:N-${error.code}\r\n`)
    }
  }

  #execute(line: string): string {
    const [word = '', ...rest] = line.toUpperCase().split(/\s+/)
    const command = longForms[word] ?? word
    if (!Object.values(longForms).includes(command) || this.faults.unknown.includes(command)) throw new Refused(1)
    const args = rest.map((text) => this.#argument(text))
    const now = performance.now()
    switch (command) {
      case 'MOVE':
        return this.#move(args, now, (axis, value) => value / TENTHS + axis.origin)
      case 'MOVREL':
        return this.#move(args, now, (axis, value) => value / TENTHS + axis.motor.positionAt(now))
      case 'HOME':
        for (const { axis } of this.#some(args)) this.#axis(axis).motor.moveTo(this.#axis(axis).min, now)
        return ':A '
      case 'WHERE':
        return `:A ${this.#some(args)
          .map(({ axis }) => this.#where(axis, now))
          .join(' ')} `
      case 'HERE':
        return this.#set(this.#some(args), (axis, value) => {
          axis.origin = axis.motor.positionAt(now) - value / TENTHS
        })
      case 'ZERO':
        for (const axis of this.#axes.values()) axis.origin = axis.motor.positionAt(now)
        return ':A '
      case 'HALT':
        return this.#halt(now)
      case 'STATUS':
        return this.#busy(now) ? 'B' : 'N'
      case 'SPEED':
        return this.#getOrSet(
          args,
          ({ motor }) => motor.speed / 1000,
          ({ motor }, value) => {
            if (value <= 0 || value > FASTEST_MM_S) throw new Refused(4)
            motor.speed = value * 1000
          },
        )
      case 'ACCEL':
        return this.#getOrSet(
          args,
          ({ motor }) => motor.rampMs,
          ({ motor }, value) => {
            if (value <= 0) throw new Refused(4)
            motor.rampMs = value
          },
        )
      case 'SETLOW':
        return this.#getOrSet(
          args,
          (axis) => (axis.min - axis.origin) / 1000,
          (axis, value) => {
            axis.min = value * 1000 + axis.origin
          },
        )
      case 'SETUP':
        return this.#getOrSet(
          args,
          (axis) => (axis.max - axis.origin) / 1000,
          (axis, value) => {
            axis.max = value * 1000 + axis.origin
          },
        )
      case 'VERSION':
        return ':A Version: USB-9.2n '
      default:
        return 'STD_XYZ'
    }
  }

  #argument(text: string): Argument {
    const match = /^([A-Z])(?:=(.*)|\?)?$/.exec(text)
    const axis = match?.[1]
    if (axis !== 'X' && axis !== 'Y' && axis !== 'Z') throw new Refused(2)
    if (match?.[2] === undefined) return { axis, value: null }
    const value = match[2] === '' ? Number.NaN : Number(match[2])
    if (!Number.isFinite(value)) throw new Refused(3)
    return { axis, value }
  }

  #some(args: readonly Argument[]): readonly Argument[] {
    if (args.length === 0) throw new Refused(3)
    return args
  }

  #axis(name: AxisName): Axis {
    const axis = this.#axes.get(name)
    if (!axis) throw new Refused(2)
    return axis
  }

  #move(args: readonly Argument[], now: number, targetOf: (axis: Axis, value: number) => number): string {
    const { refuse } = this.faults
    if (refuse > 0) {
      this.faults.refuse = 0
      throw new Refused(refuse)
    }
    // Nothing moves unless everything may.
    const moves = this.#some(args).map(({ axis: name, value }) => {
      if (value === null) throw new Refused(3)
      const axis = this.#axis(name)
      const target = targetOf(axis, value)
      if (target < axis.min || target > axis.max) throw new Refused(4)
      return { axis, target }
    })
    for (const { axis, target } of moves) axis.motor.moveTo(target, now)
    this.#stuckBusy = this.faults.neverIdle
    return ':A '
  }

  #halt(now: number): string {
    const moving = this.#busy(now)
    for (const { motor } of this.#axes.values()) motor.halt(now)
    this.#stuckBusy = false
    if (moving) throw new Refused(21)
    return ':A '
  }

  #busy(now: number): boolean {
    return this.#stuckBusy || [...this.#axes.values()].some(({ motor }) => motor.movingAt(now))
  }

  #where(name: AxisName, now: number): string {
    const axis = this.#axis(name)
    const text = ((axis.motor.positionAt(now) - axis.origin) * TENTHS).toFixed(this.#decimals)
    return Number(text) === 0 ? text.replace('-', '') : text
  }

  #set(args: readonly Argument[], change: (axis: Axis, value: number) => void): string {
    for (const { axis, value } of args) {
      if (value === null) throw new Refused(3)
      change(this.#axis(axis), value)
    }
    return ':A '
  }

  #getOrSet(args: readonly Argument[], get: (axis: Axis) => number, set: (axis: Axis, value: number) => void): string {
    if (this.#some(args).some(({ value }) => value !== null)) return this.#set(args, set)
    return `:A ${args.map(({ axis }) => `${axis}=${get(this.#axis(axis)).toFixed(6)}`).join(' ')} `
  }
}
