/** Serves the page and the contract to browsers, on this computer unless told otherwise. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { AppError, messageOf } from '#shared/errors.ts'
import type { Caller } from '#shared/rpc/remote.ts'
import { createCaller } from '#shared/rpc/server.ts'
import type { Transport } from '#shared/rpc/transport.ts'
import { type Access, outsideAddresses, urlHost, type Visit } from './access.ts'
import { type PageAnswer, plainAnswer, renderPage } from './page.ts'
import { webSocketTransport } from './web-socket.ts'

export interface HttpServerOptions {
  /** Folder of the built page. */
  readonly rendererFolder: string
  /** Address to listen on. Anything but loopback opens the microscope to the network. Default 127.0.0.1. */
  readonly host?: string
  /** 0 = any free port (default). */
  readonly port?: number
  readonly access: Access
  /** A browser is connected. The transport closes with the connection, the server or the browser. */
  readonly onClient: (transport: Transport, caller: Caller) => void
  /** Largest message taken from a browser, bytes; uploads come in parts of at most this. Default 32 MiB. */
  readonly messageLimit?: number
  /** Windows that may be connected at once. Default 16. */
  readonly clientLimit?: number
  /** ms between pings; a window that leaves two unanswered is gone. Default 3000: noticed within 9 s. */
  readonly pingMs?: number
}

export interface HttpServer {
  /** Address with a token for one visit. */
  readonly url: string
  readonly port: number
  /** Another address like `url`, for another window. */
  createLink(): string
  /** Where the server listens on every address: those for other computers, each with a token of its own. */
  readonly remoteUrls: readonly string[]
  /** Hangs up on everybody and stops listening. */
  close(): Promise<void>
}

/** Where the page opens its WebSocket. */
export const rpcPath = '/rpc'

/** Rejects with Busy where the port is taken, with OutOfRange where the address is not one of this computer. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { access, host = '127.0.0.1', messageLimit = 32 * 2 ** 20, clientLimit = 16, pingMs = 3000 } = options
  const sockets = new WebSocketServer({ noServer: true, maxPayload: messageLimit, perMessageDeflate: false })
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
    void answer(request, options).then((page) => write(request, response, page))
  })
  server.maxConnections = 256

  server.on('upgrade', (request, stream, head) => {
    const refusal = refuseUpgrade(request, access) ?? (sockets.clients.size >= clientLimit ? tooMany(clientLimit) : null)
    if (refusal) {
      hangUp(stream, refusal)
      return
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const transport = webSocketTransport(socket, { pingMs, stream })
      options.onClient(transport, createCaller(transport))
    })
  })

  const port = await listen(server, host, options.port ?? 0)
  access.bind(host, port)
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  const linkTo = (name: string) => `http://${urlHost(name)}:${port}/?token=${access.createToken()}`
  return {
    url: linkTo(reachable),
    port,
    createLink: () => linkTo(reachable),
    remoteUrls: outsideAddresses(host).map(linkTo),
    close: async () => {
      for (const socket of sockets.clients) socket.terminate()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

async function answer(request: IncomingMessage, { access, rendererFolder }: HttpServerOptions): Promise<PageAnswer> {
  const visit = visitOf(request)
  const wrongPlace = access.wrongPlace(visit)
  if (wrongPlace !== null) return plainAnswer(403, wrongPlace)
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plainAnswer(405, 'Pages can only be read here.', { Allow: 'GET, HEAD', Connection: 'close' })

  // Not parsed as a URL: that would quietly resolve the “..” that must be refused.
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
  const token = path === '/' ? new URLSearchParams(query).get('token') : null
  if (token !== null) {
    // Link previews and prefetching ask for HEAD; they must not use the link up.
    const cookie = request.method === 'GET' ? access.exchange(token) : null
    if (cookie !== null) return enter(access.cookieName, cookie)
    if (access.notAdmitted(visit) === null) return redirect({})
    return plainAnswer(403, 'This link was used already or is wrong. Use the window it opened, or start Deepscope again for a new one.')
  }
  const notAdmitted = access.notAdmitted(visit)
  if (notAdmitted !== null) return plainAnswer(403, notAdmitted)
  return renderPage(rendererFolder, path, `ws://${visit.host}`)
}

function enter(cookieName: string, cookie: string): PageAnswer {
  return redirect({ 'Set-Cookie': `${cookieName}=${cookie}; Path=/; HttpOnly; SameSite=Strict` })
}

/** To the page itself, without the token in its address. */
function redirect(headers: Readonly<Record<string, string>>): PageAnswer {
  return plainAnswer(303, 'Welcome.', { ...headers, Location: '/' })
}

function refuseUpgrade(request: IncomingMessage, access: Access): PageAnswer | null {
  const visit = visitOf(request)
  const wrongPlace = access.wrongPlace(visit)
  if (wrongPlace !== null) return plainAnswer(403, wrongPlace)
  // Browsers always say where a WebSocket comes from.
  if (visit.origin === undefined) return plainAnswer(403, 'A connection must say which page it comes from.')
  const notAdmitted = access.notAdmitted(visit)
  if (notAdmitted !== null) return plainAnswer(403, notAdmitted)
  return request.url === rpcPath ? null : plainAnswer(404, 'There is nothing to connect to here.')
}

function tooMany(limit: number): PageAnswer {
  return plainAnswer(503, `${limit} windows are connected already. Close one first.`)
}

function visitOf({ headers }: IncomingMessage): Visit {
  return { host: headers.host, origin: headers.origin, cookie: headers.cookie }
}

function write(request: IncomingMessage, response: ServerResponse, { status, headers, body }: PageAnswer): void {
  response.writeHead(status, { ...headers, 'Content-Length': body.byteLength })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Answers an upgrade like an ordinary request, and ends the connection. */
function hangUp(stream: Duplex, { status, headers, body }: PageAnswer): void {
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': String(body.byteLength) })
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines.map(([name, value]) => `${name}: ${value}`), '', '']
  stream.on('error', () => stream.destroy())
  stream.end(Buffer.concat([Buffer.from(head.join('\r\n')), body]), () => stream.destroy())
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    // Stays: an error without a listener would end the host.
    server.on('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)))
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port))
  })
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): AppError {
  if (error.code === 'EADDRINUSE')
    return new AppError('Busy', `Port ${port} on ${host} is used by another program. Choose another port.`, { port }, error)
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new AppError('OutOfRange', `“${host}” is not an address of this computer.`, { host }, error)
  if (error.code === 'EACCES')
    return new AppError('OutOfRange', `Port ${port} may not be used by this user. Choose one above 1023.`, { port }, error)
  return new AppError('Internal', `The web server could not listen on ${host}, port ${port}: ${messageOf(error)}.`, { port }, error)
}
