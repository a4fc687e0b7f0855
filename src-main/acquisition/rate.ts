/** Events per second over the last two seconds. */
export class Rate {
  readonly #times: number[] = []

  constructor(private readonly windowMs = 2000) {}

  tick(now: number): void {
    this.#times.push(now)
    this.#forget(now)
  }

  /** per second; 0 when nothing happened within the window. */
  at(now: number): number {
    this.#forget(now)
    const first = this.#times[0]
    if (first === undefined || this.#times.length < 2) return 0
    return ((this.#times.length - 1) * 1000) / Math.max(1, now - first)
  }

  reset(): void {
    this.#times.length = 0
  }

  #forget(now: number): void {
    while (this.#times.length > 0 && this.#times[0]! < now - this.windowMs) this.#times.shift()
  }
}
