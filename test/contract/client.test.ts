import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createAccess } from '#main/ipc/access.ts'
import { type HttpServer, startHttpServer } from '#main/ipc/http-server.ts'
import { webSocketTransport } from '#renderer/transports/web-socket.ts'
import { isAbort, isError } from '#shared/errors.ts'
import { createClient } from '#shared/rpc/client.ts'
import { memoryPair } from '#shared/rpc/memory.ts'
import { protocolVersion } from '#shared/rpc/wire.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { browserSocket, contract, cookieOf, soon, speakRaw } from './fixture.ts'

describe('the client', () => {
  failOnLeaks()

  const meetHost = (heartbeatMs = 0) => {
    const [page, host] = memoryPair()
    const problems: unknown[] = []
    const remote = createClient(contract, page, { heartbeatMs, onProblem: (problem) => problems.push(problem) })
    return { remote, problems, host: speakRaw(host), close: () => remote.close() }
  }

  it('gives up a host that does not answer any more', async () => {
    const { remote } = meetHost(20)
    const call = remote.call('wait', null).catch((error: unknown) => error)
    const answer = await call
    expect(isError(answer, 'ConnectionLost')).toBe(true)
    expect(String(answer)).toContain('does not answer any more')
  })

  it('stays with a host that gives a sign of life, also where nothing else is said', async () => {
    const { host, remote, close } = meetHost(20)
    let lost = false
    remote.onClose(() => {
      lost = true
    })
    const answering = setInterval(() => {
      if (host.of('ping').length > 0) host.send({ type: 'pong' })
    }, 5)
    await vi.waitFor(() => expect(host.of('ping').length).toBeGreaterThan(6), soon)
    clearInterval(answering)
    expect(lost).toBe(false)
    close()
  })

  it('leaves a host of another version, saying that the window must be reloaded', async () => {
    const { host, remote } = meetHost()
    const reason = new Promise<string>((resolve) => remote.onClose(resolve))
    host.send({ type: 'hello', version: protocolVersion + 1 })
    expect(await reason).toContain('Reload the window.')
    expect(isError(await remote.call('add', { a: 1, b: 1 }).catch((error: unknown) => error), 'ConnectionLost')).toBe(true)
  })

  it('reports what it cannot read and goes on', async () => {
    const { host, remote, problems, close } = meetHost()
    const sum = remote.call('add', { a: 1, b: 2 })
    for (const nonsense of [undefined, null, 7, {}, { type: 'result', id: 'one' }, { type: 'error', id: 1, error: { kind: 'toString' } }])
      host.send(nonsense)
    host.send({ type: 'result', id: 77, value: 'for nobody' })
    await vi.waitFor(() => expect(host.of('call')).toHaveLength(1), soon)
    host.send({ type: 'result', id: host.of('call')[0]?.id, value: 3 })
    expect(await sum).toBe(3)
    expect(problems.map((problem) => isError(problem, 'BadRequest'))).toEqual([true, true, true, true, true, true])
    close()
  })

  it('refuses to send what no wire can carry, and keeps no trace of it', async () => {
    const { host, remote, close } = meetHost()
    await expect(remote.call('echo', { f: () => 1 })).rejects.toThrow()
    expect(host.of('call')).toHaveLength(0)
    close()
  })
})

describe('the page’s WebSocket', () => {
  failOnLeaks()
  let server: HttpServer

  beforeEach(async () => {
    server = await startHttpServer({ rendererFolder: '/nowhere', access: createAccess(), onClient: () => undefined })
  })
  afterEach(() => server.close())

  const dial = (cookie: string, signal?: AbortSignal) =>
    webSocketTransport(`ws://127.0.0.1:${server.port}/rpc`, signal, (url) => browserSocket(url, cookie)).catch((error: unknown) => error)

  it('that the host refuses is ConnectionLost', async () => {
    expect(isError(await dial('deepscope=wrong'), 'ConnectionLost')).toBe(true)
  })

  it('where no host listens is ConnectionLost', async () => {
    const cookie = await cookieOf(server.url)
    await server.close()
    expect(isError(await dial(cookie), 'ConnectionLost')).toBe(true)
  })

  it('can be given up while it connects', async () => {
    const stop = new AbortController()
    const transport = dial(await cookieOf(server.url), stop.signal)
    stop.abort()
    expect(isAbort(await transport)).toBe(true)
    expect(isAbort(await dial('', AbortSignal.abort()))).toBe(true)
  })
})
