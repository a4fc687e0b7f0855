/**
 * Builds everything that runs: main-process entries and workers (esbuild) and the page (vite).
 * `node scripts/build.mjs [--main|--renderer]`; nothing is rebuilt by itself, see scripts/fresh.mjs for that.
 */
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
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
  'trust-worker': 'src-main/analysis/trust/worker.ts',
}

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
}

/** A sandboxed preload cannot be ESM and may require only `electron`. */
export async function buildPreload(outfile = 'build/main/preload.cjs') {
  await esbuild({ ...common, external: ['electron'], entryPoints: ['src-main/preload.ts'], outfile, format: 'cjs' })
}

/** Builds the entries named in `only`, or all of them; then what an earlier build left behind is removed. */
export async function buildMain(only) {
  const entryPoints = Object.fromEntries(
    Object.entries(mainEntries).filter(([name, file]) => existsSync(join(root, file)) && (!only || only.includes(name))),
  )
  const { metafile } = await esbuild({
    ...common,
    packages: 'external',
    entryPoints,
    outdir: 'build/main',
    format: 'esm',
    splitting: true,
    chunkNames: 'chunk-[hash]',
    metafile: true,
  })
  const made = new Set(Object.keys(metafile.outputs).map((path) => relative('build/main', path)))
  await buildPreload()
  made.add('preload.cjs').add('preload.cjs.map')
  if (only) return
  const out = join(root, 'build/main')
  for (const name of await readdir(out).catch(() => [])) if (!made.has(name)) await rm(join(out, name), { recursive: true, force: true })
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
