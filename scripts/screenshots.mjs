/** `npm run screenshots`: drives the real application in Chromium and renews the pictures in docs/images. Demo microscope only. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureFresh, root } from './fresh.mjs'
import { loadProgram } from './program.mjs'

await ensureFresh()
const { takeScreenshots } = await loadProgram('test/helpers/screenshots.ts', 'screenshots', 'main')
const home = await mkdtemp(join(tmpdir(), 'deepscope-screenshots-'))
const images = join(root, 'docs', 'images')
await mkdir(images, { recursive: true })
try {
  for (const name of await takeScreenshots(home, images)) console.log(`docs/images/${name}`)
} finally {
  await rm(home, { recursive: true, force: true })
}
