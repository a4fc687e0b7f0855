import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isAbort, isError } from '#shared/errors.ts'
import type { StreamFrame } from '#shared/rpc/remote.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { type Backend, createBackend, type Link, soon, talk, wires } from './fixture.ts'

describe.each(wires)('the contract over $name', ({ open }) => {
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

  const connect = async (options: Parameters<typeof talk>[2] = {}) => {
    const link = await wire.connect()
    links.push(link)
    return { link, ...talk(link, backend, options) }
  }

  describe('calls', () => {
    it('answer with what the service returned', async () => {
      const { remote } = await connect()
      expect(await remote.call('add', { a: 2, b: 40 })).toBe(42)
    })

    it('run side by side, each with its own answer', async () => {
      const { remote } = await connect()
      const sums = await Promise.all(Array.from({ length: 50 }, (_, n) => remote.call('add', { a: n, b: 1 })))
      expect(sums).toEqual(Array.from({ length: 50 }, (_, n) => n + 1))
    })

    it('refuse an input that breaks its schema, naming the field', async () => {
      const { remote } = await connect()
      const answer = await remote.call('add', { a: 1, b: 'two' as unknown as number }).catch((error: unknown) => error)
      expect(isError(answer, 'BadRequest')).toBe(true)
      expect((answer as Error).message).toContain('b: ')
    })

    it('report a service whose answer breaks the contract instead of passing it on', async () => {
      const { remote, serverProblems } = await connect()
      const answer = await remote.call('lie', null).catch((error: unknown) => error)
      expect(isError(answer, 'Internal')).toBe(true)
      expect(serverProblems).toHaveLength(1)
    })

    it('leave out what the contract does not promise', async () => {
      const { remote } = await connect()
      expect(await remote.call('secret', null)).toEqual({ open: 'yes' })
    })

    it('refuse a name that is not in the contract, also those every object has', async () => {
      const { remote } = await connect()
      for (const name of ['nothing', 'toString', '__proto__', 'constructor', 'state', 'preview']) {
        const answer = await remote.call(name as 'add', { a: 1, b: 2 }).catch((error: unknown) => error)
        expect(isError(answer, 'BadRequest'), name).toBe(true)
      }
    })

    it('that change things are for the window in control only', async () => {
      const { remote } = await connect({ client: 'watcher' })
      backend.seen.writer = 'somebody else'
      const answer = await remote.call('write', null).catch((error: unknown) => error)
      expect(isError(answer, 'NotPermitted')).toBe(true)
      backend.seen.writer = 'watcher'
      expect(await remote.call('write', null)).toBeNull()
    })

    it('beyond the limit are refused with Busy, and there is room again when others have ended', async () => {
      const { remote } = await connect({ limits: { calls: 2 } })
      const stop = new AbortController()
      const held = [0, 1].map(() => remote.call('wait', null, stop.signal).catch((error: unknown) => error))
      await vi.waitFor(() => expect(backend.seen.waiting).toBe(2), soon)
      const answer = await remote.call('add', { a: 1, b: 1 }).catch((error: unknown) => error)
      expect(isError(answer, 'Busy')).toBe(true)
      stop.abort()
      expect((await Promise.all(held)).every(isAbort)).toBe(true)
      await vi.waitFor(async () => expect(await remote.call('add', { a: 1, b: 1 })).toBe(2), soon)
    })
  })

  describe('errors', () => {
    it('arrive with kind, facts and the chain of causes', async () => {
      const { remote } = await connect()
      const error = await remote.call('fail', { how: 'device' }).catch((reason: unknown) => reason)
      expect(error).toMatchObject({
        name: 'AppError',
        kind: 'OutOfRange',
        message: 'x = 9 is beyond 5.',
        info: { x: 9, limits: [0, 5] },
        cause: { kind: 'DeviceTimeout', info: { port: 'A' }, cause: { kind: 'Internal', message: 'the cable' } },
      })
    })

    it('of unknown origin become Internal, a cancelled task an AbortError', async () => {
      const { remote } = await connect()
      const unknown = await remote.call('fail', { how: 'unknown' }).catch((reason: unknown) => reason)
      expect(unknown).toMatchObject({ kind: 'Internal', message: 'a screw is loose' })
      expect(isAbort(await remote.call('fail', { how: 'abort' }).catch((reason: unknown) => reason))).toBe(true)
    })
  })

  describe('abort', () => {
    it('rejects the call at once and reaches the service', async () => {
      const { remote } = await connect()
      const stop = new AbortController()
      const answer = remote.call('wait', null, stop.signal).catch((error: unknown) => error)
      await vi.waitFor(() => expect(backend.seen.waiting).toBe(1), soon)
      stop.abort()
      expect(isAbort(await answer)).toBe(true)
      await vi.waitFor(() => expect(backend.seen.aborted).toBe(1), soon)
    })

    it('before the call keeps it from being made', async () => {
      const { remote } = await connect()
      expect(isAbort(await remote.call('wait', null, AbortSignal.abort()).catch((error: unknown) => error))).toBe(true)
      await remote.call('add', { a: 1, b: 1 })
      expect(backend.seen.waiting).toBe(0)
    })
  })

  describe('topics', () => {
    it('give the present value first, then every later one until unsubscribed', async () => {
      const { remote } = await connect()
      backend.seen.state.set({ n: 7, text: 'present' })
      const values: number[] = []
      const stop = remote.watch('state', ({ n }) => values.push(n))
      await vi.waitFor(() => expect(values).toEqual([7]), soon)
      backend.seen.state.patch({ n: 8 })
      await vi.waitFor(() => expect(values).toEqual([7, 8]), soon)
      stop()
      await vi.waitFor(() => expect(backend.seen.subscribers).toBe(0), soon)
      backend.seen.state.patch({ n: 9 })
      await remote.call('add', { a: 0, b: 0 })
      expect(values).toEqual([7, 8])
    })

    it('give a client that comes back the present value', async () => {
      const first = await connect()
      const values: number[] = []
      first.remote.watch('state', ({ n }) => values.push(n))
      await vi.waitFor(() => expect(values).toEqual([0]), soon)
      first.link.client.close()
      await vi.waitFor(() => expect(backend.seen.subscribers).toBe(0), soon)
      backend.seen.state.patch({ n: 5 })
      const second = await connect()
      second.remote.watch('state', ({ n }) => values.push(n))
      await vi.waitFor(() => expect(values).toEqual([0, 5]), soon)
    })

    it('skip to the newest value for a client that is slow', async () => {
      const { remote } = await connect()
      const values: number[] = []
      remote.watch('state', ({ n }) => values.push(n))
      await vi.waitFor(() => expect(values).toEqual([0]), soon)
      // A round trip: the host now knows that the present value was taken.
      await remote.call('add', { a: 0, b: 0 })
      for (let n = 1; n <= 1000; n++) backend.seen.state.patch({ n })
      await vi.waitFor(() => expect(values.at(-1)).toBe(1000), soon)
      // The first change goes at once, the last when that one has been taken; the 998 between are of no use any more.
      expect(values).toEqual([0, 1, 1000])
    })

    it('go on for others when a listener throws', async () => {
      const { remote, problems } = await connect()
      const values: number[] = []
      remote.watch('state', () => {
        throw new Error('a view is broken')
      })
      remote.watch('state', ({ n }) => values.push(n))
      await vi.waitFor(() => expect(values).toEqual([0]), soon)
      backend.seen.state.patch({ n: 1 })
      await vi.waitFor(() => expect(values).toEqual([0, 1]), soon)
      expect(problems).toHaveLength(2)
    })

    it('tell of a value that breaks the contract', async () => {
      const { remote, problems } = await connect()
      backend.seen.state.set({ n: 0.5, text: 'not an integer' })
      remote.watch('state', () => undefined)
      await vi.waitFor(() => expect(isError(problems[0], 'Internal')).toBe(true), soon)
      expect(backend.seen.subscribers).toBe(0)
    })
  })

  describe('streams to the client', () => {
    const collect = async (window?: number) => {
      const connection = await connect(window === undefined ? {} : { window })
      const frames: StreamFrame<{ n: number }>[] = []
      const gates: (() => void)[] = []
      const stop = connection.remote.receive('preview', { kind: 'raw' }, async (frame) => {
        frames.push(frame)
        await new Promise<void>((resolve) => gates.push(resolve))
      })
      await vi.waitFor(() => expect(backend.seen.previews).toBe(1), soon)
      return { ...connection, frames, gates, stop }
    }

    it('send no more frames than the window, then the newest, and count the rest as dropped', async () => {
      const { remote, frames, gates } = await collect()
      for (let n = 0; n < 10; n++) backend.seen.frames.emit({ header: { n }, bytes: new Uint8Array([n]) })
      await remote.call('add', { a: 0, b: 0 })
      const sink = backend.seen.previewSinks[0]
      // 0 and 1 are under way, 9 waits, 2 to 8 were replaced.
      expect(sink?.dropped).toBe(7)
      for (let handled = 1; handled <= 2; handled++) {
        gates.shift()?.()
        await vi.waitFor(() => expect(frames).toHaveLength(handled + 1), soon)
      }
      expect(frames.map(({ header }) => header.n)).toEqual([0, 1, 9])
      gates.shift()?.()
    })

    it('make a frame only when it goes', async () => {
      const { remote, frames, gates } = await collect(1)
      const sink = backend.seen.previewSinks[0]
      const made: number[] = []
      for (let n = 0; n < 5; n++) {
        void sink?.send(() => {
          made.push(n)
          return { header: { n: sink.dropped }, bytes: new Uint8Array([n]) }
        })
      }
      await remote.call('add', { a: 0, b: 0 })
      expect(made).toEqual([0])
      gates.shift()?.()
      await vi.waitFor(
        () =>
          expect(frames.map(({ header, bytes }) => [header.n, bytes[0]])).toEqual([
            [0, 0],
            [3, 4],
          ]),
        soon,
      )
      gates.shift()?.()
    })

    it('end when the client stops listening', async () => {
      const { gates, stop } = await collect()
      stop()
      await vi.waitFor(() => expect(backend.seen.previews).toBe(0), soon)
      expect(backend.seen.previewSinks[0]?.closed.aborted).toBe(true)
      expect(
        isAbort(await backend.seen.previewSinks[0]?.send({ header: { n: 1 }, bytes: new Uint8Array() }).catch((e: unknown) => e)),
      ).toBe(true)
      gates.shift()?.()
    })

    it('of datasets lose nothing, keep the order, wait for the client, and end', async () => {
      const { remote } = await connect()
      const numbers: number[] = []
      const end = new Promise<Error | undefined>((resolve) => {
        remote.receive(
          'dataset',
          { frames: 40 },
          async ({ header, bytes }) => {
            expect(bytes).toEqual(new Uint8Array([header.n]))
            // Two under way and one that the producer holds in its hand.
            expect(backend.seen.sent).toBeLessThanOrEqual(numbers.length + 3)
            numbers.push(header.n)
            await new Promise((done) => setImmediate(done))
          },
          resolve,
        )
      })
      expect(await end).toBeUndefined()
      expect(numbers).toEqual(Array.from({ length: 40 }, (_, n) => n))
    })

    it('end with the error of a client that cannot handle a frame', async () => {
      const { remote } = await connect()
      const end = new Promise<Error | undefined>((resolve) => {
        remote.receive(
          'dataset',
          { frames: 10 },
          () => {
            throw new Error('no room to draw')
          },
          resolve,
        )
      })
      expect((await end)?.message).toBe('no room to draw')
    })

    it('refuse parameters and headers that break their schema', async () => {
      const { remote } = await connect()
      const wrong = new Promise<Error | undefined>((resolve) => {
        remote.receive('preview', { kind: 3 as unknown as string }, () => undefined, resolve)
      })
      expect(isError(await wrong, 'BadRequest')).toBe(true)
      const broken = new Promise<Error | undefined>((resolve) => {
        remote.receive('preview', { kind: 'raw' }, () => undefined, resolve)
      })
      await vi.waitFor(() => expect(backend.seen.previews).toBe(1), soon)
      backend.seen.frames.emit({ header: { n: 0.5 }, bytes: new Uint8Array() })
      expect(isError(await broken, 'Internal')).toBe(true)
      expect(backend.seen.previews).toBe(0)
    })
  })

  describe('streams to the host', () => {
    it('deliver every frame in order and answer at the end', async () => {
      const { remote } = await connect()
      const sink = remote.send('upload', { name: 'cells.tif' })
      for (let n = 0; n < 20; n++) await sink.send({ header: { n }, bytes: new Uint8Array([n, 255 - n]) })
      sink.end()
      await sink.finished
      expect(backend.seen.uploaded.map(({ n }) => n)).toEqual(Array.from({ length: 20 }, (_, n) => n))
      expect(backend.seen.uploaded[19]?.bytes).toEqual(new Uint8Array([19, 236]))
    })

    it('make the client wait while the host is busy', async () => {
      const { remote } = await connect()
      let open: () => void = () => undefined
      backend.seen.uploadGate = new Promise((resolve) => {
        open = resolve
      })
      const sink = remote.send('upload', { name: 'cells.tif' })
      await sink.send({ header: { n: 0 }, bytes: new Uint8Array(1) })
      let through = false
      const second = sink.send({ header: { n: 1 }, bytes: new Uint8Array(1) }).then(() => {
        through = true
      })
      await remote.call('add', { a: 0, b: 0 })
      expect(through).toBe(false)
      open()
      await second
      sink.end()
      await sink.finished
      expect(backend.seen.uploaded).toHaveLength(2)
    })

    it('end early when the host has enough, without an error', async () => {
      const { remote } = await connect()
      const sink = remote.send('upload', { name: 'first only' })
      await sink.send({ header: { n: 0 }, bytes: new Uint8Array(1) })
      await sink.finished
      expect(sink.closed.aborted).toBe(true)
      expect(backend.seen.uploaded).toHaveLength(1)
    })

    it('tell the client why the host refuses', async () => {
      const { remote } = await connect()
      const sink = remote.send('upload', { name: 'forbidden' })
      expect(isError(await sink.finished.catch((error: unknown) => error), 'StorageFull')).toBe(true)
      expect(isError(await sink.send({ header: { n: 0 }, bytes: new Uint8Array() }).catch((error: unknown) => error), 'StorageFull')).toBe(
        true,
      )
    })

    it('refuse a header that breaks its schema', async () => {
      const { remote } = await connect()
      const sink = remote.send('upload', { name: 'cells.tif' })
      sink.send({ header: { n: 'one' as unknown as number }, bytes: new Uint8Array() }).catch(() => undefined)
      expect(isError(await sink.finished.catch((error: unknown) => error), 'BadRequest')).toBe(true)
      await vi.waitFor(() => expect(backend.seen.uploadEnds).toEqual(['AppError']), soon)
    })

    it('that change things are for the window in control only', async () => {
      const { remote } = await connect()
      const sink = remote.send('control', null)
      expect(isError(await sink.finished.catch((error: unknown) => error), 'NotPermitted')).toBe(true)
    })
  })

  describe('typed arrays', () => {
    it('of every type survive anywhere in a value, partial views too', async () => {
      const { remote } = await connect()
      const shared = new Uint16Array([1, 2, 3, 4, 5])
      const value = {
        a: new Uint8Array([1, 2, 255]),
        b: [new Float32Array([0.5, Number.NaN, Number.POSITIVE_INFINITY]), { c: new Float64Array([Math.PI]) }],
        d: shared.subarray(1, 4),
        e: new Int32Array([-1]),
        f: new BigInt64Array([-(2n ** 62n)]),
        g: new Uint8ClampedArray([7]),
        h: new Int8Array(0),
        text: 'µm – 20×',
        nothing: null,
        list: [1, [2, [3]]],
      }
      expect(await remote.call('echo', value)).toStrictEqual(value)
      expect(shared).toEqual(new Uint16Array([1, 2, 3, 4, 5]))
      const bare = await remote.call('echo', new Int16Array([-2, 3]))
      expect(bare).toStrictEqual(new Int16Array([-2, 3]))
    })

    it('take along nothing of the buffer they are a part of', async () => {
      const { remote } = await connect()
      const secret = Buffer.from('the next request holds a password')
      const answer = (await remote.call('echo', { bytes: new Uint8Array(secret.buffer, secret.byteOffset, 3) })) as { bytes: Uint8Array }
      expect(Buffer.from(answer.bytes.buffer).includes('password')).toBe(false)
    })

    it('of 8 MiB go both ways, and the sender keeps its own', async () => {
      const { remote } = await connect()
      const bytes = new Uint8Array(randomBytes(8 * 2 ** 20))
      const expected = bytes.slice()
      const got: Uint8Array[] = []
      remote.receive('preview', { kind: 'raw' }, (frame) => void got.push(frame.bytes))
      await vi.waitFor(() => expect(backend.seen.previews).toBe(1), soon)
      backend.seen.frames.emit({ header: { n: 0 }, bytes })
      const sink = remote.send('upload', { name: 'large' })
      await sink.send({ header: { n: 0 }, bytes })
      sink.end()
      await sink.finished
      await vi.waitFor(() => expect(got).toHaveLength(1), soon)
      for (const array of [bytes, got[0], backend.seen.uploaded[0]?.bytes]) expect(array && Buffer.compare(array, expected)).toBe(0)
    })
  })

  describe('a lost connection', () => {
    it.each(['client', 'server'] as const)('(closed by the %s) ends everything on both sides', async (side) => {
      const { link, remote } = await connect()
      const pending = remote.call('wait', null).catch((error: unknown) => error)
      remote.watch('state', () => undefined)
      const streamEnd = new Promise<Error | undefined>((resolve) => {
        remote.receive('preview', { kind: 'raw' }, () => undefined, resolve)
      })
      const sink = remote.send('upload', { name: 'cut off' })
      await sink.send({ header: { n: 0 }, bytes: new Uint8Array(1) })
      await vi.waitFor(() => expect([backend.seen.waiting, backend.seen.subscribers, backend.seen.previews]).toEqual([1, 1, 1]), soon)
      const reasons: string[] = []
      remote.onClose((reason) => reasons.push(reason))
      link[side].close('the cable was pulled')

      expect(isError(await pending, 'ConnectionLost')).toBe(true)
      expect(isError(await streamEnd, 'ConnectionLost')).toBe(true)
      expect(isError(await sink.finished.catch((error: unknown) => error), 'ConnectionLost')).toBe(true)
      await vi.waitFor(
        () => expect(backend.seen).toMatchObject({ waiting: 0, aborted: 1, subscribers: 0, previews: 0, uploadEnds: ['AppError'] }),
        soon,
      )
      expect(reasons).toHaveLength(1)
      expect(isError(await remote.call('add', { a: 1, b: 1 }).catch((error: unknown) => error), 'ConnectionLost')).toBe(true)
      const late: string[] = []
      remote.onClose((reason) => late.push(reason))
      expect(late).toEqual(reasons)
    })

    it('by the host says why', async () => {
      const { remote, server } = await connect()
      const reason = new Promise<string>((resolve) => remote.onClose(resolve))
      await remote.call('add', { a: 1, b: 1 })
      server[Symbol.dispose]()
      expect(await reason).toBe('The host is closing.')
    })
  })
})
