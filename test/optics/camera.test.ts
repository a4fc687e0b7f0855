import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSimulatedCamera } from '#main/devices/simulated/camera.ts'
import type { Pose } from '#main/devices/simulated/scene.ts'
import { renderTruth } from '#main/devices/simulated/truth.ts'
import { openSimulatedTurret } from '#main/devices/simulated/turret.ts'
import { isAbort, isError } from '#shared/errors.ts'
import type { Frame } from '#shared/image/frame.ts'
import { type Bundle, bundle } from '#test/helpers/bundle.ts'

const objectives = [
  { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 },
  { id: '20x', label: '20×/0.75', magnification: 20, numericalAperture: 0.75, pixelSizeUm: 0.325 },
]
const still: Pose = { x: 12, y: -7, z: 1, objective: '10x', light: { B: 50 } }

let program: Bundle
let folder: string
let silent: string
beforeAll(async () => {
  program = await bundle('src-main/devices/simulated/worker.ts')
  folder = await mkdtemp(join(tmpdir(), 'deepscope-camera-'))
  silent = join(folder, 'silent.mjs')
  await writeFile(silent, 'setInterval(() => {}, 1000)')
})
afterAll(async () => {
  await program[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const open = (pose: () => Pose = () => still, more = {}) =>
  openSimulatedCamera({ scene: { poseAt: pose }, objectives, program: program.path, ...more })

async function next(camera: Awaited<ReturnType<typeof open>>, accept: (frame: Frame) => boolean = () => true): Promise<Frame> {
  return new Promise((resolve) => {
    const end = camera.onFrame((frame) => {
      if (!accept(frame)) return
      end()
      resolve(frame)
    })
  })
}

const most = (data: Frame['data']) => (data as Uint16Array).reduce((top, value) => Math.max(top, value), 0)

describe('the simulated camera', () => {
  it('delivers frames from 0 with everything that is known about them, and is dark when the light goes off', async () => {
    let pose = still
    await using camera = await open(() => pose)
    const first = next(camera)
    await camera.start()
    const { width, height, data, metadata } = await first
    expect([width, height, data.length]).toEqual([512, 512, 512 * 512])
    expect(data).toBeInstanceOf(Uint16Array)
    expect(metadata).toMatchObject({ frame: 0, exposureMs: 20, x: 12, y: -7, z: 1, objective: '10x', pixelSizeUm: 0.65 })
    expect(metadata).toMatchObject({ channel: 'FITC', emissionNm: 525, lightLevel: 50 })
    expect(Math.abs(metadata.time - Date.now())).toBeLessThan(60_000)
    expect(most(data)).toBeGreaterThan(800)

    pose = { ...still, light: {} }
    const dark = await next(camera, (frame) => frame.metadata.lightLevel === 0)
    expect(dark.metadata).toMatchObject({ channel: 'Dark', emissionNm: null })
    expect(dark.metadata.frame).toBeGreaterThan(0)
    expect(most(dark.data)).toBeLessThan(130)

    await camera.stop()
    let late = 0
    camera.onFrame(() => late++)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(late).toBe(0)
  })

  it('exposes for 1 to 2000 ms and says so', async () => {
    await using camera = await open()
    await camera.setExposure(150)
    expect(camera.exposureMs.value).toBe(150)
    for (const wrong of [0, 2001, Number.NaN])
      await expect(camera.setExposure(wrong)).rejects.toSatisfy(
        (error) => isError(error, 'OutOfRange') && error.message.includes('1 to 2000 ms'),
      )
    expect(camera.exposureMs.value).toBe(150)
  })

  it('reports a stall, restarts its thread, and gives up with a sentence when that does not help', async () => {
    await using camera = await open(() => still, { program: silent, stallMs: 200 })
    const problems: Error[] = []
    camera.onProblem((problem) => problems.push(problem))
    await camera.start()
    await expect.poll(() => problems.length).toBe(4)
    for (const problem of problems) expect(isError(problem, 'DeviceTimeout')).toBe(true)
    expect(problems[0]?.message).toContain('It is being restarted.')
    expect(problems[3]?.message).toContain('stop and start live view')
    expect(camera.status.value.state).toBe('error')
  })

  it('refuses to start after it has been closed', async () => {
    const camera = await open()
    await camera[Symbol.asyncDispose]()
    expect(camera.status.value.state).toBe('disconnected')
    await expect(camera.start()).rejects.toSatisfy((error) => isError(error, 'DeviceDisconnected'))
  })
})

describe('the ground truth', () => {
  it('is seamless where its tiles meet and covers the field corner by corner', () => {
    const request = { pose: still, exposureMs: 20, seed: 7 }
    const tiled = renderTruth({ ...request, fieldWidth: 520 * 0.325, fieldHeight: 40 * 0.325 })
    expect([tiled.width, tiled.height]).toEqual([520, 40])
    const whole = renderTruth({ ...request, fieldWidth: 40 * 0.325, fieldHeight: 40 * 0.325 })
    // The middle 40 columns of the wide one are the narrow one.
    let worst = 0
    for (let y = 0; y < 40; y++)
      for (let x = 0; x < 40; x++) worst = Math.max(worst, Math.abs(tiled.data[y * 520 + 240 + x]! - whole.data[y * 40 + x]!))
    expect(worst / whole.data.reduce((most, value) => Math.max(most, value), 0)).toBeLessThan(5e-3)
  })
})

describe('the simulated turret', () => {
  it('turns for 0.6 s, busy, with the old objective in the path until it arrives', async () => {
    await using turret = openSimulatedTurret({ objectives, initial: '10x' })
    const turning = turret.select('20x')
    expect(turret.status.value.state).toBe('busy')
    expect(turret.objectiveAt(performance.now())).toBe('10x')
    await turning
    expect(turret.status.value.state).toBe('ready')
    expect(turret.current.value).toBe('20x')
    expect(turret.objectiveAt(performance.now())).toBe('20x')
    expect(turret.objectiveAt(performance.now() - 300)).toBe('10x')
  })

  it('names what it holds when asked for something else', async () => {
    await using turret = openSimulatedTurret({ objectives, initial: '10x' })
    await expect(turret.select('63x')).rejects.toSatisfy((error) => isError(error, 'OutOfRange') && error.message.includes('10x, 20x'))
  })

  it('can be cancelled and overruled', async () => {
    await using turret = openSimulatedTurret({ objectives, initial: '10x' })
    const cancel = new AbortController()
    const turning = turret.select('20x', cancel.signal)
    cancel.abort()
    await expect(turning).rejects.toSatisfy(isAbort)
    const overruled = expect(turret.select('20x')).rejects.toSatisfy(isAbort)
    await turret.select('10x')
    await overruled
    expect(turret.current.value).toBe('10x')
    expect(turret.status.value.state).toBe('ready')
  })
})
