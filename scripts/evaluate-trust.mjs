/** `npm run evaluate:trust`: builds what is stale, then judges seeded frames of every kind of trouble. Not part of the tests: it takes minutes. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { ensureFresh, root } from './fresh.mjs'

await ensureFresh({ only: 'main' })
const folder = join(root, 'build', 'evaluation')
await mkdir(folder, { recursive: true })
const outfile = join(folder, 'trust.js')
await build({
  absWorkingDir: root,
  entryPoints: ['test/evaluation/trust/run.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
})
await import(pathToFileURL(outfile).href)
