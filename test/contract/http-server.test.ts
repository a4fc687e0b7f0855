import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createAccess } from '#main/ipc/access.ts'
import { type HttpServer, type HttpServerOptions, startHttpServer } from '#main/ipc/http-server.ts'
import { renderPage } from '#main/ipc/page.ts'
import { isError } from '#shared/errors.ts'
import type { Caller } from '#shared/rpc/remote.ts'
import type { Transport } from '#shared/rpc/transport.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { cookieOf } from './fixture.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

describe('the web server', () => {
  failOnLeaks()

  let folder: string
  let server: HttpServer
  let clients: { transport: Transport; caller: Caller }[]
  const extra: HttpServer[] = []
  const sockets: WebSocket[] = []

  const start = async (options: Partial<HttpServerOptions> = {}) => {
    const started = await startHttpServer({
      rendererFolder: join(folder, 'page'),
      access: createAccess(['scope.lab']),
      onClient: (transport, caller) => clients.push({ transport, caller }),
      ...options,
    })
    extra.push(started)
    return started
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'deepscope-page-'))
    await mkdir(join(folder, 'page', 'assets'), { recursive: true })
    await writeFile(join(folder, 'page', 'index.html'), '<!doctype html><title>Deepscope</title>')
    await writeFile(join(folder, 'page', 'assets', 'app-1a2b.js'), 'export {}')
    await writeFile(join(folder, 'page', '.env.js'), 'hidden')
    await writeFile(join(folder, 'secret.txt'), 'outside')
    await symlink(join(folder, 'secret.txt'), join(folder, 'page', 'link.txt'))
    clients = []
    server = await start()
  })

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.terminate()
    for (const each of extra.splice(0)) await each.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** A request exactly as written: `fetch` would tidy up paths and hosts. */
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<Answer>((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port: server.port, path, method, headers, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => {
          text += part
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
      })
      sent.on('error', reject)
      sent.end()
    })

  const dial = (headers: Record<string, string>, path = '/rpc') =>
    new Promise<{ status: number; text: string; socket: WebSocket }>((resolve) => {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { headers })
      sockets.push(socket)
      socket.on('open', () => resolve({ status: 101, text: '', socket }))
      socket.on('error', () => undefined)
      socket.on('unexpected-response', (_, response) => {
        let text = ''
        response.on('data', (part: Buffer) => {
          text += part.toString()
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, socket }))
      })
    })

  const origin = () => `http://127.0.0.1:${server.port}`

  describe('letting in', () => {
    it('exchanges the token of its link for a cookie that only the browser holds, and takes it out of the address', async () => {
      const answer = await ask(new URL(server.url).search.replace('?', '/?'))
      expect(answer.status).toBe(303)
      expect(answer.headers.location).toBe('/')
      const [cookie = ''] = answer.headers['set-cookie'] ?? []
      expect(cookie).toMatch(new RegExp(`^deepscope-${server.port}=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; SameSite=Strict$`))
      const page = await ask('/', { cookie: cookie.split(';')[0] ?? '' })
      expect([page.status, page.text]).toEqual([200, '<!doctype html><title>Deepscope</title>'])
    })

    it('makes tokens of at least 128 random bits, never the same', async () => {
      const tokens = [server.url, server.createLink(), server.createLink()].map((link) => new URL(link).searchParams.get('token') ?? '')
      expect(new Set(tokens).size).toBe(3)
      for (const token of tokens) expect(Buffer.from(token, 'base64url').byteLength).toBeGreaterThanOrEqual(16)
    })

    it('takes each token once, and leaves who is in already in peace', async () => {
      const cookie = await cookieOf(server.url)
      const path = new URL(server.url).search.replace('?', '/?')
      const again = await ask(path)
      expect([again.status, again.headers['set-cookie']]).toEqual([403, undefined])
      expect(again.text).toContain('used already')
      expect((await ask(path, { cookie })).status).toBe(303)
      const other = await cookieOf(server.createLink())
      expect(other).not.toBe(cookie)
      expect((await ask('/', { cookie: other })).status).toBe(200)
    })

    it('does not use up a link that is only looked at', async () => {
      const path = new URL(server.url).search.replace('?', '/?')
      expect((await ask(path, {}, 'HEAD')).status).toBe(403)
      expect((await ask(path)).status).toBe(303)
    })

    it.each([
      ['no token', '/', {}],
      ['a wrong token', '/?token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', {}],
      ['an empty token', '/?token=', {}],
      ['a wrong cookie', '/', { cookie: 'deepscope=AAAA' }],
      ['no cookie for a file', '/assets/app-1a2b.js', {}],
    ])('refuses %s with 403 and a sentence', async (_, path, headers) => {
      const answer = await ask(path, headers)
      expect(answer.status).toBe(403)
      expect(answer.text).toMatch(/^[A-Z][^<>]+\.\n$/)
      expect(answer.headers['set-cookie']).toBeUndefined()
    })

    it('refuses other hosts (DNS rebinding), even with the token or the cookie', async () => {
      const path = new URL(server.url).search.replace('?', '/?')
      for (const host of [
        'evil.example',
        `evil.example:${server.port}`,
        '127.0.0.1',
        '127.0.0.1:1',
        `127.0.0.1.evil.example:${server.port}`,
      ])
        expect((await ask(path, { host })).status, host).toBe(403)
      const cookie = await cookieOf(server.url)
      expect((await ask('/', { host: `evil.example:${server.port}`, cookie })).status).toBe(403)
    })

    it('answers under the names of this computer and those it was told', async () => {
      const cookie = await cookieOf(server.url)
      for (const name of ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]', 'scope.lab'])
        expect((await ask('/', { host: `${name}:${server.port}`, cookie })).status, name).toBe(200)
    })

    it('on every address gives other computers links of their own, and asks them for token, host and origin just the same', async () => {
      const open = await start({ host: '0.0.0.0' })
      const addresses = Object.values(networkInterfaces())
        .flatMap((each) => each ?? [])
        .filter(({ internal, family }) => !internal && family === 'IPv4')
        .map(({ address }) => address)
      expect(open.remoteUrls.map((url) => new URL(url).hostname)).toEqual(addresses)
      expect(server.remoteUrls).toEqual([])
      for (const url of open.remoteUrls) {
        const { origin: own } = new URL(url)
        expect((await fetch(`${own}/`)).status).toBe(403)
        expect((await fetch(`${own}/?token=wrong`)).status).toBe(403)
        const cookie = await cookieOf(url)
        expect((await fetch(`${own}/`, { headers: { cookie } })).status).toBe(200)
        const foreign = { cookie, origin: 'http://evil.example' }
        expect((await fetch(`${own}/`, { headers: foreign })).status).toBe(403)
        const socket = new WebSocket(`${own.replace('http', 'ws')}/rpc`, { headers: foreign })
        sockets.push(socket)
        const refused = new Promise((resolve) => socket.on('unexpected-response', (_, response) => resolve(response.statusCode)))
        socket.on('error', () => undefined)
        expect(await refused).toBe(403)
      }
    })

    it('refuses requests that pages of other sites make', async () => {
      const cookie = await cookieOf(server.url)
      for (const wrong of ['http://evil.example', 'null', `https://127.0.0.1:${server.port}`, `http://localhost:${server.port}`])
        expect((await ask('/', { cookie, origin: wrong })).status, wrong).toBe(403)
      expect((await ask('/', { cookie, origin: origin() })).status).toBe(200)
    })
  })

  describe('pages', () => {
    it('come with a strict policy, no sniffing and no referrer', async () => {
      const { headers } = await ask('/', { cookie: await cookieOf(server.url) })
      const policy = Object.fromEntries(
        String(headers['content-security-policy'])
          .split('; ')
          .map((each) => [each.split(' ')[0], each]),
      )
      expect(policy).toEqual({
        'default-src': "default-src 'none'",
        'script-src': "script-src 'self'",
        'style-src': "style-src 'self'",
        'img-src': "img-src 'self' blob: data:",
        'font-src': "font-src 'self'",
        'connect-src': `connect-src 'self' ws://127.0.0.1:${server.port}`,
        'worker-src': "worker-src 'self'",
        'base-uri': "base-uri 'none'",
        'form-action': "form-action 'none'",
        'frame-ancestors': "frame-ancestors 'none'",
      })
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
      expect(headers['content-type']).toBe('text/html; charset=utf-8')
    })

    it('are refused by the same headers when nobody is let in', async () => {
      const { headers } = await ask('/')
      expect(headers['content-security-policy']).toContain("default-src 'none'")
      expect(headers['x-content-type-options']).toBe('nosniff')
    })

    it('have assets that may be kept, of the right type', async () => {
      const { headers, text } = await ask('/assets/app-1a2b.js?v=1', { cookie: await cookieOf(server.url) })
      expect([headers['content-type'], text]).toEqual(['text/javascript; charset=utf-8', 'export {}'])
      expect(headers['cache-control']).toContain('immutable')
    })

    it.each([
      '/../secret.txt',
      '/assets/../../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/assets/..%5c..%5csecret.txt',
      '/assets\\..\\..\\secret.txt',
      '//secret.txt',
      '/link.txt',
      '/.env.js',
      '/index.html%00.js',
      '/%',
      '/%c0%ae%c0%ae/secret.txt',
      '/C:/secret.txt',
    ])('never come from outside the folder: %s', async (path) => {
      const { status, text } = await ask(path, { cookie: await cookieOf(server.url) })
      expect([400, 404]).toContain(status)
      expect(text).not.toContain('outside')
      expect(text).not.toContain('hidden')
    })

    it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('can only be read: %s is refused', async (method) => {
      const answer = await ask('/', { cookie: await cookieOf(server.url) }, method)
      expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD'])
    })

    it('answer HEAD without a body', async () => {
      const answer = await ask('/', { cookie: await cookieOf(server.url) }, 'HEAD')
      expect([answer.status, answer.text, answer.headers['content-length']]).toEqual([200, '', '39'])
    })

    it('that were not built are explained', async () => {
      const answer = await renderPage(join(folder, 'nowhere'), '/')
      expect(answer.status).toBe(503)
      expect(answer.body.toString()).toContain('npm run build')
    })

    it('are the same for Electron, where no socket is needed', async () => {
      const answer = await renderPage(join(folder, 'page'), '/index.html')
      expect([answer.status, answer.body.toString()]).toEqual([200, '<!doctype html><title>Deepscope</title>'])
      expect(answer.headers['Content-Security-Policy']).toContain("connect-src 'self';")
    })
  })

  describe('connections', () => {
    it('need cookie, origin and host', async () => {
      const cookie = await cookieOf(server.url)
      const refused: [string, Record<string, string>][] = [
        ['no cookie', { origin: origin() }],
        ['no origin', { cookie }],
        ['a wrong cookie', { cookie: `${cookie.split('=')[0]}=AAAA`, origin: origin() }],
        ['a wrong origin', { cookie, origin: 'http://evil.example' }],
        ['another port of this computer', { cookie, origin: 'http://127.0.0.1:1' }],
        ['a file', { cookie, origin: 'null' }],
        ['a wrong host', { cookie, origin: `http://evil.example:${server.port}`, host: `evil.example:${server.port}` }],
      ]
      for (const [what, headers] of refused) {
        const { status, text } = await dial(headers)
        expect(status, what).toBe(403)
        expect(text, what).toMatch(/^[A-Z][^<>]+\.\n$/)
      }
      expect(clients).toHaveLength(0)
      expect((await dial({ cookie, origin: origin() })).status).toBe(101)
      await expect.poll(() => clients.length).toBe(1)
    })

    it('are only where the contract is', async () => {
      expect((await dial({ cookie: await cookieOf(server.url), origin: origin() }, '/other')).status).toBe(404)
    })

    it('that end are noticed at once', async () => {
      server = await start({ pingMs: 600_000 }) // no ping tells it
      const { socket } = await dial({ cookie: await cookieOf(server.url), origin: origin() })
      expect(clients[0]?.caller.gone.aborted).toBe(false)
      socket.terminate()
      await expect.poll(() => clients[0]?.caller.gone.aborted).toBe(true)
    })

    it('that fall silent are given up after three pings', async () => {
      server = await start({ pingMs: 50 })
      const { socket } = await dial({ cookie: await cookieOf(server.url), origin: origin() })
      // The computer sleeps: its TCP connection stays, nothing answers.
      socket.pause()
      const begun = performance.now()
      await expect.poll(() => clients[0]?.caller.gone.aborted).toBe(true)
      expect(performance.now() - begun).toBeGreaterThan(90)
      expect(performance.now() - begun).toBeLessThan(3000) // by far: three pings take 9 s where nobody says how often
      expect(String(clients[0]?.caller.gone.reason)).toContain('does not answer')
    })

    it('that answer stay', async () => {
      server = await start({ pingMs: 20 })
      await dial({ cookie: await cookieOf(server.url), origin: origin() })
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect(clients[0]?.caller.gone.aborted).toBe(false)
    })

    it('are limited in number', async () => {
      server = await start({ clientLimit: 1 })
      const headers = { cookie: await cookieOf(server.url), origin: origin() }
      await dial(headers)
      const second = await dial(headers)
      expect([second.status, second.text]).toEqual([503, '1 windows are connected already. Close one first.\n'])
    })

    it('with messages larger than allowed are closed', async () => {
      server = await start({ messageLimit: 1000 })
      const { socket } = await dial({ cookie: await cookieOf(server.url), origin: origin() })
      socket.send(Buffer.alloc(1001))
      const code = await new Promise((resolve) => socket.on('close', resolve))
      expect(code).toBe(1009)
      expect(String(clients[0]?.caller.gone.reason)).toContain('Max payload size exceeded')
    })

    it('that flood with pings are closed', async () => {
      const { socket } = await dial({ cookie: await cookieOf(server.url), origin: origin() })
      socket.on('pong', () => socket.ping())
      socket.ping()
      const reason = await new Promise((resolve) => socket.on('close', (_, said) => resolve(said.toString())))
      expect(reason).toBe('The window sent too many pings.')
    })

    it('deliver text and damaged messages as unreadable, not as a crash', async () => {
      const { socket } = await dial({ cookie: await cookieOf(server.url), origin: origin() })
      const got: unknown[] = []
      clients[0]?.transport.onMessage((message) => got.push(message))
      socket.send('{"type":"hello"}')
      socket.send(Buffer.from('DSC1 but not really'))
      await expect.poll(() => got).toEqual([undefined, undefined])
    })
  })

  it('survives what is not HTTP', async () => {
    const socket = connect(server.port, '127.0.0.1')
    socket.write('\x16\x03\x01 hello\r\n\r\n')
    const text = await new Promise<string>((resolve) => socket.on('data', (data) => resolve(data.toString())))
    expect(text).toContain('400')
    socket.destroy()
    expect((await ask('/')).status).toBe(403)
  })

  it('says which port is taken, and which address is not of this computer', async () => {
    const taken = await start({ port: server.port }).catch((error: unknown) => error)
    expect(isError(taken, 'Busy')).toBe(true)
    expect((taken as Error).message).toContain(String(server.port))
    const elsewhere = await start({ host: '192.0.2.1' }).catch((error: unknown) => error)
    expect(isError(elsewhere, 'OutOfRange')).toBe(true)
  })

  it('listens on loopback unless told otherwise', async () => {
    expect(new URL(server.url).hostname).toBe('127.0.0.1')
  })
})
