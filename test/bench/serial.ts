/** What the exchange (queue, framing, timeout, matching) adds to a bare round trip through the same port and pseudo-terminal. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Exchange } from '#main/devices/serial/exchange.ts'
import { Port } from '#main/devices/serial/port.ts'
import { ended, pseudoTerminals } from '#test/helpers/pty.ts'
import { interleaved, type Measured, median, ms, timed } from './measure.ts'

const roundTrips = 2000
/** A controller that answers every line at once. */
const peer = `
  const { openSync, createReadStream, writeSync } = require('node:fs')
  const fd = openSync(process.argv[1], 'r+')
  createReadStream('', { fd }).on('data', (chunk) => { for (const byte of chunk) if (byte === 13) writeSync(fd, ':A 1\\r\\n') })`

export async function benchSerial(): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'deepscope-bench-'))
  const pair = await pseudoTerminals(folder)
  const answering = spawn(process.execPath, ['-e', peer, pair.device], { stdio: 'ignore' })
  const port = await Port.open({ path: pair.host, baudRate: 115200 })
  const exchange = new Exchange(port, { device: 'peer' })
  try {
    const listen = port.onData
    const viaExchange = () => exchange.send({ command: 'W X', reply: /^:A/, parse: (reply) => reply })
    const line = Buffer.from('W X\r')
    const bare = () =>
      new Promise<void>((resolve) => {
        port.onData = (chunk) => {
          if (chunk.at(-1) !== 10) return
          port.onData = listen
          resolve()
        }
        port.write(line)
      })
    await new Promise((resolve) => setTimeout(resolve, 300))
    for (let i = 0; i < 50; i++) await viaExchange()
    const { a, b } = await interleaved(
      roundTrips,
      () => timed(viaExchange),
      () => timed(bare),
    )
    return {
      name: 'serial-added-latency-ms',
      value: median(a) - median(b),
      unit: 'ms',
      detail: `median of ${roundTrips} round trips over a pseudo-terminal: exchange ${ms(a)}, bare port ${ms(b)}`,
      bar: { atMost: 0.15 },
    }
  } finally {
    exchange[Symbol.dispose]()
    await port.close()
    await ended(answering)
    await ended(pair.process)
    await rm(folder, { recursive: true, force: true })
  }
}
