import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSessionStore } from '#main/storage/session.ts'
import type { ErrorData } from '#shared/errors.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'
import { temporaryFolder } from './folder.ts'
import { frame, random, sha256 } from './frames.ts'
import { pythonInput, runPython } from './python.ts'

let program: Bundle

beforeAll(async () => {
  program = await bundle('test/storage/record-program.ts')
})
afterAll(() => program[Symbol.asyncDispose]())

interface Said {
  readonly finished: number[]
  readonly failed?: ErrorData
  readonly reopened?: { frames: number; allSame: boolean; complete: boolean; notes: string[]; left: string[] }
}

/** Collects what the program says until its output ends. `onFinished` hears of every finished frame as it comes. */
async function listen(child: ChildProcess, onFinished: (index: number) => void = () => undefined): Promise<Said> {
  const ended = new Promise((resolve) => child.once('close', resolve))
  const said: { finished: number[]; failed?: ErrorData; reopened?: Said['reopened'] } = { finished: [] }
  const errors: string[] = []
  child.stderr?.on('data', (text) => errors.push(String(text)))
  if (child.stdout) {
    for await (const line of createInterface({ input: child.stdout })) {
      // The last line may have been cut off by the death.
      const value = parse(line)
      if (value?.finished !== undefined) {
        said.finished.push(value.finished)
        onFinished(value.finished)
      }
      Object.assign(said, value?.failed && { failed: value.failed }, value?.reopened && { reopened: value.reopened })
    }
  }
  await ended
  if (said.finished.length === 0 && !said.failed) throw new Error(`The program said nothing: ${errors.join('')}`)
  return said
}

function parse(line: string): { finished?: number; failed?: ErrorData; reopened?: Said['reopened'] } | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

async function onlySession(folder: string): Promise<string> {
  const [id] = await readdir(folder)
  return join(folder, id ?? '')
}

describe('kill -9 while recording', () => {
  const next = random(20260517)
  const deaths = Array.from({ length: 12 }, (_, index) => ({
    version: index % 2 === 0 ? '0.4' : '0.5',
    afterMs: Math.round(next() * 400),
    number: index,
  }))

  it('at twelve random moments loses no finished frame, neither here nor, in OME-Zarr 0.4, in python3-zarr', async () => {
    const root = await temporaryFolder()
    const recorded: { folder: string; version: string; finished: number[] }[] = []
    for (const { version, afterMs, number } of deaths) {
      const folder = join(root, String(number))
      await mkdir(folder)
      const child = spawn(process.execPath, [program.path, folder, version], { stdio: ['ignore', 'pipe', 'pipe'] })
      const { finished } = await listen(child, (index) => {
        if (index === 0) setTimeout(() => child.kill('SIGKILL'), afterMs)
      })
      expect(child.signalCode).toBe('SIGKILL')
      recorded.push({ folder, version, finished })
    }

    // The foreign reader first: opening a session here may repair its shape.
    const foreign = recorded.filter(({ version }) => version === '0.4')
    const script = `${pythonInput}
import zarr
out = []
for path, frames in given:
    array = zarr.open_group(path, mode='r')['0']
    out.append([hashlib.sha256(np.ascontiguousarray(array[t]).tobytes()).hexdigest() if t < array.shape[0] else None for t in frames])
print(json.dumps(out))`
    const images = await Promise.all(
      foreign.map(async ({ folder, finished }) => [join(await onlySession(folder), 'image.ome.zarr'), finished]),
    )
    const read = await runPython<string[][]>(script, images)
    for (const [at, { finished }] of foreign.entries()) expect(read[at]).toEqual(finished.map((index) => sha256(frame(index).data)))

    for (const { folder, version, finished } of recorded) {
      await using store = await openSessionStore(folder)
      const [summary] = store.sessions.value
      const session = await store.open(summary?.id ?? '')
      expect({ version, complete: session.summary.complete }).toEqual({ version, complete: false })
      expect(session.frames.length).toBeGreaterThanOrEqual(finished.length)
      for (const index of finished) expect(sha256((await session.read(index)).data)).toBe(sha256(frame(index).data))
      const metadata = version === '0.4' ? '.zarray' : 'zarr.json'
      const { shape } = JSON.parse(await readFile(join(await onlySession(folder), 'image.ome.zarr', '0', metadata), 'utf8'))
      expect(shape[0]).toBeLessThanOrEqual(session.frames.length)
    }
  })
})

describe('a disk that takes no more', () => {
  it('when it is full closes the session with every finished frame, names the file and the free space, and leaves no litter', async (context) => {
    const folder = await temporaryFolder()
    // A disk of 2 MB in a mount namespace of its own: it goes away with the process.
    const command = 'mount -t tmpfs -o size=2m tmpfs "$1" && exec "$2" "$3" "$1" 0.4'
    const mayMount = await succeeds('unshare', ['-rm', 'mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder])
    if (!mayMount) context.skip('this account may not mount a small disk; the test of a file size limit below stands in for it')
    const child = spawn('unshare', ['-rm', 'bash', '-c', command, 'bash', folder, process.execPath, program.path], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { finished, failed, reopened } = await listen(child)
    expect(finished.length).toBeGreaterThan(50)
    expect(failed).toMatchObject({ kind: 'StorageFull', info: { code: 'ENOSPC', path: expect.stringContaining(folder) } })
    expect(failed?.message).toMatch(/the disk is full; .* are free\. .* finished frames are kept\.$/)
    expect(reopened).toMatchObject({ frames: finished.length, allSame: true, complete: false, left: [] })
  })

  it('when a file may not grow closes the session with every finished frame', async () => {
    const folder = await temporaryFolder()
    // Eight blocks: chunks of 3 KB fit, the index outgrows them.
    const command = `trap '' XFSZ; ulimit -f 8; exec "$1" "$2" "$3" 0.5`
    const child = spawn('bash', ['-c', command, 'bash', process.execPath, program.path, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
    const { finished, failed, reopened } = await listen(child)
    expect(failed).toMatchObject({ kind: 'StorageFull', info: { code: 'EFBIG', path: expect.stringContaining('frames.jsonl') } })
    expect(reopened).toMatchObject({ frames: finished.length, allSame: true, complete: false, left: [] })
    expect(finished.length).toBeGreaterThan(10)
  })
})

function succeeds(command: string, parameters: string[]): Promise<boolean> {
  return new Promise((resolve) => execFile(command, parameters, (error) => resolve(!error)))
}
