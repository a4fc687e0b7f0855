/**
 * A small process that outlives the host. It holds one end of a pipe; when the pipe ends without a goodbye, the host has died, and
 * every port gets its safe bytes: motion halted, light off.
 *
 *   waiting ──{"ports":[…]}──▶ waiting
 *      ├── {"goodbye":true} ──▶ exit 0
 *      └── end of the pipe ───▶ opening each port again and again ──▶ bytes written, exit 0 (1 if some port never opened)
 */
import { createInterface } from 'node:readline'
import { SerialPort } from 'serialport'
import type { SafeState } from './devices/kinds.ts'

/** The kernel may need a moment to release a dead process's lock; a port that stays away this long is gone, ms. */
const GIVE_UP_MS = 5000
const RETRY_MS = 50

interface Message {
  readonly ports?: readonly SafeState[]
  readonly goodbye?: boolean
}

let ports: readonly SafeState[] = []

/** Signals to the whole group (Ctrl-C, a service manager's stop) also reach the host, which says goodbye or dies: the pipe tells which. */
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('SIGHUP', () => {})

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const message = parse(line)
  if (message.ports) ports = message.ports
  if (message.goodbye) process.exit(0)
})
lines.on('close', async () => {
  const results = await Promise.all(ports.map(makeSafe))
  process.exit(results.every(Boolean) ? 0 : 1)
})

/** A host that dies may leave half a line. */
function parse(line: string): Message {
  try {
    return JSON.parse(line) as Message
  } catch {
    return {}
  }
}

async function makeSafe(state: SafeState): Promise<boolean> {
  const deadline = Date.now() + GIVE_UP_MS
  while (Date.now() < deadline) {
    if (await write(state)) return true
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
  return false
}

/** True once the bytes have left for the wire. */
function write({ path, baudRate, bytes }: SafeState): Promise<boolean> {
  return new Promise((resolve) => {
    const port = new SerialPort({ path, baudRate, autoOpen: false })
    port.on('error', () => resolve(false))
    port.open((error) => {
      if (error) return resolve(false)
      port.write(Buffer.from(bytes))
      port.drain((problem) => {
        resolve(!problem)
        if (port.isOpen) port.close(() => {})
      })
    })
  })
}
