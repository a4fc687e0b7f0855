/** `npm run screenshots`: drives the real application in Chromium and renews the pictures in docs/images. Demo microscope only. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { ensureFresh, root } from './fresh.mjs'

await ensureFresh()
// Two folders below the root, as every built program: from there it finds the others.
const outfile = join(root, 'build', 'screenshots', 'main.js')
await build({
  absWorkingDir: root,
  entryPoints: ['test/helpers/screenshots.ts'],
  outfile,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  packages: 'external',
  logLevel: 'warning',
})
const { takeScreenshots } = await import(pathToFileURL(outfile).href)
const home = await mkdtemp(join(tmpdir(), 'deepscope-screenshots-'))
const images = join(root, 'docs', 'images')
await mkdir(images, { recursive: true })
try {
  for (const name of await takeScreenshots(home, images)) console.log(`docs/images/${name}`)
} finally {
  await rm(home, { recursive: true, force: true })
}
