/** Makes a runnable file of a TypeScript program, for tests that need another process. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Bundle extends AsyncDisposable {
  readonly path: string
}

/** `source` is relative to the project's root. The file lies below node_modules, where packages are found; disposing removes it. */
export async function bundle(source: string): Promise<Bundle> {
  const cache = join(root, 'node_modules', '.cache')
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'deepscope-test-'))
  const path = join(folder, 'program.mjs')
  await build({
    absWorkingDir: root,
    entryPoints: [source],
    outfile: path,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  })
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
