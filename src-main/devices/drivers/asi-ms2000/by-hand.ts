import type { Axis } from './protocol.ts'

/**
 * µm from one look to the next beyond which an axis is said to be moved by hand, so that what rests does not seem to move; slow turns of the focus wheel are
 * followed and not called a motion.
 */
const MOVED_UM = 0.3

/** Which axes somebody moves with the joystick, told from where they are at one look and at the next. */
export class ByHand {
  #moving: readonly Axis[] = []
  /** Where they were at the last look; null: nothing to compare the next one with. */
  #seen: ReadonlyMap<Axis, number> | null = null

  has(axis: Axis): boolean {
    return this.#moving.includes(axis)
  }

  /** Compares positions, µm, with those of the look before. */
  look(positions: ReadonlyMap<Axis, number>): void {
    const before = this.#seen
    this.#moving = [...positions].filter(([axis, now]) => Math.abs(now - (before?.get(axis) ?? now)) > MOVED_UM).map(([axis]) => axis)
    this.#seen = positions
  }

  /** `axes`, or all, are not moved by hand, and the next look has nothing to compare with. */
  forget(axes?: readonly Axis[]): void {
    this.#moving = axes ? this.#moving.filter((axis) => !axes.includes(axis)) : []
    this.#seen = null
  }
}
