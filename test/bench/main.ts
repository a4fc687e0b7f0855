/**
 * `npm run bench [-- --json] [-- --only NAME,…] [-- --write]`: measures side by side, in one run; `--write` renews docs/performance.md,
 * where figures that were not measured this time keep their rows.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { rootFolder } from '#main/processes.ts'
import { benchCamera } from './camera.ts'
import { benchGuard } from './guard.ts'
import { benchHostDelay } from './host-delay.ts'
import { benchLive } from './live.ts'
import { holds, type Measured } from './measure.ts'
import { benchPipeline } from './pipeline.ts'
import { benchPlanes } from './planes.ts'
import { benchPreview } from './preview.ts'
import { benchRecord } from './record.ts'
import { benchSerial } from './serial.ts'
import { benchTiledMemory } from './tiled-memory.ts'

const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, only: { type: 'string' }, write: { type: 'boolean' } } })
const folder = await mkdtemp(join(tmpdir(), 'deepscope-bench-'))
const benches: Readonly<Record<string, () => Promise<Measured>>> = {
  'live-efficiency': benchLive,
  'guard-cost': benchGuard,
  'pipeline-efficiency-512': () => benchPipeline(512, 24),
  'pipeline-efficiency-4096': () => benchPipeline(4096, 2),
  'planes-together': () => benchPlanes(16),
  'tiled-memory-mib': () => benchTiledMemory(folder),
  'serial-added-latency-ms': benchSerial,
  'preview-efficiency': benchPreview,
  'record-efficiency': () => benchRecord(folder),
  'host-delay-p99-ms': () => benchHostDelay(folder),
  'camera-fps': benchCamera,
}
const wanted = options.only?.split(',') ?? Object.keys(benches)
const unknown = wanted.filter((name) => !(name in benches))
if (unknown.length > 0) {
  process.stderr.write(`There is no benchmark called ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.\n`)
  process.exit(2)
}

const results: Measured[] = []
try {
  for (const name of wanted) {
    const result = await benches[name]!()
    results.push(result)
    if (!options.json) process.stdout.write(`${line(result)}\n`)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
if (options.json)
  process.stdout.write(
    `${JSON.stringify(
      results.map(({ bar: _, ...rest }) => rest),
      null,
      2,
    )}\n`,
  )
const document = join(rootFolder, 'docs', 'performance.md')
if (options.write) await writeFile(document, page(results, await readFile(document, 'utf8').catch(() => '')))
process.exit(results.every(holds) ? 0 : 1)

function barText({ bar }: Measured): string {
  return 'atLeast' in bar ? `≥ ${bar.atLeast}` : `≤ ${bar.atMost}`
}

function shown({ value }: Measured): string {
  return value >= 10 ? value.toFixed(1) : value.toFixed(3)
}

function line(result: Measured): string {
  return `${holds(result) ? 'holds ' : 'MISSED'}  ${result.name.padEnd(24)} ${shown(result).padStart(8)} ${result.unit.padEnd(8)} (${barText(result)})  ${result.detail}`
}

/** The table in the documentation, written by the runs it describes; `former`: the page as it was. */
function page(measured: readonly Measured[], former: string): string {
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${release()}, Node ${process.versions.node}`
  const rows = Object.keys(benches).flatMap((name) => {
    const each = measured.find((result) => result.name === name)
    if (!each) return former.split('\n').filter((row) => row.startsWith(`| \`${name}\` |`))
    return [`| \`${name}\` | ${shown(each)} ${each.unit} | ${barText(each)} | ${holds(each) ? 'yes' : '**no**'} | ${each.detail} |`]
  })
  return [
    '# Measured speed',
    '',
    'Written by `npm run bench -- --write`. Ratios compare two ways of doing the same work in one run, taken in turn (A B B A …), medians; they are',
    'what to trust. Times and rates belong to the machine they were taken on.',
    '',
    `Machine: ${machine}. Taken on ${new Date().toISOString().slice(0, 10)}.`,
    '',
    '| figure | value | bar | holds | how |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
