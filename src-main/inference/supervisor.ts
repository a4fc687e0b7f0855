/**
 * Keeps the inference process alive.
 *
 *   starting ──ready──▶ ready ──exit──▶ restarting ──ready──▶ ready
 *      └────────exit────────┴──too often in a row──▶ failed ──after a pause──▶ restarting
 *
 * A first death is answered at once; deaths in a row without a finished request between them are answered later and later.
 */
import { existsSync } from 'node:fs'
import { type InferenceState, stoppedInference } from '#shared/api.ts'
import { Cell } from '#shared/emitter.ts'
import type { InferenceChild, SpawnInference } from './child.ts'
import { endedForMemory, tellsOfMemory } from './memory.ts'
import type { HostMessage, ProviderChoice, WorkerMessage } from './messages.ts'

const startLimitMs = 20_000
/** Deaths in a row after which the state is `failed`. */
const patience = 4
const firstPauseMs = 250
const failedPauseMs = 10_000
const longestPauseMs = 300_000

export interface SupervisorOptions {
  /** Path of the built worker. */
  readonly entry: string
  readonly spawn: SpawnInference
  readonly provider: ProviderChoice
  readonly log: (message: string) => void
  readonly onReady: () => void
  readonly onMessage: (message: WorkerMessage, payload: Uint8Array) => void
  /** The process has ended; `reason` is a sentence without an end. `memory`: because there was no more of it. */
  readonly onDown: (reason: string, memory: boolean) => void
}

export class Supervisor implements Disposable {
  readonly state = new Cell<InferenceState>(stoppedInference)
  readonly #skip: Record<string, string> = {}
  #choice: ProviderChoice
  #child: InferenceChild | null = null
  #timer: NodeJS.Timeout | undefined
  #deaths = 0
  #probing: string | null = null
  #killedBecause: string | null = null
  #lastLine = ''
  /** A line of the process told of memory that it could not get. */
  #memoryLine = false
  /** See `endedForMemory`, when the process was started. */
  #endedBefore: number | null = null
  #disposed = false

  constructor(private readonly options: SupervisorOptions) {
    this.#choice = options.provider
    this.#start('starting')
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  send(message: HostMessage, parts: readonly Uint8Array[] = []): void {
    this.#child?.send(message, parts)
  }

  /** Ends the process, which is then started again. `because` is told to whoever waits for a result. */
  kill(because: string): void {
    if (!this.#child) return
    this.#killedBecause = because
    this.#child.kill()
  }

  /** A request was finished: what happened before is forgiven. */
  succeeded(): void {
    this.#deaths = 0
    // What it said of memory before, it got over.
    this.#memoryLine = false
  }

  /** Another provider means another process. */
  choose(choice: ProviderChoice): void {
    if (choice === this.#choice) return
    this.#choice = choice
    this.#deaths = 0
    this.#release('another processor was chosen')
    this.#start('restarting')
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#release('the application is closing')
    this.state.patch({ status: 'stopped' })
  }

  /** Lets go of the present process without taking its end for a fault. */
  #release(reason: string): void {
    clearTimeout(this.#timer)
    const child = this.#child
    this.#child = null
    if (!child) return
    child.kill()
    this.options.onDown(reason, false)
  }

  #start(status: 'starting' | 'restarting'): void {
    if (!existsSync(this.options.entry)) {
      const problem = 'The inference program has not been built. Build the application (npm run build), then start it again.'
      this.state.patch({ status: 'failed', problem })
      this.options.log(`${problem} Missing: ${this.options.entry}`)
      return
    }
    this.state.patch({ status, problem: status === 'starting' ? null : this.state.value.problem })
    this.#lastLine = ''
    this.#memoryLine = false
    this.#endedBefore = endedForMemory()
    const child = this.options.spawn(this.options.entry)
    this.#child = child
    child.onLog((line) => {
      this.#lastLine = line
      this.#memoryLine ||= tellsOfMemory(line)
      this.options.log(line)
    })
    child.onPacket(({ header, payload }) => {
      if (this.#child === child) this.#take(header as WorkerMessage, payload)
    })
    child.onExit((reason) => {
      if (this.#child === child) this.#ended(reason)
    })
    this.#timer = setTimeout(() => this.kill('it did not get ready in time'), startLimitMs)
    child.send({ type: 'start', choice: this.#choice, skip: this.#skip } satisfies HostMessage, [])
  }

  #take(message: WorkerMessage, payload: Uint8Array): void {
    if (message.type === 'probing') this.#probing = message.provider
    else if (message.type === 'ready') {
      this.#probing = null
      clearTimeout(this.#timer)
      this.state.patch({ status: 'ready', provider: message.provider, providers: [...message.providers], problem: null })
      this.options.onReady()
    } else this.options.onMessage(message, payload)
  }

  #ended(exit: string): void {
    clearTimeout(this.#timer)
    this.#child = null
    const memory = this.#killedBecause === null && this.#ranOutOfMemory(exit)
    const why =
      this.#killedBecause ??
      (memory ? 'there was no more memory for it' : exit.startsWith('signal') ? exit : `${exit}${this.#lastLine && `: ${this.#lastLine}`}`)
    this.#killedBecause = null
    if (this.#probing) this.#skip[this.#probing] = `Not used: trying it ended the inference process (${why}).`
    this.#probing = null
    this.#deaths++
    this.options.log(`The inference process ended (${why}).`)
    const failed = this.#deaths > patience
    const pause = failed
      ? Math.min(longestPauseMs, failedPauseMs * 2 ** (this.#deaths - patience - 1))
      : this.#deaths === 1
        ? 0
        : firstPauseMs * 2 ** (this.#deaths - 2)
    const problem = failed
      ? `The inference process ended ${this.#deaths} times in a row (last: ${why}). It is tried again in ${Math.round(pause / 1000)} s.`
      : `The inference process ended (${why}) and is being restarted.`
    this.state.patch({ status: failed ? 'failed' : 'restarting', problem, restarts: this.state.value.restarts + 1 })
    this.options.onDown(why, memory)
    if (!this.#disposed) this.#timer = setTimeout(() => this.#start('restarting'), pause)
  }

  /** It said so itself before it ended, or the system ended it for that. */
  #ranOutOfMemory(exit: string): boolean {
    if (this.#memoryLine) return true
    const now = endedForMemory()
    return exit === 'signal SIGKILL' && now !== null && this.#endedBefore !== null && now > this.#endedBefore
  }
}
