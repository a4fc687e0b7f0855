/** Intervals without an event after which something slow counts as having stopped. */
const patience = 3

/** Events per second over the last two seconds; where they come more slowly than that, over the last interval. */
export class Rate {
  readonly #times: number[] = []

  constructor(private readonly windowMs = 2000) {}

  tick(now: number): void {
    this.#times.push(now)
    this.#forget(now)
  }

  /** per second; 0 before the second event, and when nothing happened for long. */
  at(now: number): number {
    this.#forget(now)
    const [first, second] = this.#times
    const last = this.#times.at(-1)
    if (first === undefined || second === undefined || last === undefined) return 0
    if (now - last > Math.max(this.windowMs, patience * (last - first))) return 0
    return ((this.#times.length - 1) * 1000) / Math.max(1, now - first)
  }

  reset(): void {
    this.#times.length = 0
  }

  /** The last two stay. */
  #forget(now: number): void {
    while (this.#times.length > 2 && this.#times[0]! < now - this.windowMs) this.#times.shift()
  }
}
