/** The whole application, as `deepscope serve` starts it, in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Headless, startHeadless } from '#main/headless.ts'

export interface TestHeadless extends Headless, AsyncDisposable {
  readonly folder: string
}

export async function startTestHeadless(): Promise<TestHeadless> {
  const folder = await mkdtemp(join(tmpdir(), 'deepscope-test-'))
  const headless = await startHeadless({
    folders: { config: join(folder, 'config'), logs: join(folder, 'logs'), data: join(folder, 'data') },
  })
  return {
    ...headless,
    folder,
    [Symbol.asyncDispose]: async () => {
      await headless.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
