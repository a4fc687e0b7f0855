/** Asks a device again and again, for what people change on it by hand and it does not tell. Not while somebody wants quiet. */
export class Polling implements Disposable {
  #timer: NodeJS.Timeout | undefined
  #hushed = 0
  #disposed = false

  /** `look` must not reject; the next one waits for it. */
  constructor(
    private readonly pollMs: number,
    private readonly look: () => Promise<void>,
  ) {
    this.#next()
  }

  /** None until the result is disposed. One under way ends. */
  quiet(): Disposable {
    this.#hushed++
    let held = true
    return {
      [Symbol.dispose]: () => {
        if (held) this.#hushed--
        held = false
      },
    }
  }

  get isQuiet(): boolean {
    return this.#hushed > 0
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    clearTimeout(this.#timer)
  }

  #next(): void {
    this.#timer = setTimeout(async () => {
      if (!this.isQuiet) await this.look()
      if (!this.#disposed) this.#next()
    }, this.pollMs)
  }
}
