/** Where the built entry points are. Children and workers always start from the build: Node 20 runs no TypeScript. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Programs the build makes, each one file in `build/main`. */
export const entries = [
  'electron',
  'headless',
  'cli',
  'guardian',
  'inference-worker',
  'simulation-worker',
  'image-worker',
  'trust-worker',
] as const
export type EntryName = (typeof entries)[number]

const here = dirname(fileURLToPath(import.meta.url))

/** The project's or the installed application's root: the folder that holds `package.json` and `models`. */
export const rootFolder = here.endsWith('src-main') ? dirname(here) : dirname(dirname(here))

/** Path of a built entry point. */
export function entryPath(name: EntryName): string {
  const path = join(rootFolder, 'build', 'main', `${name}.js`)
  // Inside a packaged application, code that runs in another process must lie outside the archive.
  const unpacked = path.replace(/app\.asar(?=[\\/])/, 'app.asar.unpacked')
  return unpacked !== path && existsSync(unpacked) ? unpacked : path
}
