/** How much memory the application takes, all its processes together, to enhance a picture of 16,384². */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { rootFolder } from '#main/processes.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import type { Measured } from './measure.ts'

const side = 16_384
const rows = 256
const sampleMs = 100

/** `folder`: on a disk with 3 GB to spare. Linux only: elsewhere nobody says what is shared. */
export async function benchTiledMemory(folder: string): Promise<Measured> {
  const path = join(folder, 'large.ome.tif')
  const out = join(folder, 'large')
  await writeImage(path)
  try {
    const cli = join(rootFolder, 'build', 'main', 'cli.js')
    const began = performance.now()
    const child = spawn(process.execPath, [cli, 'enhance', path, '--model', 'widefield-sr', '--out', out], {
      cwd: rootFolder,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000)
    })
    let most = 0
    const timer = setInterval(() => {
      void memoryOf(child.pid ?? 0).then((bytes) => {
        most = Math.max(most, bytes)
      })
    }, sampleMs)
    const [code] = await once(child, 'exit')
    clearInterval(timer)
    if (code !== 0) throw new Error(`enhance ended with exit code ${code}: ${said.trim()}`)
    const seconds = (performance.now() - began) / 1000
    return {
      name: 'tiled-memory-mib',
      value: most / 2 ** 20,
      unit: 'MiB',
      detail: `${side}² 16-bit TIFF (512 MiB) to image and error scale (2,048 MiB) in ${seconds.toFixed(0)} s: most memory of all processes together (proportional set size, every ${sampleMs} ms)`,
      bar: { atMost: 1536 },
    }
  } finally {
    await rm(path, { force: true })
    await rm(out, { recursive: true, force: true })
  }
}

/** On the network's grid, row by row. */
async function writeImage(path: string): Promise<void> {
  await using writer = await createOmeTiff(path, {
    name: 'large',
    width: side,
    height: side,
    pixelType: 'uint16',
    sizeZ: 1,
    sizeC: 1,
    sizeT: 1,
    pixelSizeUm: 0.325,
    channels: [{ name: 'large', color: '#ffffff' }],
    annotations: {},
  })
  const plane = writer.openPlane()
  const band = Uint16Array.from({ length: side * rows }, (_, i) => 100 + ((i * 2654435761) % 4001))
  for (let y = 0; y < side; y += rows) await plane.writeRows(band)
  await writer.close()
}

/** Bytes of a process and all below it; memory that several share is counted once. */
async function memoryOf(pid: number): Promise<number> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '') : ''
    const parent = /\) \S (\d+) /.exec(stat)?.[1]
    if (parent) parents.set(Number(name), Number(parent))
  }
  const family = new Set([pid])
  // A child has usually a higher number than its parent, but not always: until nothing is added.
  for (let size = 0; size !== family.size; ) {
    size = family.size
    for (const [child, parent] of parents) if (family.has(parent)) family.add(child)
  }
  let bytes = 0
  for (const each of family) {
    const rollup = await readFile(`/proc/${each}/smaps_rollup`, 'utf8').catch(() => '')
    bytes += 1024 * Number(/^Pss: +(\d+) kB/m.exec(rollup)?.[1] ?? 0)
  }
  return bytes
}
