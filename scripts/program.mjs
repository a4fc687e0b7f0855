/** Builds one of the project's own programs in TypeScript into one file and loads it. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from './fresh.mjs'

/**
 * Resolves to what the program at `entry` (from the root) exports. `folder`, `name`: where it is built, build/FOLDER/NAME.js: two folders
 * below the root as every built program, since from there it finds the others.
 */
export async function loadProgram(entry, folder, name) {
  const outfile = join(root, 'build', folder, `${name}.js`)
  await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  })
  return await import(pathToFileURL(outfile).href)
}
