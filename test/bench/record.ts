/** Recording as a session, against writing the same bytes to one file with the same flushing. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openSessionStore } from '#main/storage/session.ts'
import { bytesOf, type Frame } from '#shared/image/frame.ts'
import { interleaved, type Measured, median, ms, timed } from './measure.ts'

const size = 512
const framesPerRun = 240
const rounds = 6

/** `parent`: a folder on the disk to be measured. Needs about 130 MB at a time. */
export async function benchRecord(parent: string): Promise<Measured> {
  const folder = await mkdtemp(join(parent, 'deepscope-bench-'))
  const store = await openSessionStore(folder)
  const data = Uint16Array.from({ length: size * size }, (_, i) => (i * 2654435761) & 0xffff)
  const frame = (index: number): Frame => ({ width: size, height: size, data, metadata: metadata(index) })
  const session = {
    name: 'Bench',
    kind: 'recording',
    width: size,
    height: size,
    pixelType: 'uint16',
    pixelSizeUm: 0.65,
    omeZarrVersion: '0.5',
    microscope: {},
  } as const
  const record = () =>
    timed(async () => {
      const writer = await store.create(session)
      await Promise.all(Array.from({ length: framesPerRun }, (_, i) => writer.append(frame(i))))
      await writer.finish()
    })
  const plain = async () => {
    const path = join(folder, 'plain.bin')
    const took = await timed(async () => {
      const file = await open(path, 'w')
      let flushed = performance.now()
      for (let i = 0; i < framesPerRun; i++) {
        await file.write(bytesOf(data))
        if (performance.now() - flushed < 1000) continue
        await file.datasync()
        flushed = performance.now()
      }
      await file.datasync()
      await file.close()
    })
    await rm(path)
    return took
  }
  try {
    await record()
    const { a, b } = await interleaved(rounds, record, plain)
    const megabytes = (framesPerRun * data.byteLength) / 1e6
    return {
      name: 'record-efficiency',
      value: median(b) / median(a),
      unit: 'ratio',
      detail: `${megabytes.toFixed(0)} MB as ${framesPerRun} frames of ${size}², fdatasync every second and at the end: session ${ms(a)}, one plain file ${ms(b)}`,
      bar: { atLeast: 0.5 },
    }
  } finally {
    await store[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
}

function metadata(frame: number): Frame['metadata'] {
  return {
    frame,
    time: 1_700_000_000_000 + frame * 25,
    exposureMs: 20,
    x: 1,
    y: 2,
    z: 3,
    objective: '10x',
    pixelSizeUm: 0.65,
    channel: 'FITC',
    emissionNm: 525,
    lightLevel: 50,
  }
}
