import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Exchange, type Request } from '#main/devices/serial/exchange.ts'
import { Port } from '#main/devices/serial/port.ts'
import { SimulatedBinding } from '#main/devices/simulated/firmware/binding.ts'
import type { Firmware } from '#main/devices/simulated/firmware/wire.ts'
import { isAbort, isError } from '#shared/errors.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { sleep } from './simulated.ts'

failOnLeaks()

/** A device that answers when the test says so: the far end of the cable, in the hands of the test. */
class Puppet implements Firmware {
  readonly baudRate = 1_000_000
  readonly heard: string[] = []
  send: (bytes: Uint8Array) => void = () => {}
  /** Answers by itself where this gives something. */
  answer: (line: string) => string | null = () => null
  #line = ''
  connected(): void {}
  receive(byte: number): void {
    if (byte !== 0x0d) {
      this.#line += String.fromCharCode(byte)
      return
    }
    this.heard.push(this.#line)
    const answer = this.answer(this.#line)
    this.#line = ''
    if (answer !== null) this.say(answer)
  }
  say(text: string): void {
    this.send(Uint8Array.from(Buffer.from(text, 'latin1')))
  }
  async hears(count: number): Promise<void> {
    while (this.heard.length < count) await sleep(1)
  }
  [Symbol.dispose](): void {}
}

const ask = (command: string, more: Partial<Request<string>> = {}): Request<string> => ({
  command,
  reply: /^:A/,
  parse: (reply) => reply,
  ...more,
})

describe('an exchange', () => {
  let device: Puppet
  let binding: SimulatedBinding
  let port: Port
  let exchange: Exchange
  beforeEach(async () => {
    device = new Puppet()
    binding = new SimulatedBinding({ stage: device })
    port = await Port.open({ path: 'stage', baudRate: device.baudRate, binding })
    exchange = new Exchange(port, {
      device: 'test stage',
      timeoutMs: 200,
      settleMs: 250,
      refusal: (line) => (line.startsWith(':N') ? 'it says no' : null),
    })
  })
  afterEach(async () => {
    exchange[Symbol.dispose]()
    await port.close()
  })

  it('sends one request at a time', async () => {
    const both = Promise.all([exchange.send(ask('one')), exchange.send(ask('two'))])
    await device.hears(1)
    await sleep(20)
    expect(device.heard).toEqual(['one'])
    device.say(':A 1\r\n')
    await device.hears(2)
    device.say(':A 2\r\n')
    expect(await both).toEqual([':A 1', ':A 2'])
  })

  it('lets commands go before polls', async () => {
    device.answer = () => ':A\r\n'
    await Promise.all([
      exchange.send(ask('first')),
      exchange.send(ask('poll', { priority: 'poll' })),
      exchange.send(ask('command')),
      exchange.send(ask('command 2')),
    ])
    expect(device.heard).toEqual(['first', 'command', 'command 2', 'poll'])
  })

  it('lets a stop overtake the queue, right after the line being written, and cancels the commands that waited', async () => {
    const first = exchange.send(ask('move 1'))
    const waiting = [exchange.send(ask('move 2')), exchange.send(ask('move 3'))]
    const poll = exchange.send(ask('poll', { priority: 'poll' }))
    const stop = exchange.send(ask('halt', { priority: 'stop' }))
    const outcomes = await Promise.allSettled([first, ...waiting])
    for (const outcome of outcomes) expect(outcome.status === 'rejected' && isAbort(outcome.reason)).toBe(true)
    await device.hears(2)
    // The answer to the first move is still to come: the stop did not wait for it.
    expect(device.heard).toEqual(['move 1', 'halt'])
    device.say(':A first\r\n')
    device.say(':A halted\r\n')
    expect(await stop).toBe(':A halted')
    await device.hears(3)
    device.say(':A polled\r\n')
    expect(await poll).toBe(':A polled')
    expect(device.heard).toEqual(['move 1', 'halt', 'poll'])
  })

  it('never sends a stopped command again, though its answer was lost', async () => {
    const move = exchange.send(ask('move', { retries: 3 }))
    const stop = exchange.send(ask('halt', { priority: 'stop', reply: /^stopped/ }))
    await expect(move).rejects.toSatisfy(isAbort)
    await device.hears(2)
    device.say('stopped\r\n')
    await stop
    await sleep(300)
    expect(device.heard).toEqual(['move', 'halt'])
  })

  it('tells a refusal from silence, with the bytes', async () => {
    const refused = exchange.send(ask('M X=1'))
    await device.hears(1)
    device.say(':N-4\r\n')
    await expect(refused).rejects.toSatisfy((error) => isError(error, 'DeviceRefused'))
    await expect(refused).rejects.toThrow('The test stage on stage rejected "M X=1": it says no (it answered ":N-4").')
    const silent = exchange.send(ask('W X'))
    await expect(silent).rejects.toSatisfy((error) => isError(error, 'DeviceTimeout'))
    await expect(silent).rejects.toThrow('did not answer within 200 ms: sent "W X\\r", received nothing.')
    await expect(silent).rejects.toMatchObject({ info: { path: 'stage', sent: 'W X\\r', received: '' } })
  })

  it('does not take noise or half an answer for an answer, and shows what came', async () => {
    const request = exchange.send(ask('W X'))
    await device.hears(1)
    device.say('\xf8\xfe\r:A'.replace(':A', '?:'))
    await expect(request).rejects.toThrow('received only "\\xf8\\xfe\\n?:"')
  })

  it('asks again where that is safe', async () => {
    device.answer = () => (device.heard.length < 3 ? null : ':A 3\r\n')
    expect(await exchange.send(ask('W X', { retries: 2 }))).toBe(':A 3')
    expect(device.heard).toEqual(['W X', 'W X', 'W X'])
  })

  it('takes two answers in one chunk for two answers, and one answer in many chunks for one', async () => {
    const two = exchange.send(ask('XVER', { lines: 2 }))
    await device.hears(1)
    device.say(':A 1\r\nrest\r\n')
    expect(await two).toBe(':A 1\nrest')
    const one = exchange.send(ask('W X'))
    await device.hears(2)
    for (const character of ':A 42\r\n') {
      device.say(character)
      await sleep(1)
    }
    expect(await one).toBe(':A 42')
  })

  it('throws away what came before the question', async () => {
    device.say(':A stale\r\n:A half')
    await sleep(10)
    const request = exchange.send(ask('W X'))
    await device.hears(1)
    device.say(':A fresh\r\n')
    expect(await request).toBe(':A fresh')
  })

  it('does not take a late answer for the answer to the next question', async () => {
    await expect(exchange.send(ask('first'))).rejects.toThrow('did not answer')
    const second = exchange.send(ask('second'))
    await device.hears(2)
    device.say(':A first\r\n')
    await sleep(5)
    device.say(':A second\r\n')
    expect(await second).toBe(':A second')
    // And from then on without the settling time.
    device.answer = () => ':A third\r\n'
    const begun = performance.now()
    expect(await exchange.send(ask('third'))).toBe(':A third')
    expect(performance.now() - begun).toBeLessThan(200)
  })

  it('knows a late answer by its shape', async () => {
    await expect(exchange.send(ask('W X'))).rejects.toThrow('did not answer')
    const status = exchange.send(ask('/', { reply: /^[BN]$/ }))
    await device.hears(2)
    device.say(':A late\r\nN\r\n')
    expect(await status).toBe('N')
  })

  it('cancels a waiting request at once, and one under way without confusing the next', async () => {
    const [under, waiting] = [new AbortController(), new AbortController()]
    const first = exchange.send(ask('first'), under.signal)
    const second = exchange.send(ask('second'), waiting.signal)
    const third = exchange.send(ask('third'))
    await device.hears(1)
    waiting.abort()
    await expect(second).rejects.toSatisfy(isAbort)
    under.abort()
    await expect(first).rejects.toSatisfy(isAbort)
    device.say(':A first\r\n')
    await device.hears(2)
    device.say(':A third\r\n')
    expect(await third).toBe(':A third')
    expect(device.heard).toEqual(['first', 'third'])
  })

  it('rejects everything when the cable is pulled, says so once, and rejects what follows', async () => {
    const lost: string[] = []
    exchange.onDisconnect = (error) => lost.push(error.kind)
    const requests = [exchange.send(ask('one')), exchange.send(ask('two')), exchange.send(ask('three', { priority: 'poll' }))]
    await device.hears(1)
    binding.vanish('stage')
    for (const outcome of await Promise.allSettled(requests)) {
      expect(outcome.status === 'rejected' && isError(outcome.reason, 'DeviceDisconnected')).toBe(true)
    }
    await expect(exchange.send(ask('four'))).rejects.toThrow('The connection on stage was lost')
    await expect(exchange.send(ask('halt', { priority: 'stop' }))).rejects.toSatisfy((error) => isError(error, 'DeviceDisconnected'))
    expect(lost).toEqual(['DeviceDisconnected'])
  })

  it('leaves no timer behind when it is disposed', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const request = exchange.send(ask('one', { timeoutMs: 60_000 }))
    const caught = request.catch((error: unknown) => error)
    await device.hears(1)
    exchange[Symbol.dispose]()
    expect(await caught).toSatisfy(isAbort)
    expect(timers()).toBeLessThanOrEqual(before)
  })
})

describe('a port', () => {
  it('says in words why it cannot be opened', async () => {
    const binding = new SimulatedBinding({ stage: new Puppet() })
    await expect(Port.open({ path: 'elsewhere', baudRate: 9600, binding })).rejects.toThrow(
      'The port elsewhere could not be opened: there is no such port.',
    )
    await using first = await Port.open({ path: 'stage', baudRate: 9600, binding })
    expect(first.isOpen).toBe(true)
    await expect(Port.open({ path: 'stage', baudRate: 9600, binding })).rejects.toThrow('another program is using it')
  })

  it('may be closed twice, and after it was lost', async () => {
    const binding = new SimulatedBinding({ stage: new Puppet() })
    const port = await Port.open({ path: 'stage', baudRate: 9600, binding })
    await Promise.all([port.close(), port.close()])
    const again = await Port.open({ path: 'stage', baudRate: 9600, binding })
    binding.vanish('stage')
    await sleep(5)
    expect(again.isOpen).toBe(false)
    await again.close()
    await again.close()
  })

  it('is not opened where that was cancelled', async () => {
    const binding = new SimulatedBinding({ stage: new Puppet() })
    await expect(Port.open({ path: 'stage', baudRate: 9600, binding }, AbortSignal.abort())).rejects.toSatisfy(isAbort)
  })
})
