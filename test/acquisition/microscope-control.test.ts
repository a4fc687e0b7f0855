import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MicroscopeControl } from '#main/acquisition/microscope-control.ts'
import { parseConfiguration } from '#main/devices/configuration.ts'
import { openMicroscope } from '#main/devices/open.ts'
import { openConfiguration } from '#main/devices/registry.ts'
import { isAbort } from '#shared/errors.ts'
import { asiFirmware, plugged } from '../devices/simulated.ts'

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

describe('a relative move', () => {
  /** A controller of stage and focus alone, with its joystick in our hand. */
  async function withJoystick(options: { limitsX?: { min: number; max: number } } = {}) {
    const { firmware, binding, log, at: port } = plugged(asiFirmware())
    const drive = { driver: 'asi-ms2000', path: port.path, baudRate: port.baudRate }
    const objectives = [{ id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 }]
    const configuration = parseConfiguration({ name: 'Joystick', stage: { ...drive, ...options }, focus: drive, objectives }, 'a test')
    const microscope = new MicroscopeControl((_name, signal) => openMicroscope(configuration, { binding }, signal))
    await microscope.connect('joystick')
    // So that nothing but the move itself asks.
    microscope.microscope?.quiet()
    log.length = 0
    const at = (axis: 'X' | 'Y' | 'Z') => firmware.positionAt(axis, performance.now())
    return { firmware, log, microscope, at, [Symbol.asyncDispose]: () => microscope[Symbol.asyncDispose]() }
  }

  it('begins where the joystick has left the stage, not where it was read last', async () => {
    await using rig = await withJoystick()
    rig.firmware.joystick('X', 40)
    rig.firmware.joystick('Z', 2)
    await expect.poll(() => [rig.at('X'), rig.at('Z')]).toEqual([40, 2])
    await Promise.all([rig.microscope.moveStage({ x: 10, y: 0, relative: true }), rig.microscope.moveFocus({ z: -0.5, relative: true })])
    expect([rig.at('X'), rig.at('Z')]).toEqual([50, 1.5])
    expect(rig.log[0]).toBe('W X Y Z')
  })

  it('leads back from beyond a limit, where the joystick has left the stage', async () => {
    await using rig = await withJoystick({ limitsX: { min: -100, max: 100 } })
    rig.firmware.joystick('X', 150)
    await expect.poll(() => rig.at('X')).toBe(150)
    await expect(rig.microscope.moveStage({ x: 10, y: 0, relative: true })).rejects.toMatchObject({ kind: 'OutOfRange' })
    await rig.microscope.moveStage({ x: -10, y: 0, relative: true })
    expect(rig.at('X')).toBe(100)
    await rig.microscope.moveStage({ x: -10, y: 0, relative: true })
    expect(rig.at('X')).toBe(90)
  })

  it('adds to the one before it, also while the controller is still being asked where it is', async () => {
    await using rig = await withJoystick()
    rig.firmware.joystick('Y', 25)
    await expect.poll(() => rig.at('Y')).toBe(25)
    await Promise.allSettled([1, 2, 3].map(() => rig.microscope.moveStage({ x: 0, y: 10, relative: true })))
    expect(rig.at('Y')).toBe(55)
  })

  it('does not begin after a stop that came while the controller was being asked', async () => {
    await using rig = await withJoystick()
    rig.firmware.faults.lateMs = 100
    const move = rig.microscope.moveStage({ x: 10, y: 0, relative: true })
    const caught = expect(move).rejects.toSatisfy(isAbort)
    await rig.microscope.stop()
    await caught
    expect(rig.log.filter((line) => line.startsWith('M'))).toEqual([])
  })

  it('is refused where the controller does not say where it is, and so are all that wait with it: none moves later', async () => {
    await using rig = await withJoystick()
    rig.firmware.faults.mute = 1000
    const moves = [1, 2, 3, 4, 5].map(() => rig.microscope.moveStage({ x: 10, y: 0, relative: true }))
    const ended = Promise.allSettled(moves)
    await expect(moves[0]).rejects.toMatchObject({ kind: 'DeviceTimeout' })
    rig.firmware.faults.mute = 0
    for (const end of await ended) expect(end).toMatchObject({ status: 'rejected', reason: { kind: 'DeviceTimeout' } })
    await rig.microscope.moveFocus({ z: 1, relative: true })
    expect(rig.log.filter((line) => line.startsWith('M'))).toEqual(['M Z=10'])
  })
})
