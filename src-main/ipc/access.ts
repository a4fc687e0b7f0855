/**
 * Who may talk to the host over the network. A link with a random token is good for one visit: it is exchanged for a cookie that
 * scripts cannot read and other sites cannot send. Host and Origin are checked besides, because another site's page may reach a
 * server on this computer through a name of its own that it points here (DNS rebinding), or open a WebSocket to it.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { hostname, networkInterfaces } from 'node:os'

/** Headers of a request that decide. */
export interface Visit {
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly cookie: string | undefined
}

export interface Access {
  /** A new token for one visit, 256 random bits in base64url. */
  createToken(): string
  /** The value for the cookie, once for each token; null for a wrong or used one. */
  exchange(token: string): string | null
  /** Tells which address the server listens on, and with it the names under which it may be asked for. */
  bind(address: string, port: number): void
  /** The name of the cookie: cookies know no ports, and two hosts may run on one computer. */
  readonly cookieName: string
  /** Why a request has come to the wrong place or from another site, in a short sentence; null if all is well. */
  wrongPlace(visit: Visit): string | null
  /** Why a visitor may not come in; null if he may. */
  notAdmitted(visit: Visit): string | null
}

/** `names`: further host names under which the host may be asked for, e.g. of the lab's name server. */
export function createAccess(names: readonly string[] = []): Access {
  const tokens = new SecretSet()
  const cookies = new SecretSet()
  let allowedHosts = new Set<string>()
  let cookieName = 'deepscope'

  return {
    createToken: () => tokens.add(),
    exchange: (token) => (tokens.take(token) ? cookies.add() : null),
    bind(address, port) {
      cookieName = `deepscope-${port}`
      allowedHosts = new Set([...namesOf(address), ...names].map((name) => `${name.toLowerCase()}:${port}`))
      // Browsers leave the web's own port out.
      if (port === 80) for (const host of [...allowedHosts]) allowedHosts.add(host.replace(/:80$/, ''))
    },
    get cookieName() {
      return cookieName
    },
    wrongPlace({ host, origin }) {
      if (host === undefined || !allowedHosts.has(host.toLowerCase())) return 'This is not an address of the microscope host.'
      if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
        return 'Pages of other sites may not talk to the microscope host.'
      return null
    },
    notAdmitted: ({ cookie }) =>
      cookies.has(readCookie(cookie, cookieName))
        ? null
        : 'Open the link that Deepscope printed when it started. Each link is good for one visit.',
  }
}

/** Random secrets, kept as digests of equal length so that comparing takes the same time for all. */
class SecretSet {
  #digests: Buffer[] = []

  add(): string {
    const secret = randomBytes(32).toString('base64url')
    this.#digests.push(digest(secret))
    return secret
  }

  has(secret: string): boolean {
    const candidate = digest(secret)
    // Every one is compared: stopping at the first would tell where it was.
    return this.#digests.filter((each) => timingSafeEqual(each, candidate)).length > 0
  }

  /** True once for each secret. */
  take(secret: string): boolean {
    const candidate = digest(secret)
    const left = this.#digests.filter((each) => !timingSafeEqual(each, candidate))
    const found = left.length < this.#digests.length
    this.#digests = left
    return found
  }
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

function readCookie(header: string | undefined, name: string): string {
  const pair = header
    ?.split(';')
    .map((each) => each.trim())
    .find((each) => each.startsWith(`${name}=`))
  return pair?.slice(name.length + 1) ?? ''
}

const loopback = ['127.0.0.1', 'localhost', '[::1]']

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address)
}

/** An address as it stands in a URL. */
export function urlHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** The addresses of this computer that other computers use, where a server listens on all of them; else none beside its own. */
export function outsideAddresses(address: string): string[] {
  if (address !== '0.0.0.0' && address !== '::') return []
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  // Link-local IPv6 addresses need the name of an interface of the other computer, so nobody could type them.
  return all.filter(({ internal, family }) => !internal && family === 'IPv4').map((entry) => entry.address)
}

/** The names by which a server that listens on `address` can be reached. */
function namesOf(address: string): string[] {
  if (isLoopback(address)) return [...new Set([...loopback, urlHost(address)])]
  if (address !== '0.0.0.0' && address !== '::') return [urlHost(address)]
  const own = Object.values(networkInterfaces()).flatMap((each) => each?.map((entry) => urlHost(entry.address)) ?? [])
  return [...new Set([...loopback, hostname(), ...own])]
}
