/** The real application and a page that shows it, opened before the tests of a file or a group and closed after them. */
import { afterAll, beforeAll } from 'vitest'
import { startTestHeadless, type TestHeadless } from './headless.ts'
import { openPage, type TestPage } from './page.ts'

export interface OpenedApp extends TestPage {
  readonly app: TestHeadless
}

/** Registers the hooks; `take` is handed what they open. */
export function withApp(take: (opened: OpenedApp) => void): void {
  let app: TestHeadless | undefined
  let opened: TestPage | undefined
  beforeAll(async () => {
    app = await startTestHeadless()
    opened = await openPage(app.url)
    take({ ...opened, app })
  })
  afterAll(async () => {
    await opened?.[Symbol.asyncDispose]()
    await app?.[Symbol.asyncDispose]()
  })
}
