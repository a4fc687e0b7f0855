/** Whoever creates, disposes; in reverse order. */

type Cleanup = () => void | Promise<void>

/** Collects what must be undone and undoes it in reverse order. Usable with `await using`. */
export class Disposer implements AsyncDisposable {
  readonly #cleanups: Cleanup[] = []
  #done: Promise<void> | undefined

  /** Adds a cleanup; if disposing has begun, it runs at once. */
  add(cleanup: Cleanup): void {
    if (this.#done) void cleanup()
    else this.#cleanups.push(cleanup)
  }

  /** Takes charge of a resource and hands it back. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    this.add(() => (Symbol.asyncDispose in resource ? resource[Symbol.asyncDispose]() : resource[Symbol.dispose]()) as Promise<void>)
    return resource
  }

  get disposed(): boolean {
    return this.#done !== undefined
  }

  /** Runs every cleanup even if some fail, then throws the first failure. The second call waits for the first. */
  dispose(): Promise<void> {
    this.#done ??= this.#run()
    return this.#done
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose()
  }

  async #run(): Promise<void> {
    let failure: { error: unknown } | undefined
    for (let cleanup = this.#cleanups.pop(); cleanup; cleanup = this.#cleanups.pop()) {
      try {
        await cleanup()
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure) throw failure.error
  }
}
