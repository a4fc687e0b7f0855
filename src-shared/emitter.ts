/** Small observable building blocks. Listeners run synchronously, in the order they subscribed. */

/** Ends a subscription. Calling it twice is harmless. */
export type Unsubscribe = () => void

/** Announces values to whoever listens now. */
export class Emitter<T> {
  readonly #listeners = new Set<(value: T) => void>()

  /** Calls every listener. A listener that throws does not keep the others from hearing. */
  emit(value: T): void {
    let failure: { error: unknown } | undefined
    for (const listener of [...this.#listeners]) {
      try {
        listener(value)
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure) throw failure.error
  }

  on(listener: (value: T) => void): Unsubscribe {
    // A wrapper makes each subscription its own, so the same function may listen twice.
    const own = (value: T) => listener(value)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  get listenerCount(): number {
    return this.#listeners.size
  }
}

/** A value that can be read at any time and watched. */
export interface ReadonlyCell<T> {
  readonly value: T
  /** Calls `listener` with the present value at once, then with every new one. */
  watch(listener: (value: T) => void): Unsubscribe
}

/** A value with an owner who may change it. Values are replaced, never mutated. */
export class Cell<T> implements ReadonlyCell<T> {
  readonly #changed = new Emitter<T>()
  #value: T

  constructor(initial: T) {
    this.#value = initial
  }

  get value(): T {
    return this.#value
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return
    this.#value = value
    this.#changed.emit(value)
  }

  /** Replaces some fields of an object value. */
  patch(changes: Partial<T>): void {
    this.set({ ...this.#value, ...changes })
  }

  watch(listener: (value: T) => void): Unsubscribe {
    const unsubscribe = this.#changed.on(listener)
    listener(this.#value)
    return unsubscribe
  }
}
