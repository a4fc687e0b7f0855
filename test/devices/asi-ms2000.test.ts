import { describe, expect, it } from 'vitest'
import { type AsiDevices, type AsiOptions, asiMs2000 } from '#main/devices/drivers/asi-ms2000/driver.ts'
import { refusalOf } from '#main/devices/drivers/asi-ms2000/protocol.ts'
import type { FocusDrive, XYStage } from '#main/devices/kinds.ts'
import { isAbort, isError } from '#shared/errors.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { asiFirmware, plugged, sleep, until } from './simulated.ts'

failOnLeaks()

/** Driver and emulator, connected. */
async function connected(options: Partial<AsiOptions> & { baudRate?: number; position?: number } = {}) {
  const { baudRate, position, ...rest } = options
  const cable = plugged(asiFirmware(baudRate, position))
  const devices: AsiDevices = await asiMs2000.open(cable.at, { stage: {}, focus: {}, ...rest })
  const { stage, focus } = devices
  if (!stage || !focus) throw new Error('Both were asked for.')
  cable.log.length = 0
  const moves = () => cable.log.filter((line) => !/^[/W]/.test(line))
  const now = (axis: 'X' | 'Y' | 'Z') => cable.firmware.positionAt(axis, performance.now())
  const { log, firmware, binding, vanish, events } = cable
  return {
    log,
    firmware,
    binding,
    vanish,
    events,
    moves,
    now,
    quiet: () => devices.quiet(),
    stage: stage as XYStage,
    focus: focus as FocusDrive,
    [Symbol.asyncDispose]: () => devices[Symbol.asyncDispose](),
  }
}

describe('the ASI MS-2000 driver', () => {
  it('moves stage and focus where it is told and resolves on arrival', async () => {
    await using rig = await connected()
    const { stage, focus } = rig
    await stage.moveTo({ x: 150.3, y: -20 })
    expect([rig.now('X'), rig.now('Y')]).toEqual([150.3, -20])
    expect(stage.position.value).toEqual({ x: 150.3, y: -20, moving: false })
    await focus.moveTo(12.5)
    expect(rig.now('Z')).toBe(12.5)
    expect(focus.position.value).toEqual({ z: 12.5, moving: false })
    expect(rig.moves()).toEqual(['M X=1503 Y=-200', 'M Z=125'])
  })

  it('resolves no sooner than the mechanics allow: 1 mm at 4 mm/s with a 100 ms ramp takes 350 ms', async () => {
    await using rig = await connected()
    const begun = performance.now()
    await rig.stage.moveTo({ x: 1000, y: 0 })
    const taken = performance.now() - begun
    expect(taken).toBeGreaterThanOrEqual(350)
    expect(taken).toBeLessThan(350 * 2 + 2000)
  })

  it('follows the position while it moves, and asks only now and then while it rests', async () => {
    await using rig = await connected({ pollMs: 100 })
    const seen: number[] = []
    const states: string[] = []
    rig.stage.position.watch(({ x, moving }) => moving && seen.push(x))
    rig.stage.status.watch(({ state }) => states.push(state))
    await rig.stage.moveTo({ x: 800, y: 0 })
    expect(seen.length).toBeGreaterThan(5)
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(states).toEqual(['ready', 'busy', 'ready'])
    await sleep(60)
    rig.log.length = 0
    await sleep(350)
    expect(new Set(rig.log)).toEqual(new Set(['W X Y Z']))
    expect(rig.log.length).toBeLessThanOrEqual(4)
  })

  it('notices what somebody does with the joystick and the wheel of the focus', async () => {
    await using rig = await connected({ pollMs: 20 })
    rig.firmware.joystick('X', 120)
    rig.firmware.joystick('Z', -7.5)
    await until(() => rig.stage.position.value.x === 120 && rig.focus.position.value.z === -7.5)
    await until(() => !rig.stage.position.value.moving)
    expect(rig.stage.position.value).toEqual({ x: 120, y: 0, moving: false })
  })

  it('says that the stage moves when somebody uses the joystick, and that it rests once it stays', async () => {
    await using rig = await connected({ pollMs: 20 })
    const [stage, focus]: [boolean[], boolean[]] = [[], []]
    rig.stage.position.watch(({ moving }) => moving !== stage.at(-1) && stage.push(moving))
    rig.focus.position.watch(({ moving }) => moving !== focus.at(-1) && focus.push(moving))
    for (const x of [500, 1000]) {
      rig.firmware.joystick('X', 500)
      await until(() => rig.stage.position.value.moving)
      expect(rig.stage.status.value.state).toBe('busy')
      await until(() => rig.stage.position.value.x === x && !rig.stage.position.value.moving)
    }
    expect(rig.stage.status.value.state).toBe('ready')
    expect(stage).toEqual([false, true, false, true, false])
    expect(focus).toEqual([false])
  })

  it('no longer says that a stage moves whose port has vanished meanwhile', async () => {
    await using rig = await connected({ pollMs: 20 })
    rig.firmware.joystick('X', 5000)
    await until(() => rig.stage.position.value.moving)
    rig.vanish()
    await until(() => rig.stage.status.value.state === 'disconnected')
    await sleep(60)
    expect(rig.stage.position.value.moving).toBe(false)
  })

  it('does not take the jitter of a stage that rests for a motion', async () => {
    await using rig = await connected({ pollMs: 20 })
    rig.firmware.joystick('X', 0.2)
    await until(() => rig.stage.position.value.x === 0.2)
    expect(rig.stage.position.value.moving).toBe(false)
  })

  it('does not look for the joystick during an acquisition', async () => {
    await using rig = await connected({ pollMs: 20 })
    rig.firmware.joystick('X', 120)
    await until(() => rig.stage.position.value.moving)
    const quiet = rig.quiet()
    expect(rig.stage.position.value.moving).toBe(false)
    await sleep(40)
    rig.log.length = 0
    await sleep(100)
    expect(rig.log).toEqual([])
    expect(rig.stage.position.value.moving).toBe(false)
    quiet[Symbol.dispose]()
    await until(() => rig.log.includes('W X Y Z'))
  })

  it('says that a controller at rest no longer answers, and forgets it when it does again', async () => {
    await using rig = await connected({ pollMs: 20 })
    rig.firmware.faults.mute = 1000
    await until(() => rig.stage.status.value.state === 'error', 5000)
    expect(rig.stage.status.value.problem).toContain('did not answer within 500 ms, 3 times: sent "W X Y Z\\r"')
    rig.firmware.faults.mute = 0
    await until(() => rig.stage.status.value.state === 'ready', 5000)
    expect(rig.stage.status.value.problem).toBeNull()
  })

  it('moves both at once on one port, each resolving for itself', async () => {
    await using rig = await connected()
    const order: string[] = []
    await Promise.all([
      rig.focus.moveTo(400).then(() => order.push('focus')),
      rig.stage.moveTo({ x: 50, y: 0 }).then(() => order.push('stage')),
    ])
    expect(order).toEqual(['stage', 'focus'])
    expect([rig.now('X'), rig.now('Z')]).toEqual([50, 400])
  })

  it('lets a newer move take the place of an older one', async () => {
    await using rig = await connected()
    const old = rig.stage.moveTo({ x: 4000, y: 0 })
    const caught = expect(old).rejects.toSatisfy(isAbort)
    await sleep(60)
    await rig.stage.moveTo({ x: 100, y: 0 })
    await caught
    expect(rig.now('X')).toBe(100)
  })

  it('inverts axes: the user counts the other way, limits included', async () => {
    await using rig = await connected({ stage: { invertX: true }, focus: { invert: true, limits: { min: -100, max: 30 } } })
    await rig.stage.moveTo({ x: 25, y: 5 })
    await rig.focus.moveTo(-7)
    expect([rig.now('X'), rig.now('Y'), rig.now('Z')]).toEqual([-25, 5, 7])
    expect(rig.stage.position.value).toMatchObject({ x: 25, y: 5 })
    expect(rig.focus.limits).toEqual({ min: -100, max: 30 })
    expect(rig.stage.limits.x).toEqual({ min: -5000, max: 5000 })
  })

  it('refuses a target outside its limits, or no number, without sending it', async () => {
    await using rig = await connected({ stage: { limitsX: { min: -100, max: 100 } } })
    await expect(rig.stage.moveTo({ x: 101, y: 0 })).rejects.toThrow('x = 101 µm is outside the limits of -100 to 100 µm')
    await expect(rig.stage.moveTo({ x: 0, y: 6000 })).rejects.toSatisfy((error) => isError(error, 'OutOfRange'))
    await expect(rig.focus.moveTo(Number.NaN)).rejects.toSatisfy((error) => isError(error, 'OutOfRange'))
    expect(rig.moves()).toEqual([])
  })

  it('stops: HALT overtakes the moves that wait, and the stage stands still', async () => {
    await using rig = await connected({ baudRate: 9600 })
    const moves = [rig.stage.moveTo({ x: 4000, y: 0 }), rig.focus.moveTo(400)]
    const caught = Promise.allSettled(moves)
    await rig.stage.stop()
    for (const outcome of await caught) expect(outcome.status === 'rejected' && isAbort(outcome.reason)).toBe(true)
    // The first line was being written; the focus move, which waited, was never sent.
    expect(rig.moves()).toEqual(['M X=40000 Y=0', '\\'])
    await sleep(150)
    expect(rig.firmware.positionAt('X', performance.now() + 5000)).toBe(rig.now('X'))
    expect(rig.now('X')).toBeLessThan(500)
  })

  it('knows where it stopped', async () => {
    await using rig = await connected()
    const move = rig.stage.moveTo({ x: 4000, y: 0 })
    const caught = expect(move).rejects.toSatisfy(isAbort)
    await sleep(300)
    await rig.stage.stop()
    await caught
    // It brakes for another 0.1 s; the driver follows until it stands still.
    await until(() => Math.abs(rig.stage.position.value.x - rig.now('X')) < 0.06)
    expect(rig.now('X')).toBeGreaterThan(0)
    await rig.stage.moveTo({ x: 0, y: 0 })
    expect(rig.now('X')).toBe(0)
  })

  it('halts a move that is cancelled', async () => {
    await using rig = await connected()
    const cancel = new AbortController()
    const move = rig.stage.moveTo({ x: 4000, y: 0 }, cancel.signal)
    const caught = expect(move).rejects.toSatisfy(isAbort)
    await sleep(100)
    cancel.abort()
    await caught
    await sleep(200)
    expect(rig.moves()).toEqual(['M X=40000 Y=0', '\\'])
    expect(rig.now('X')).toBeLessThan(1500)
  })

  it('reports :N-4 as a refusal in words and goes on working', async () => {
    await using rig = await connected()
    rig.firmware.faults.refuse = 4
    const move = rig.stage.moveTo({ x: 10, y: 0 })
    await expect(move).rejects.toSatisfy((error) => isError(error, 'DeviceRefused'))
    await expect(move).rejects.toThrow('rejected "M X=100 Y=0": a value is out of its range (it answered ":N-4")')
    await rig.stage.moveTo({ x: 10, y: 0 })
    expect(rig.now('X')).toBe(10)
  })

  it('survives garbage, half, merged and lost replies', async () => {
    await using rig = await connected()
    for (const fault of ['garbage', 'half', 'merge', 'mute'] as const) {
      const x = rig.stage.position.value.x + 20
      const move = rig.stage.moveTo({ x, y: 0 })
      await sleep(30)
      rig.firmware.faults[fault] = 1
      await move
      expect(rig.now('X')).toBeCloseTo(x, 6)
      expect(rig.firmware.faults[fault]).toBe(0)
    }
  })

  it('does not mistake late replies for fresh ones', async () => {
    await using rig = await connected()
    rig.firmware.faults.lateMs = 700
    const move = rig.stage.moveTo({ x: 200, y: 0 })
    await sleep(1200)
    rig.firmware.faults.lateMs = 0
    await move
    expect(rig.stage.position.value).toEqual({ x: 200, y: 0, moving: false })
  })

  it('forgets a move that was given up for want of answers as a problem, once the controller answers again', async () => {
    await using rig = await connected({ pollMs: 20 })
    rig.firmware.faults.mute = 1000
    await expect(rig.stage.moveTo({ x: 40, y: 0 })).rejects.toSatisfy((error) => isError(error, 'DeviceTimeout'))
    await until(() => rig.stage.status.value.state === 'error')
    rig.firmware.faults.mute = 0
    await until(() => rig.stage.status.value.state === 'ready', 5000)
  })

  it('halts a stage that never stops being busy, and says so', async () => {
    await using rig = await connected({ patienceMs: 200, pollMs: 20 })
    rig.firmware.faults.neverIdle = true
    const move = rig.stage.moveTo({ x: 40, y: 0 })
    await expect(move).rejects.toSatisfy((error) => isError(error, 'DeviceTimeout'))
    // How long it should take follows from where the first look finds it.
    await expect(move).rejects.toThrow(/is still busy with X and Y long after the 0\.\d s that the move should take, and was halted/)
    await sleep(50)
    expect(rig.moves()).toEqual(['M X=400 Y=0', '\\'])
    expect(rig.stage.status.value).toMatchObject({ state: 'error', problem: expect.stringContaining('halted') })
    // That it answers does not mean that the obstacle is gone.
    await until(() => rig.log.filter((line) => line.startsWith('W')).length > 20)
    expect(rig.stage.status.value.state).toBe('error')
    rig.firmware.faults.neverIdle = false
    await rig.stage.moveTo({ x: 0, y: 0 })
    expect(rig.stage.status.value).toMatchObject({ state: 'ready', problem: null })
  })

  it('rejects the move and shows "disconnected" when the port vanishes while it moves', async () => {
    await using rig = await connected()
    const move = rig.stage.moveTo({ x: 4000, y: 0 })
    const caught = expect(move).rejects.toSatisfy((error) => isError(error, 'DeviceDisconnected'))
    await sleep(100)
    rig.vanish()
    await caught
    expect(rig.stage.status.value).toMatchObject({ state: 'disconnected', problem: expect.stringContaining('was lost') })
    expect(rig.focus.status.value.state).toBe('disconnected')
    await expect(rig.stage.moveTo({ x: 0, y: 0 })).rejects.toSatisfy((error) => isError(error, 'DeviceDisconnected'))
    await expect(rig.stage.stop()).rejects.toSatisfy((error) => isError(error, 'DeviceDisconnected'))
  })

  it('halts and frees the port when it is disposed', async () => {
    const rig = await connected()
    const move = rig.stage.moveTo({ x: 4000, y: 0 })
    const caught = expect(move).rejects.toSatisfy(isAbort)
    await sleep(80)
    await rig[Symbol.asyncDispose]()
    await caught
    expect(rig.moves().at(-1)).toBe('\\')
    expect(rig.stage.status.value.state).toBe('disconnected')
    await using again = await asiMs2000.open({ path: 'test', baudRate: 115_200, binding: rig.binding }, { focus: {} })
    expect(again.stage).toBeNull()
    expect(again.focus).not.toBeNull()
  })

  it('says what is missing where nobody answers, and frees the port', async () => {
    const cable = plugged(asiFirmware())
    cable.firmware.faults.mute = 100
    const opening = asiMs2000.open(cable.at, { stage: {} })
    await expect(opening).rejects.toThrow('No ASI controller answers on test at 115200 baud.')
    await expect(opening).rejects.toSatisfy((error) => isError(error, 'DeviceNotFound'))
    cable.firmware.faults.mute = 0
    await using devices = await asiMs2000.open(cable.at, { stage: {} })
    expect(devices.stage).not.toBeNull()
  })

  it('works with a controller that does not know every setting, once its limits are configured', async () => {
    const cable = plugged(asiFirmware())
    cable.firmware.faults.unknown = ['SPEED', 'ACCEL', 'SETLOW', 'SETUP']
    await expect(asiMs2000.open(cable.at, { focus: {} })).rejects.toThrow(
      'does not tell the limits of its Z axis. State them in the configuration.',
    )
    await using devices = await asiMs2000.open(cable.at, { focus: { limits: { min: -10, max: 10 } } })
    await devices.focus?.moveTo(9)
    expect(devices.focus?.position.value.z).toBe(9)
  })

  it('can be cancelled while it opens', async () => {
    const cable = plugged(asiFirmware())
    cable.firmware.faults.mute = 100
    const opening = asiMs2000.open(cable.at, { stage: {} }, AbortSignal.timeout(50))
    await expect(opening).rejects.toSatisfy(isAbort)
  })

  it('takes as long for a question at 9600 baud as its bytes do', async () => {
    await using rig = await connected({ baudRate: 9600 })
    const begun = performance.now()
    await rig.stage.stop()
    // "\" CR out, ":A " CR back up to its CR: 2 + 4 bytes of 1.0417 ms.
    expect(performance.now() - begun).toBeGreaterThanOrEqual(6 * 1.0416)
  })

  it('knows the codes of a refusal in every spelling', () => {
    const spellings = [':N-4', ':N -4', ':N4', ':N-21', ':N-99', ':A', 'N', ':A 5']
    expect(spellings.map(refusalOf)).toEqual([
      'a value is out of its range',
      'a value is out of its range',
      'a value is out of its range',
      'it was halted',
      'error 99',
      null,
      null,
      null,
    ])
  })
})
