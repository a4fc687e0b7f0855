/** The host as a whole, without a window: what must hold however calls overlap. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createHost, type Host, type HostOptions } from '#main/host.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { withoutNormalisation, writePackage } from '#test/inference/packages.ts'

let folder: string
let host: Host

async function start(options: Partial<HostOptions> = {}): Promise<Host> {
  const folders = { config: join(folder, 'config'), logs: join(folder, 'logs'), data: join(folder, 'data') }
  return createHost({ shell: 'browser', folders, ...options })
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-host-'))
  host = await start()
})

afterEach(async () => {
  await host.close()
  await rm(folder, { recursive: true, force: true })
})

const recording = () => host.parts.recorder.state.value

describe('one camera, asked for several things at once', () => {
  it('goes on recording when a snap that waited for its frame ends', async () => {
    const { captures, control } = host.parts
    await captures.connect('demo')
    await control.setExposure(600)
    const snap = captures.snap(false)
    await captures.startRecording('while snapping')
    await snap
    const { frames } = recording()
    await expect.poll(() => recording().frames).toBeGreaterThan(frames + 1)
    expect(recording().problem).toBeNull()
  })

  it('announces every frame once, however often live view is started', async () => {
    const { captures, live } = host.parts
    await captures.connect('demo')
    await Promise.all([captures.startLive(), captures.startLive(), captures.startLive()])
    const seen: number[] = []
    live.onFrame(({ metadata }) => seen.push(metadata.frame))
    await expect.poll(() => seen.length).toBeGreaterThan(5)
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('refuses the second of two recordings and leaves no half session behind', async () => {
    const { captures, data, recorder } = host.parts
    await captures.connect('demo')
    const results = await Promise.allSettled([captures.startRecording('a'), captures.startRecording('b')])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    await recorder.stop()
    await data.store.refresh()
    expect(data.sessions.value).toHaveLength(1)
    expect(data.sessions.value[0]).toMatchObject({ complete: true })
  })

  it('gives up a snap when the microscope is disconnected', async () => {
    const { captures, control } = host.parts
    await captures.connect('demo')
    await control.setExposure(2000)
    const snap = expect(captures.snap(false)).rejects.toMatchObject({ name: 'AbortError' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await captures.disconnect()
    await snap
  })
})

describe('a recording', () => {
  it('has the pixel size of the objective it was made with', async () => {
    const { captures, recorder, data } = host.parts
    await captures.connect('demo')
    await captures.startLive()
    await expect.poll(() => host.parts.live.newest).not.toBeNull()
    await captures.stopLive()
    await captures.selectObjective('20x')
    const id = await captures.startRecording('at 20×')
    await expect.poll(() => recording().frames).toBeGreaterThan(0)
    await recorder.stop()
    const document = JSON.parse(await readFile(join(data.state.value.folder, id, 'session.json'), 'utf8'))
    expect(JSON.stringify(document)).toContain('"pixelSizeUm":0.325')
    expect((await data.store.open(id)).frames[0]?.pixelSizeUm).toBe(0.325)
  })

  it('keeps its objective and its data folder', async () => {
    const { captures, recorder, data } = host.parts
    await captures.connect('demo')
    await captures.startRecording('kept')
    await expect(captures.selectObjective('20x')).rejects.toMatchObject({ kind: 'Busy' })
    const before = data.state.value.folder
    await expect(host.parts.changeSettings({ dataFolder: join(folder, 'elsewhere') })).rejects.toMatchObject({ kind: 'Busy' })
    expect(data.state.value.folder).toBe(before)
    expect((await recorder.stop()).complete).toBe(true)
  })
})

describe('the data folder', () => {
  it('stays where it was when a relative one is refused', async () => {
    const { data, settings } = host.parts
    const before = data.state.value.folder
    await expect(host.parts.changeSettings({ dataFolder: 'relative-folder' })).rejects.toMatchObject({ kind: 'OutOfRange' })
    expect(data.state.value.folder).toBe(before)
    expect(settings.state.value.dataFolder).toBe(before)
  })

  it('stays where it was when the new one cannot be made', async () => {
    const { data, settings } = host.parts
    const before = data.state.value.folder
    await writeFile(join(folder, 'file'), '')
    await expect(host.parts.changeSettings({ dataFolder: join(folder, 'file', 'below') })).rejects.toMatchObject({ kind: 'StorageRefused' })
    expect(data.state.value.folder).toBe(before)
    expect(settings.state.value.dataFolder).toBe(before)
  })
})

describe('the clock', () => {
  it('may be set while the host runs: a snap still finds its frame', async () => {
    const { captures } = host.parts
    await captures.connect('demo')
    const real = Date.now
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => real() + 60_000)
    try {
      await captures.snap(false)
    } finally {
      clock.mockRestore()
    }
  })
})

describe('a network that fails', () => {
  /** A stack whose second plane asks the network `greedy` for more memory than there is; both are too large to go through it together. */
  async function greedyStack(): Promise<string> {
    const path = join(folder, 'stack.ome.tif')
    const side = 1024
    const channels = [{ name: '', color: '#ffffff' }]
    const size = { width: side, height: side, sizeZ: 2, sizeC: 1, sizeT: 1 }
    await using writer = await createOmeTiff(path, { name: 'stack', ...size, pixelType: 'float32', pixelSizeUm: 0.325, channels })
    for (const value of [1, 1e9]) await writer.writePlane(new Float32Array(side * side).fill(value))
    await writer.close()
    return path
  }

  it('for want of memory takes neither the microscope nor half a file along', async () => {
    const { captures, control, live, jobs, inference, models, data } = host.parts
    await writePackage(join(folder, 'config', 'models'), 'greedy', { network: 'greedy', change: withoutNormalisation })
    await models.refresh()
    const path = await greedyStack()
    await captures.connect('demo')
    await control.setLight(control.state.value.light?.channels[0]?.id ?? '', { on: true, level: 30 })
    await captures.startLive()
    await expect.poll(() => live.newest).not.toBeNull()
    const devices = () => {
      const { stage, focus, light, devices: list } = control.state.value
      return { stage, focus, light, problems: list.map(({ problem }) => problem) }
    }
    const before = devices()
    const job = jobs.start({ path, temporary: false, name: 'stack.ome.tif', pixelSizeUm: null, model: 'greedy' })
    const state = () => jobs.state.value.find(({ id }) => id === job)
    await expect.poll(() => state()?.status).toBe('failed')
    const seen = live.newest?.metadata.frame ?? 0
    expect(state()?.problem).toMatch(/not enough memory to run the network "Test network greedy" .*smaller image/)
    expect(await readdir(join(data.state.value.folder, 'enhanced'))).toEqual([])
    expect(devices()).toEqual(before)
    await expect.poll(() => live.newest?.metadata.frame).toBeGreaterThan(seen + 2)
    expect(live.state.value.problem).toBeNull()
    await expect.poll(() => inference.state.value).toMatchObject({ status: 'ready', restarts: 1 })
    // Other work may keep the machine busy.
  }, 180_000)
})

describe('the end', () => {
  it('is final: nothing connects after it', async () => {
    const { captures, control } = host.parts
    const closing = captures.connect('demo').then(() => host.close())
    const late = closing.then(() => captures.connect('demo'))
    await expect(late).rejects.toMatchObject({ name: 'AbortError' })
    expect(control.microscope).toBeNull()
  })
})

describe('a configuration', () => {
  it('may be a path only where the host was told so, never by a name from a window', async () => {
    const { captures } = host.parts
    await expect(captures.connect('../../etc/passwd')).rejects.toMatchObject({ kind: 'BadRequest' })
    await expect(captures.connect(join(folder, 'mine.json'))).rejects.toMatchObject({ kind: 'BadRequest' })
    const file = join(folder, 'mine.json')
    const objective = { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 }
    await writeFile(file, JSON.stringify({ name: 'Mine', camera: { driver: 'simulated' }, objectives: [objective] }))
    await host.close()
    host = await start({ configurationFile: file })
    await host.parts.captures.connect(file)
    expect(host.parts.control.state.value.camera).not.toBeNull()
  })
})
