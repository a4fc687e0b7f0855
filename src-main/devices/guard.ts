/** The host's side of the guardian: starts it, keeps it alive, tells it what to make safe. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { AppError } from '#shared/errors.ts'
import { entryPath } from '../processes.ts'
import type { SafeState } from './kinds.ts'

/** A guardian that dies is started again after this long, ms; longer each time it dies young. */
const RESTART_MS = 200
const LONGEST_RESTART_MS = 10_000
/** One that lived this long did not die of its birth, ms. */
const MATURE_MS = 5000
/** How long a guardian may take to say goodbye, ms. */
const GOODBYE_MS = 1000

export interface Guard extends AsyncDisposable {
  /** Replaces what the guardian protects. An empty list protects nothing. */
  protect(states: readonly SafeState[]): void
  /** Tells the guardian that all is safe and waits for its end. The same as disposing. */
  release(): Promise<void>
  /** The guardian's process id, while it runs. */
  readonly pid: number | undefined
}

/** `entry` is the built guardian unless given. Rejects with Internal where it is not built. */
export async function startGuardian(options: { readonly entry?: string } = {}): Promise<Guard> {
  const entry = options.entry ?? entryPath('guardian')
  if (!existsSync(entry)) {
    throw new AppError('Internal', `The guardian process is not built: ${entry} is missing. Run "npm run build".`, { path: entry })
  }
  return new GuardianProcess(entry)
}

class GuardianProcess implements Guard {
  readonly #entry: string
  #states: readonly SafeState[] = []
  #child: ChildProcess | undefined
  #restart: NodeJS.Timeout | undefined
  #delayMs = RESTART_MS
  #released: Promise<void> | undefined

  constructor(entry: string) {
    this.#entry = entry
    this.#start()
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  protect(states: readonly SafeState[]): void {
    this.#states = states
    this.#send({ ports: states })
  }

  release(): Promise<void> {
    this.#released ??= this.#end()
    return this.#released
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  #start(): void {
    const born = performance.now()
    // In Electron this executable is Electron; the variable makes it plain Node. Detached: what kills the host's group spares it.
    const child = spawn(process.execPath, [this.#entry], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    })
    this.#child = child
    // A guardian that has just died breaks the pipe; 'exit' starts the next one.
    child.stdin?.on('error', () => {})
    const onEnd = () => {
      if (this.#child !== child) return
      this.#child = undefined
      if (this.#released) return
      this.#delayMs = performance.now() - born > MATURE_MS ? RESTART_MS : Math.min(this.#delayMs * 2, LONGEST_RESTART_MS)
      this.#restart = setTimeout(() => this.#start(), this.#delayMs)
      this.#restart.unref()
    }
    child.on('exit', onEnd)
    child.on('error', onEnd)
    // It must not keep a host alive that has nothing else to do.
    child.unref()
    if (this.#states.length > 0) this.#send({ ports: this.#states })
  }

  #send(message: { readonly ports: readonly SafeState[] } | { readonly goodbye: true }): void {
    const { stdin } = this.#child ?? {}
    if (stdin?.writable) stdin.write(`${JSON.stringify(message)}\n`)
  }

  async #end(): Promise<void> {
    clearTimeout(this.#restart)
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    this.#send({ goodbye: true })
    const timer = setTimeout(() => child.kill('SIGKILL'), GOODBYE_MS)
    await ended
    clearTimeout(timer)
    child.stdin?.destroy()
  }
}
