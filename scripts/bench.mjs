/** `npm run bench`: builds what is stale, then measures. Not part of the tests: times depend on what else the machine does. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { ensureFresh, root } from './fresh.mjs'

await ensureFresh()
const folder = join(root, 'build', 'bench')
await mkdir(folder, { recursive: true })
const outfile = join(folder, 'main.js')
await build({
  absWorkingDir: root,
  entryPoints: ['test/bench/main.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
