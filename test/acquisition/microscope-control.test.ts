import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MicroscopeControl } from '#main/acquisition/microscope-control.ts'
import { openConfiguration } from '#main/devices/registry.ts'

let control: MicroscopeControl

beforeEach(async () => {
  control = new MicroscopeControl((configuration, signal) => openConfiguration(configuration, signal))
  await control.connect('demo')
})
afterEach(() => control[Symbol.asyncDispose]())

const stage = () => control.state.value.stage!

describe('microscope control on the demo microscope', () => {
  it('adds up relative moves that come while the stage is still moving', async () => {
    const { x } = stage()
    await Promise.allSettled([1, 2, 3].map(() => control.moveStage({ x: 10, y: 0, relative: true })))
    await expect.poll(() => stage().moving).toBe(false)
    expect(stage().x).toBeCloseTo(x + 30, 0)
  })

  it('refuses a move beyond the limits with a sentence that names them', async () => {
    const before = stage()
    await expect(control.moveStage({ x: 1e6, y: 0, relative: false })).rejects.toMatchObject({
      kind: 'OutOfRange',
      message: expect.stringMatching(/µm is outside/),
    })
    expect(stage()).toEqual(before)
  })

  it('stops motion and light at once, and can be used again', async () => {
    await control.setLight('B', { on: true, level: 40 })
    const move = control.moveStage({ x: 2000, y: 0, relative: true })
    const ended = expect(move).rejects.toMatchObject({ name: 'AbortError' })
    await expect.poll(() => stage().moving).toBe(true)
    await control.stop()
    await ended
    await expect.poll(() => stage().moving).toBe(false)
    expect(control.state.value.light?.channels.every(({ on }) => !on)).toBe(true)
    const { y } = stage()
    await control.moveStage({ x: 0, y: 5, relative: true })
    expect(stage().y).toBeCloseTo(y + 5, 0)
  })

  it('names what is missing when nothing is connected', async () => {
    await control.disconnect()
    await expect(control.moveFocus({ z: 1, relative: true })).rejects.toThrow('No focus drive is connected. Start a microscope first.')
    expect(control.state.value.devices).toEqual([])
  })

  it('refuses channels and objectives that do not exist', async () => {
    await expect(control.setLight('Z', { on: true })).rejects.toThrow('no channel “Z”')
    await expect(control.selectObjective('100x')).rejects.toThrow('no objective “100x”')
    await expect(control.setExposure(1e9)).rejects.toMatchObject({ kind: 'OutOfRange' })
  })
})
