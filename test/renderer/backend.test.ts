import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backend } from '#renderer/backend.ts'
import type { Api } from '#shared/api.ts'
import { Emitter } from '#shared/emitter.ts'
import { AppError } from '#shared/errors.ts'
import type { Remote } from '#shared/rpc/remote.ts'

/** A line that answers `client.hello` and announces one topic value to each watcher. */
class Line {
  readonly closes = new Emitter<string>()
  readonly watched: string[] = []
  stopped = 0

  constructor(readonly client: string) {}

  get remote(): Remote<Api> {
    return {
      call: async () => ({ client: this.client }),
      watch: (name: string, listener: (value: unknown) => void) => {
        this.watched.push(name)
        listener({ count: 1, writer: this.client })
        return () => this.stopped++
      },
      onClose: (listener: (reason: string) => void) => this.closes.on(listener),
      close: () => undefined,
    } as unknown as Remote<Api>
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('the window’s line to the host', () => {
  it('watches again after a reconnection, and hears the present value first', async () => {
    const lines = [new Line('one'), new Line('two')]
    let next = 0
    const backend = new Backend(async () => (lines[next++] as Line).remote)
    const writers: unknown[] = []
    backend.watch('clients.state', ({ writer }) => writers.push(writer))
    backend.start()
    await vi.advanceTimersByTimeAsync(0)
    expect(backend.connection.value).toMatchObject({ status: 'connected', client: 'one' })
    lines[0]?.closes.emit('The cable was pulled.')
    expect(backend.connection.value).toMatchObject({ status: 'lost', reason: 'The cable was pulled.', attempt: 1 })
    await vi.advanceTimersByTimeAsync(250)
    expect(backend.connection.value).toMatchObject({ status: 'connected', client: 'two', attempt: 0 })
    expect(writers).toEqual(['one', 'two'])
    backend.close()
  })

  it('waits longer after each failed try, and starts over once connected', async () => {
    let tries = 0
    const backend = new Backend(async () => {
      tries++
      throw new AppError('ConnectionLost', 'The microscope host cannot be reached.')
    })
    backend.start()
    const after = async (ms: number) => {
      await vi.advanceTimersByTimeAsync(ms)
      return tries
    }
    expect(await after(0)).toBe(1)
    expect(await after(249)).toBe(1)
    expect(await after(1)).toBe(2)
    expect(await after(499)).toBe(2)
    expect(await after(1)).toBe(3)
    expect(await after(1000)).toBe(4)
    expect(await after(2000)).toBe(5)
    expect(await after(4000)).toBe(6)
    expect(await after(4000)).toBe(7)
    backend.close()
    expect(await after(60_000)).toBe(7)
  })

  it('tries at once when a person asks', async () => {
    let tries = 0
    const backend = new Backend(async () => {
      tries++
      throw new Error('no')
    })
    backend.start()
    await vi.advanceTimersByTimeAsync(0)
    backend.retryNow()
    await vi.advanceTimersByTimeAsync(0)
    expect(tries).toBe(2)
    backend.close()
  })

  it('refuses calls with ConnectionLost while there is no line', async () => {
    const backend = new Backend(() => new Promise(() => undefined))
    backend.start()
    await expect(backend.call('live.start', null)).rejects.toMatchObject({ kind: 'ConnectionLost' })
    backend.close()
  })

  it('does not watch what was let go of in the meantime', async () => {
    const lines = [new Line('one'), new Line('two')]
    let next = 0
    const backend = new Backend(async () => (lines[next++] as Line).remote)
    const stop = backend.watch('live.state', () => undefined)
    backend.start()
    await vi.advanceTimersByTimeAsync(0)
    stop()
    expect(lines[0]?.stopped).toBe(1)
    lines[0]?.closes.emit('gone')
    await vi.advanceTimersByTimeAsync(250)
    expect(lines[1]?.watched).toEqual([])
    backend.close()
  })
})
