/** The built page as answers to requests, the same for the web server and for Electron's `app://` scheme. */
import { readFile, realpath } from 'node:fs/promises'
import { extname, join, sep } from 'node:path'

export interface PageAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
}

/**
 * Headers of every answer. Nothing is allowed but what the page itself brings; `socketOrigin` (e.g. `ws://127.0.0.1:8123`) is where it
 * may connect besides its own origin.
 */
export function securityHeaders(socketOrigin?: string): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob: data:",
    "font-src 'self'",
    `connect-src 'self'${socketOrigin === undefined ? '' : ` ${socketOrigin}`}`,
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return {
    'Content-Security-Policy': policy.join('; '),
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
  }
}

/** A short answer in words. */
export function plainAnswer(status: number, sentence: string, headers: Readonly<Record<string, string>> = {}): PageAnswer {
  return {
    status,
    headers: { ...securityHeaders(), 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8', ...headers },
    body: Buffer.from(`${sentence}\n`),
  }
}

/** Answers a request for `path` (as it stands in the URL, without the query) with a file of `folder`. Never rejects. */
export async function renderPage(folder: string, path: string, socketOrigin?: string): Promise<PageAnswer> {
  const name = fileName(path)
  if (name === null) return plainAnswer(400, 'This is not an address of a page.')
  const type = types[extname(name)]
  const body = type && (await readInside(folder, name))
  if (body) {
    // The build puts a digest of the content into the names of assets.
    const cache = name.startsWith('assets/') ? 'private, max-age=31536000, immutable' : 'no-store'
    return { status: 200, headers: { ...securityHeaders(socketOrigin), 'Cache-Control': cache, 'Content-Type': type }, body }
  }
  if (name === 'index.html') return plainAnswer(503, 'The page has not been built. Run “npm run build”.')
  return plainAnswer(404, 'There is no such page.')
}

/** The relative name a URL's path asks for; null for what no page of ours would ask for, above all a way out of the folder. */
function fileName(path: string): string | null {
  let decoded: string
  try {
    decoded = decodeURIComponent(path)
  } catch {
    return null
  }
  if (!decoded.startsWith('/') || /[\\\0:]/.test(decoded)) return null
  if (decoded === '/') return 'index.html'
  const segments = decoded.slice(1).split('/')
  return segments.every((segment) => segment !== '' && !segment.startsWith('.')) ? segments.join('/') : null
}

async function readInside(folder: string, name: string): Promise<Buffer | null> {
  try {
    const root = await realpath(folder)
    const file = await realpath(join(root, name))
    return file.startsWith(root + sep) ? await readFile(file) : null
  } catch {
    return null
  }
}
