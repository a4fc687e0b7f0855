import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DemoMicroscope, openDemoMicroscope } from '#main/devices/demo.ts'
import { entryPath, rootFolder } from '#main/processes.ts'
import { isAbort } from '#shared/errors.ts'
import type { Frame } from '#shared/image/frame.ts'

describe('the demo microscope', () => {
  let microscope: DemoMicroscope
  beforeAll(async () => {
    if (!existsSync(entryPath('simulation-worker'))) execFileSync(process.execPath, ['scripts/build.mjs', '--main'], { cwd: rootFolder })
    microscope = await openDemoMicroscope({ seed: 1 })
  })
  afterAll(() => microscope[Symbol.asyncDispose]())

  it('is a whole microscope, simulated in every part, that the guardian need not watch', () => {
    const { stage, focus, light, camera, turret } = microscope
    for (const device of [stage, focus, light, camera, turret])
      expect(device?.status.value).toMatchObject({ state: 'ready', simulated: true })
    expect(microscope.safeStates).toEqual([])
    expect(microscope.configuration).toBe('demo')
  })

  it('has the objectives and channels of docs/optics.md, and starts with the 10× and the light off', () => {
    expect(microscope.turret?.objectives.map(({ id, numericalAperture, pixelSizeUm }) => [id, numericalAperture, pixelSizeUm])).toEqual([
      ['10x', 0.4, 0.65],
      ['20x', 0.75, 0.325],
    ])
    expect(microscope.turret?.current.value).toBe('10x')
    expect(Object.entries(microscope.channels).map(([id, { name, emissionNm }]) => [id, name, emissionNm])).toEqual([
      ['A', 'DAPI', 460],
      ['B', 'FITC', 525],
      ['C', 'TxRed', 615],
    ])
    expect(microscope.light?.channels.value.map(({ id, on }) => [id, on])).toEqual([
      ['A', false],
      ['B', false],
      ['C', false],
    ])
  })

  it('takes pictures where the motors are, in the light that shines', async () => {
    const { camera, light, stage, focus } = microscope
    if (!camera || !light || !stage || !focus) throw new Error('Something is missing.')
    await stage.moveTo({ x: 120, y: -35.5 })
    await focus.moveTo(2.5)
    await light.set('B', { on: true, level: 40 })
    const taken = new Promise<Frame>((resolve, reject) => {
      const since = Date.now()
      camera.onProblem(reject)
      // Frames whose exposure had begun before the light was on are not of interest.
      camera.onFrame((frame) => frame.metadata.time - frame.metadata.exposureMs > since && resolve(frame))
    })
    await camera.start()
    const { metadata, data } = await taken
    await camera.stop()
    expect(metadata).toMatchObject({ x: 120, y: -35.5, z: 2.5, objective: '10x', channel: 'FITC', emissionNm: 525, lightLevel: 40 })
    // Brighter than the camera's offset of 100 ADU, see docs/optics.md.
    let sum = 0
    for (const value of data) sum += value
    expect(sum / data.length).toBeGreaterThan(110)
  })

  it('stops opening when that is cancelled', async () => {
    await expect(openDemoMicroscope({}, AbortSignal.abort())).rejects.toSatisfy(isAbort)
    await expect(openDemoMicroscope({}, AbortSignal.timeout(5))).rejects.toSatisfy(isAbort)
  })
})
