import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mulberry32 } from '#main/analysis/trust/perturb.ts'
import { Deliveries } from '#shared/rpc/deliveries.ts'
import type { ServerLimits } from '#shared/rpc/limits.ts'
import { portTransport } from '#shared/rpc/port.ts'
import { createCaller, serve } from '#shared/rpc/server.ts'
import { maxWindow, protocolVersion } from '#shared/rpc/wire.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { type Backend, contract, createBackend, type Link, soon, speakRaw, talk, wires } from './fixture.ts'

const hello = { type: 'hello', version: protocolVersion }

describe.each(wires)('a hostile client over $name', ({ open }) => {
  failOnLeaks()

  let wire: Awaited<ReturnType<typeof open>>
  let links: Link[]
  let backend: Backend

  beforeEach(async () => {
    wire = await open()
    links = []
    backend = createBackend()
  })

  afterEach(async () => {
    for (const { client, server } of links) {
      client.close()
      server.close()
    }
    await wire.close()
  })

  const attack = async (limits: Partial<ServerLimits> = {}) => {
    const link = await wire.connect()
    links.push(link)
    const problems: Error[] = []
    serve(contract, backend.services, link.server, createCaller(link.server, 'stranger'), {
      limits,
      onProblem: (error) => problems.push(error),
    })
    const raw = speakRaw(link.client)
    const settled = async (id = 9_999) => {
      raw.send({ type: 'call', id, name: 'add', input: { a: 1, b: 1 } })
      await vi.waitFor(() => expect(raw.of('result').some((message) => message.id === id)).toBe(true), soon)
    }
    return { raw, problems, link, settled }
  }

  /** The host still works for everybody else. */
  const expectHostIsWell = async () => {
    const link = await wire.connect()
    links.push(link)
    const { remote } = talk(link, backend)
    expect(await remote.call('add', { a: 20, b: 22 })).toBe(42)
  }

  it('that does not say which version it speaks is cut off', async () => {
    const { raw } = await attack()
    raw.send({ type: 'call', id: 1, name: 'add', input: { a: 1, b: 1 } })
    await vi.waitFor(() => expect(raw.of('bye')[0]?.reason).toContain('version'), soon)
    await vi.waitFor(() => expect(raw.reason).not.toBeNull(), soon)
    expect(raw.of('result')).toEqual([])
  })

  it('of another version is told to reload', async () => {
    const { raw } = await attack()
    raw.send({ type: 'hello', version: protocolVersion + 1 })
    await vi.waitFor(() => expect(raw.of('bye')[0]?.reason).toContain('Reload the window.'), soon)
  })

  it('that sends nonsense is answered where an answer is possible, and ignored elsewhere', async () => {
    const { raw, settled } = await attack()
    raw.send(hello)
    const nonsense: unknown[] = [
      null,
      42,
      'call',
      [],
      {},
      new Uint8Array(16),
      { type: 'nothing' },
      { type: 'call' },
      { type: 'call', id: 0, name: 'add' },
      { type: 'call', id: -1, name: 'add' },
      { type: 'call', id: 1.5, name: 'add' },
      { type: 'call', id: 1e300, name: 'add' },
      { type: 'call', id: '1', name: 'add' },
      { type: 'call', id: {}, name: 'add' },
      { type: 'frame', id: 1, header: {}, bytes: 'not binary' },
      { type: 'frame', id: 1, header: {}, bytes: [1, 2, 3] },
      { type: 'credit', id: 1, count: -1 },
      { type: 'credit', id: 1, count: 1e9 },
      { type: 'result', id: 1, value: 1 },
      { type: 'hello', version: 'one' },
      hello,
    ]
    for (const message of nonsense) raw.send(message)
    const answered: unknown[] = [
      { type: 'call', id: 11, name: ['add'], input: {} },
      { type: 'call', id: 12, name: 'x'.repeat(201), input: {} },
      { type: 'call', id: 13, name: 'nothing', input: {} },
      { type: 'call', id: 14, name: 'add', input: new Uint8Array(8) },
      { type: 'call', id: 15, name: 'add', input: JSON.parse('{"a":1,"b":2,"__proto__":{"c":3}}') },
      { type: 'subscribe', id: 16, name: 'add' },
      { type: 'subscribe', id: 17, name: '__proto__' },
      { type: 'open', id: 18, name: 'state', params: {}, window: 2 },
      { type: 'open', id: 19, name: 'preview', params: { kind: 'raw' }, window: maxWindow + 1 },
      { type: 'open', id: 20, name: 'preview', params: { kind: 'raw' }, window: 0 },
    ]
    for (const message of answered) raw.send(message)
    await settled()
    const errors = raw.of('error').map(({ id, error }) => [id, (error as { kind: string }).kind])
    expect(errors).toEqual(answered.map((_, index) => [11 + index, 'BadRequest']))
    expect(backend.seen.previews).toBe(0)
    await expectHostIsWell()
  })

  it('cannot reach the prototype of anything', async () => {
    const { raw, settled } = await attack()
    raw.send(hello)
    for (const text of ['{"__proto__":{"polluted":true}}', '{"constructor":{"prototype":{"polluted":true}}}']) {
      raw.send({ type: 'call', id: 1, name: 'echo', input: JSON.parse(text) })
    }
    await settled()
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it('that nests without end is refused', async () => {
    const { raw, settled } = await attack()
    raw.send(hello)
    let deep: unknown = 1
    for (let depth = 0; depth < 1000; depth++) deep = [deep]
    raw.send({ type: 'call', id: 1, name: 'echo', input: deep })
    await settled()
    expect(raw.of('error')).toMatchObject([{ id: 1, error: { kind: 'BadRequest' } }])
  })

  it('that uses an id twice does not disturb the first use', async () => {
    const { raw, settled } = await attack()
    raw.send(hello)
    raw.send({ type: 'call', id: 5, name: 'wait', input: null })
    raw.send({ type: 'call', id: 5, name: 'add', input: { a: 1, b: 1 } })
    raw.send({ type: 'subscribe', id: 5, name: 'state' })
    raw.send({ type: 'open', id: 5, name: 'preview', params: { kind: 'raw' }, window: 2 })
    await settled()
    expect(raw.received.filter(({ id }) => id === 5)).toEqual([])
    expect([backend.seen.waiting, backend.seen.subscribers, backend.seen.previews]).toEqual([1, 0, 0])
  })

  it('that gives credits it was not asked for gets no more frames than its window', async () => {
    const { raw, settled } = await attack()
    raw.send(hello)
    raw.send({ type: 'open', id: 1, name: 'dataset', params: { frames: 100 }, window: 2 })
    for (let n = 0; n < 20; n++) raw.send({ type: 'credit', id: 1, count: 64 })
    await settled()
    expect(raw.of('frame')).toHaveLength(2)
  })

  it('that sends frames without credit is not listened to', async () => {
    const { raw, settled } = await attack()
    let release: () => void = () => undefined
    backend.seen.uploadGate = new Promise((resolve) => {
      release = resolve
    })
    raw.send(hello)
    raw.send({ type: 'open', id: 1, name: 'upload', params: { name: 'x' }, window: 2 })
    for (let n = 0; n < 20; n++) raw.send({ type: 'frame', id: 1, header: { n }, bytes: new Uint8Array([n]) })
    await settled()
    release()
    await vi.waitFor(() => expect(backend.seen.uploaded.map(({ n }) => n)).toEqual([0, 1]), soon)
  })

  it('that sends nothing but nonsense is cut off with a reason', async () => {
    const { raw, problems } = await attack({ malformed: 10 })
    raw.send(hello)
    for (let n = 0; n < 50; n++) raw.send({ type: 'nonsense' })
    await vi.waitFor(() => expect(raw.of('bye')[0]?.reason).toContain('too many malformed messages'), soon)
    await vi.waitFor(() => expect(raw.reason).not.toBeNull(), soon)
    expect(problems).toHaveLength(1)
    expect(problems[0]?.message).toContain('stranger')
    await expectHostIsWell()
  })

  it('that floods is cut off with a reason, and its calls end', async () => {
    const { raw } = await attack({ messagesPerSecond: 200 })
    raw.send(hello)
    raw.send({ type: 'call', id: 1, name: 'wait', input: null })
    for (let n = 2; n < 2000; n++) raw.send({ type: 'call', id: n, name: 'add', input: { a: n, b: n } })
    await vi.waitFor(() => expect(raw.of('bye')[0]?.reason).toContain('too many requests'), soon)
    await vi.waitFor(() => expect([backend.seen.waiting, backend.seen.aborted]).toEqual([0, 1]), soon)
    expect(raw.of('result').length).toBeLessThan(500)
    await expectHostIsWell()
  })

  it('that opens more and more is told Busy', async () => {
    const { raw } = await attack({ streams: 3, subscriptions: 4, calls: 5 })
    raw.send(hello)
    for (let n = 0; n < 10; n++) {
      raw.send({ type: 'open', id: 100 + n, name: 'preview', params: { kind: 'raw' }, window: 2 })
      raw.send({ type: 'subscribe', id: 200 + n, name: 'state' })
      raw.send({ type: 'call', id: 300 + n, name: 'wait', input: null })
    }
    raw.send({ type: 'ping' })
    await vi.waitFor(() => expect(raw.of('pong')).toHaveLength(1), soon)
    expect([backend.seen.previews, backend.seen.subscribers, backend.seen.waiting]).toEqual([3, 4, 5])
    expect(raw.of('error').map(({ error }) => (error as { kind: string }).kind)).toEqual(Array.from({ length: 7 + 6 + 5 }, () => 'Busy'))
  })

  it('that sends more bytes ahead than may wait is cut off', async () => {
    const { raw } = await attack({ pendingBytes: 1000 })
    raw.send(hello)
    backend.seen.uploadGate = new Promise(() => undefined)
    raw.send({ type: 'open', id: 1, name: 'upload', params: { name: 'x' }, window: 2 })
    raw.send({ type: 'frame', id: 1, header: { n: 0 }, bytes: new Uint8Array(600) })
    raw.send({ type: 'frame', id: 1, header: { n: 1 }, bytes: new Uint8Array(600) })
    await vi.waitFor(() => expect(raw.of('bye')[0]?.reason).toContain('1000 bytes ahead'), soon)
  })

  it('may send bytes again once the earlier ones were handled, or their stream was closed', async () => {
    const { raw, settled } = await attack({ pendingBytes: 1000 })
    raw.send(hello)
    for (let id = 1; id <= 6; id++) {
      // Even ones are taken by the service, odd ones are closed while it still holds them.
      backend.seen.uploadGate = id % 2 ? new Promise(() => undefined) : null
      raw.send({ type: 'open', id, name: 'upload', params: { name: 'first only' }, window: 2 })
      raw.send({ type: 'frame', id, header: { n: id }, bytes: new Uint8Array(400) })
      raw.send({ type: 'frame', id, header: { n: id }, bytes: new Uint8Array(400) })
      if (id % 2) raw.send({ type: 'close', id })
      await settled(1000 + id)
    }
    expect(raw.reason).toBeNull()
  })

  it('that sends random messages (2,000, seeded) neither stops the host nor leaves anything open', async () => {
    const random = mulberry32(20261123)
    const pick = <T>(...values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
    const value = (depth = 0): unknown =>
      pick<() => unknown>(
        () => null,
        () => random() * 1e6 - 5e5,
        () => Math.floor(random() * 8),
        () => pick('', 'raw', '__proto__', 'x'.repeat(500), '\u0000', '\ud800'),
        () => random() < 0.5,
        () => new Uint8Array(Math.floor(random() * 100)),
        () => new Float64Array(3),
        () => (depth > 3 ? [] : Array.from({ length: Math.floor(random() * 4) }, () => value(depth + 1))),
        () => (depth > 3 ? {} : { [pick('a', 'b', 'n', 'kind', 'name', 'constructor')]: value(depth + 1) }),
      )()
    const { raw, link } = await attack({ malformed: Number.POSITIVE_INFINITY, messagesPerSecond: 1e6 })
    raw.send(hello)
    for (let n = 0; n < 2000; n++) {
      const message: Record<string, unknown> = {
        type: pick('call', 'abort', 'subscribe', 'unsubscribe', 'open', 'frame', 'credit', 'end', 'close', 'ping', 'result', value()),
        id: random() < 0.8 ? Math.ceil(random() * 12) : value(),
        name: random() < 0.9 ? pick(...Object.keys(contract)) : value(),
        input: random() < 0.3 ? null : value(),
        params: pick<unknown>({ kind: 'raw' }, { frames: 3 }, { name: 'x' }, value()),
        header: pick<unknown>({ n: 1 }, value()),
        bytes: random() < 0.7 ? new Uint8Array(8) : value(),
        window: pick<unknown>(1, 2, 64, value()),
        count: pick<unknown>(1, 2, value()),
      }
      for (const key of Object.keys(message)) if (random() < 0.05) delete message[key]
      raw.send(message)
    }
    raw.send({ type: 'ping' })
    await vi.waitFor(() => expect(raw.of('pong').length).toBeGreaterThan(0), soon)
    expect(raw.reason).toBeNull()
    link.client.close()
    await vi.waitFor(() => expect([backend.seen.waiting, backend.seen.subscribers, backend.seen.previews]).toEqual([0, 0, 0]), soon)
    await expectHostIsWell()
  })
})

describe('a hostile client that can send any object', () => {
  it('gets BadRequest for maps, dates, errors, big integers, shared memory and arrays of holes', () => {
    const deliveries = new Deliveries()
    const sent: Record<string, unknown>[] = []
    const transport = {
      ...portTransport(deliveries, { close: () => undefined }, (message) => sent.push(message as Record<string, unknown>)),
    }
    serve(contract, createBackend().services, transport, createCaller(transport))
    deliveries.deliver(hello)
    const strange: unknown[] = [
      new Map([['a', 1]]),
      new Set([1]),
      new Date(0),
      new Error('x'),
      10n,
      { nested: [new Map()] },
      new SharedArrayBuffer(8),
      new Uint8Array(new SharedArrayBuffer(8)),
      new Array(4_000_000_000),
      new ArrayBuffer(8),
      new DataView(new ArrayBuffer(8)),
    ]
    strange.forEach((input, index) => {
      deliveries.deliver({ type: 'call', id: index + 1, name: 'echo', input })
    })
    const errors = sent.filter(({ type }) => type === 'error')
    expect(errors.map(({ id, error }) => [id, (error as { kind: string }).kind])).toEqual(
      strange.map((_, index) => [index + 1, 'BadRequest']),
    )
  })

  it('that does not take what it asked for is cut off', async () => {
    const [memory] = wires
    const link = await (await memory?.open())?.connect()
    if (!link) throw new Error('no link')
    const backend = createBackend()
    const stalled = { ...bound(link.server), bufferedBytes: 2000 }
    serve(contract, backend.services, stalled, createCaller(stalled), { limits: { unreadBytes: 1000 } })
    const raw = speakRaw(link.client)
    raw.send(hello)
    raw.send({ type: 'call', id: 1, name: 'add', input: { a: 1, b: 1 } })
    await vi.waitFor(() => expect(raw.of('bye')[0]?.reason).toContain('does not take what it asked for'), soon)
  })

  it('of a slow network gets one frame at a time, so that answers still get through', async () => {
    const [memory] = wires
    const link = await (await memory?.open())?.connect()
    if (!link) throw new Error('no link')
    const backend = createBackend()
    const full = { ...bound(link.server), bufferedBytes: 2000 }
    serve(contract, backend.services, full, createCaller(full), { limits: { holdBytes: 1000 } })
    const raw = speakRaw(link.client)
    raw.send(hello)
    raw.send({ type: 'open', id: 1, name: 'dataset', params: { frames: 3 }, window: 4 })
    raw.send({ type: 'call', id: 2, name: 'add', input: { a: 1, b: 1 } })
    await vi.waitFor(() => expect(raw.of('result')).toHaveLength(1), soon)
    for (let n = 1; n <= 3; n++) {
      expect(raw.of('frame')).toHaveLength(n)
      raw.send({ type: 'credit', id: 1, count: 1 })
      if (n < 3) await vi.waitFor(() => expect(raw.of('frame')).toHaveLength(n + 1), soon)
    }
    await vi.waitFor(() => expect(raw.of('end')).toHaveLength(1), soon)
    link.client.close()
  })
})

function bound(transport: Link['server']): Link['server'] {
  return {
    send: (message, transfer) => transport.send(message, transfer),
    onMessage: (listener) => transport.onMessage(listener),
    onClose: (listener) => transport.onClose(listener),
    close: (reason) => transport.close(reason),
    bufferedBytes: 0,
  }
}
