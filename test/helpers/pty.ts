/** A pseudo-terminal pair made by socat with an emulated controller in another process on its far end: a real port for serialport. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Faults, FirmwareEvent } from '#main/devices/simulated/firmware/line-firmware.ts'
import { Disposer } from '#shared/dispose.ts'
import { bundle } from './bundle.ts'

export interface EmulatorProcess extends AsyncDisposable {
  /** Where the host finds the controller. */
  readonly path: string
  readonly baudRate: number
  /** Every command the controller has understood, in order. */
  readonly log: readonly FirmwareEvent[]
  faults(faults: Partial<Faults>): void
  /** Somebody turns a knob on the light source's pod. */
  pod(channel: string, change: { selected?: boolean; on?: boolean; level?: number }): void
  /** Position (x, y, z in µm) or light (percent by channel) at this moment, from inside the controller. */
  state(): Promise<Record<string, number>>
  /** Pulls the cable: the pair disappears. */
  vanish(): Promise<void>
}

/** Rejects with a sentence where socat is missing. */
export async function emulatorProcess(device: 'asi-ms2000' | 'coolled-pe300', baudRate: number): Promise<EmulatorProcess> {
  const disposer = new Disposer()
  try {
    const program = disposer.use(await bundle('test/helpers/processes/emulator.ts'))
    const folder = await mkdtemp(join(tmpdir(), 'deepscope-pty-'))
    disposer.add(() => rm(folder, { recursive: true, force: true }))
    const pair = await pseudoTerminals(folder)
    disposer.add(() => ended(pair.process))
    const child = spawn(process.execPath, [program.path, device, pair.device, String(baudRate)], { stdio: ['pipe', 'pipe', 'inherit'] })
    disposer.add(() => ended(child))
    child.stdin.on('error', () => {})
    const tell = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)
    const log: FirmwareEvent[] = []
    const asked: ((state: Record<string, number>) => void)[] = []
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`The emulator process ended with code ${code}.`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        const message = JSON.parse(line) as { ready?: true; state?: Record<string, number> } | FirmwareEvent
        if ('line' in message) log.push(message)
        else if (message.state) asked.shift()?.(message.state)
        else resolve()
      })
    })
    return {
      path: pair.host,
      baudRate,
      log,
      faults: (faults) => tell({ faults }),
      pod: (channel, change) => tell({ pod: [channel, change] }),
      state: () =>
        new Promise((resolve) => {
          asked.push(resolve)
          tell({ ask: true })
        }),
      vanish: () => ended(pair.process),
      [Symbol.asyncDispose]: () => disposer.dispose(),
    }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}

/** A raw pair: what one end writes the other reads. */
export async function pseudoTerminals(folder: string): Promise<{ host: string; device: string; process: ChildProcess }> {
  const [host, device] = [join(folder, 'host'), join(folder, 'device')]
  const socat = spawn('socat', [`pty,raw,echo=0,link=${host}`, `pty,raw,echo=0,link=${device}`], { stdio: 'ignore' })
  const failed = new Promise<never>((_, reject) => {
    socat.once('error', () => reject(new Error('socat is missing: these tests need it (on Debian: apt-get install socat).')))
    socat.once('exit', (code) => reject(new Error(`socat ended with code ${code} before the pseudo-terminals were there.`)))
  })
  failed.catch(() => {})
  const appeared = async () => {
    while (!existsSync(host) || !existsSync(device)) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await Promise.race([appeared(), failed])
  return { host, device, process: socat }
}

/** Kills a process that a test has started and waits for its end. */
export function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return Promise.resolve()
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
