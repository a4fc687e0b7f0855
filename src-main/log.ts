/** What happened, for the person at the microscope (the recent entries) and for whoever has to explain it later (the file). */
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir, release } from 'node:os'
import { dirname } from 'node:path'
import pino from 'pino'
import type { InferenceState, LogEntry, Settings } from '#shared/api.ts'
import type { DeviceStatus } from '#shared/device.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { isAbort, messageOf } from '#shared/errors.ts'

export interface Log extends AsyncDisposable {
  /** The newest entries, oldest first; refreshed at most ten times a second. */
  readonly recent: ReadonlyCell<readonly LogEntry[]>
  debug(source: string, message: string): void
  info(source: string, message: string): void
  /** `error` adds its message, and in the file its causes and stack. A cancelled task is not a fault and is not logged. */
  warn(source: string, message: string, error?: unknown): void
  error(source: string, message: string, error?: unknown): void
  /** Writes what is pending before it returns: for the last words of a process. */
  flushSync(): void
}

export interface LogOptions {
  /** null: no file, only the recent entries. A file that cannot be written never stops the application. */
  readonly file: string | null
  /** Entries kept for the window. */
  readonly limit?: number
  /** The file is renamed to `….1` when it grows past this; two old files are kept. */
  readonly maxBytes?: number
  readonly level?: LogEntry['level']
}

const refreshMs = 100

export function openLog({ file, limit = 300, maxBytes = 4 * 2 ** 20, level = 'info' }: LogOptions): Log {
  return new FileLog(file === null ? null : rotatingFile(file, maxBytes), limit, level)
}

class FileLog implements Log {
  readonly #recent = new Cell<readonly LogEntry[]>([])
  readonly #pino: pino.Logger | null
  #entries: LogEntry[] = []
  #timer: NodeJS.Timeout | null = null

  constructor(
    readonly file: RotatingFile | null,
    readonly limit: number,
    level: LogEntry['level'],
  ) {
    const options = { base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime, level, errorKey: 'error' }
    this.#pino = file && pino(options, file)
  }

  get recent(): ReadonlyCell<readonly LogEntry[]> {
    return this.#recent
  }

  debug(source: string, message: string): void {
    this.#add('debug', source, message)
  }
  info(source: string, message: string): void {
    this.#add('info', source, message)
  }
  warn(source: string, message: string, error?: unknown): void {
    this.#add('warn', source, message, error)
  }
  error(source: string, message: string, error?: unknown): void {
    this.#add('error', source, message, error)
  }

  flushSync(): void {
    this.#publish()
    this.file?.flush()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.flushSync()
    this.file?.close()
  }

  #add(level: LogEntry['level'], source: string, message: string, error?: unknown): void {
    if (error !== undefined && isAbort(error)) return
    this.#pino?.[level]({ source, ...(error === undefined ? {} : { error }) }, message)
    // Driver chatter belongs in the file; it would push what matters out of the window's list.
    if (level === 'debug') return
    this.#entries.push({ time: Date.now(), level, source, message: error === undefined ? message : `${message} ${messageOf(error)}` })
    if (this.#entries.length > this.limit) this.#entries = this.#entries.slice(-this.limit)
    // The whole list travels to every window, so a burst of entries is announced once.
    this.#timer ??= setTimeout(() => this.#publish(), refreshMs).unref()
  }

  #publish(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#recent.value.at(-1) !== this.#entries.at(-1)) this.#recent.set([...this.#entries])
  }
}

interface RotatingFile {
  write(line: string): void
  flush(): void
  close(): void
}

/** Appends lines, and starts a new file when the present one is full. */
function rotatingFile(path: string, maxBytes: number): RotatingFile | null {
  let size = 0
  let broken = false
  let destination: ReturnType<typeof pino.destination>
  try {
    mkdirSync(dirname(path), { recursive: true })
    size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    destination = pino.destination({ dest: path, sync: true, append: true })
  } catch {
    return null
  }
  destination.on('error', () => {
    // A full or vanished disk: the microscope goes on without a log file.
    broken = true
  })
  return {
    write: (line) => {
      if (broken) return
      size += Buffer.byteLength(line)
      destination.write(line)
      if (size <= maxBytes) return
      size = 0
      try {
        rmSync(`${path}.2`, { force: true })
        if (statSync(`${path}.1`, { throwIfNoEntry: false })) renameSync(`${path}.1`, `${path}.2`)
        renameSync(path, `${path}.1`)
        destination.reopen()
      } catch {
        // Renaming fails on Windows while another window reads the file; it is tried again when as much has been written again.
      }
    },
    flush: () => {
      if (!broken) destination.flushSync()
    },
    close: () => {
      if (!broken) destination.end()
      broken = true
    },
  }
}

/** What a problem report says beside the log. */
export interface ReportFacts {
  readonly version: string
  readonly shell: string
  readonly devices: readonly DeviceStatus[]
  readonly settings: Settings
  readonly inference: InferenceState
  readonly log: readonly LogEntry[]
}

/** A report to send along with a complaint: text that a person can read and check before sending. Home folders are shortened to `~`. */
export function problemReport(facts: ReportFacts, now = new Date(), home = homedir()): { name: string; text: string } {
  const { devices, inference, settings, log } = facts
  const lines = [
    `Deepscope ${facts.version}, problem report of ${now.toISOString()}`,
    '',
    `Shell: ${facts.shell}. Node ${process.versions.node}, ${process.platform} ${process.arch} ${release()}.`,
    '',
    'Devices',
    ...(devices.length === 0 ? ['  none connected'] : devices.map(deviceLine)),
    '',
    `Inference: ${inference.status}, provider ${inference.provider ?? 'none'}, restarts ${inference.restarts}${inference.problem ? `, problem: ${inference.problem}` : ''}`,
    ...inference.providers.map((provider) => `  ${provider.id}: ${provider.used ? 'used' : 'not used'}, ${provider.reason}`),
    '',
    'Settings',
    ...Object.entries(settings).map(([name, value]) => `  ${name}: ${String(value)}`),
    '',
    'Log',
    ...log.map((entry) => `  ${new Date(entry.time).toISOString()} ${entry.level} ${entry.source}: ${entry.message}`),
    '',
  ]
  const text = lines.join('\n')
  return {
    name: `deepscope-report-${now.toISOString().slice(0, 19).replaceAll(':', '-')}.txt`,
    text: home ? shortenHome(text, home) : text,
  }
}

function deviceLine(device: DeviceStatus): string {
  return `  ${device.label} (${device.kind}): ${device.state}, ${device.connection}${device.simulated ? ', simulated' : ''}${device.problem ? `, problem: ${device.problem}` : ''}`
}

/** A home folder carries the user's name, which a report does not need. */
function shortenHome(text: string, home: string): string {
  const folder = home.replace(/[\\/]+$/, '')
  if (folder.length < 2) return text
  const escaped = folder.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return text.replace(new RegExp(`${escaped}(?![\\w-])`, 'g'), '~')
}
