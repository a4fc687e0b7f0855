/** The page's address inside the application: a scheme of its own, served from the disk with the same headers as over HTTP. */
import { type PageAnswer, plainAnswer } from '../ipc/page.ts'
import type { ElectronModule } from './module.ts'

const scheme = 'app'
const origin = 'app://deepscope'

/** Answers for one path of the page, such as `/index.html`. Never rejects. */
export type PageHandler = (path: string) => Promise<PageAnswer>

/** The page showing a view, such as `/sessions`. */
export function pageUrl(view: string): string {
  return `${origin}/index.html#${view}`
}

export function isPage(url: string): boolean {
  return url === origin || url.startsWith(`${origin}/`)
}

/** Must run before the application is ready; Chromium learns its schemes only once. */
export function registerScheme(electron: ElectronModule): void {
  electron.protocol.registerSchemesAsPrivileged([
    { scheme, privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } },
  ])
}

export function servePage(electron: ElectronModule, handle: PageHandler): void {
  electron.protocol.handle(scheme, async ({ url }) => {
    const { status, headers, body } = isPage(url) ? await handle(new URL(url).pathname) : plainAnswer(404, 'There is no such page.')
    return new Response(new Uint8Array(body), { status, headers })
  })
}
