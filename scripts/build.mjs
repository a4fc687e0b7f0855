/**
 * Builds everything that runs: main-process entries and workers (esbuild) and the page (vite).
 * `node scripts/build.mjs [--main|--renderer]`; nothing is rebuilt by itself, see scripts/fresh.mjs for that.
 */
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build as esbuild } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const mainEntries = {
  electron: 'src-main/electron.ts',
  headless: 'src-main/headless.ts',
  cli: 'src-main/cli.ts',
  guardian: 'src-main/guardian.ts',
  'inference-worker': 'src-main/inference/worker.ts',
  'simulation-worker': 'src-main/devices/simulated/worker.ts',
  'image-worker': 'src-main/storage/worker.ts',
}

export async function buildMain(only) {
  const { existsSync } = await import('node:fs')
  const entryPoints = Object.fromEntries(
    Object.entries(mainEntries).filter(([name, file]) => existsSync(join(root, file)) && (!only || only.includes(name))),
  )
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  }
  await esbuild({ ...common, entryPoints, outdir: 'build/main', format: 'esm', splitting: true, chunkNames: 'chunk-[hash]' })
  if (existsSync(join(root, 'src-main/preload.ts'))) {
    // A sandboxed preload cannot be ESM and may require only `electron`.
    await esbuild({
      ...common,
      packages: 'bundle',
      external: ['electron'],
      entryPoints: ['src-main/preload.ts'],
      outfile: 'build/main/preload.cjs',
      format: 'cjs',
    })
  }
}

export async function buildRenderer() {
  const { build } = await import('vite')
  await build({ root: join(root, 'src-renderer'), configFile: join(root, 'vite.config.ts'), logLevel: 'warn' })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const only = process.argv[2]
  if (!only) await rm(join(root, 'build'), { recursive: true, force: true })
  if (only !== '--renderer') await buildMain()
  if (only !== '--main') await buildRenderer()
}
