/** How the host holds the inference process: a child of plain Node, or a utility process of Electron. */
import { type ChildProcess, spawn as spawnProcess } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import type { Packet } from './wire.ts'
import { encodePacket, PacketReader } from './wire.ts'

/** A running inference process. */
export interface InferenceChild {
  readonly pid: number | undefined
  /** Never throws; what cannot be delivered shows as an exit. The parts must not change until they are written. */
  send(header: unknown, parts: readonly Uint8Array[]): void
  onPacket(listener: (packet: Packet) => void): void
  /** Called once, with the reason in words. */
  onExit(listener: (reason: string) => void): void
  /** Lines that the runtime wrote for developers. */
  onLog(listener: (line: string) => void): void
  /** At once and without asking: a network that hangs does not listen. */
  kill(): void
}

export type SpawnInference = (entry: string) => InferenceChild

/** Starts the process under Node. */
export const forkInference: SpawnInference = (entry) => startProgram(process.execPath, [entry])

/** Starts a program that ends in the inference process, with a socket of its own beside the standard streams (file descriptor 3). */
export function startProgram(program: string, args: readonly string[]): InferenceChild {
  const child = spawnProcess(program, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // Under Electron, execPath is Electron itself.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    windowsHide: true,
  })
  const socket = child.stdio[3] as Duplex
  socket.on('error', () => undefined)
  const packets = new Set<(packet: Packet) => void>()
  const reader = new PacketReader((packet) => {
    for (const listener of packets) listener(packet)
  })
  socket.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk)
    } catch {
      child.kill('SIGKILL')
    }
  })
  return {
    pid: child.pid,
    send(header, parts) {
      if (!socket.writable) return
      socket.cork()
      for (const bytes of encodePacket(header, parts)) socket.write(bytes)
      socket.uncork()
    },
    onPacket: (listener) => void packets.add(listener),
    onExit: (listener) => onceExited(child, listener),
    onLog: (listener) => onLines([child.stdout, child.stderr], listener),
    kill: () => void child.kill('SIGKILL'),
  }
}

/** The part of Electron's `UtilityProcess` that is used. */
export interface UtilityProcessLike {
  readonly pid: number | undefined
  readonly stdout: unknown
  readonly stderr: unknown
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
  once(event: 'exit', listener: (code: number) => void): unknown
  kill(): boolean
}

/** Holds a utility process, to be started with `stdio: 'pipe'`. Its port copies messages, so pixels travel as one payload beside the header. */
export function utilityInference(child: UtilityProcessLike): InferenceChild {
  return {
    pid: child.pid,
    send(header, parts) {
      const [only] = parts
      child.postMessage({ header, payload: parts.length === 1 ? only : Buffer.concat(parts) })
    },
    onPacket: (listener) => void child.on('message', (message) => listener(message as Packet)),
    onExit: (listener) => void child.once('exit', (code) => listener(`exit code ${code}`)),
    onLog: (listener) => onLines([child.stdout as Readable | null, child.stderr as Readable | null], listener),
    kill() {
      // Electron asks politely, and a process inside a running network does not hear; SIGKILL is heard by everyone.
      if (child.pid === undefined) child.kill()
      else killNow(child.pid)
    },
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}

function onceExited(child: ChildProcess, listener: (reason: string) => void): void {
  let told = false
  const tell = (reason: string) => {
    if (!told) listener(reason)
    told = true
  }
  child.once('error', (error) => tell(error.message))
  child.once('exit', (code, signal) => tell(signal ? `signal ${signal}` : `exit code ${code}`))
}

function onLines(streams: readonly (Readable | null)[], listener: (line: string) => void): void {
  for (const stream of streams) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n')) if (line.trim()) listener(line.trim().slice(0, 500))
    })
  }
}
