import { afterEach, describe, expect, it } from 'vitest'
import { asiMs2000 } from '#main/devices/drivers/asi-ms2000/driver.ts'
import { coolLedPe300 } from '#main/devices/drivers/coolled-pe300.ts'
import { systemBinding } from '#main/devices/serial/binding.ts'
import { Port } from '#main/devices/serial/port.ts'
import { isAbort, isError } from '#shared/errors.ts'
import { activeResources, failOnLeaks, leaksSince } from '#test/helpers/leaks.ts'
import { type EmulatorProcess, emulatorProcess } from '../helpers/pty.ts'
import { sleep, until } from './simulated.ts'

failOnLeaks()

/** The real serialport stack: its native binding on one end of a pair, the controller in another process on the other. */
describe('drivers on a real serial port', () => {
  const emulators: EmulatorProcess[] = []
  const emulate = async (device: 'asi-ms2000' | 'coolled-pe300', baudRate: number) => {
    const emulator = await emulatorProcess(device, baudRate)
    emulators.push(emulator)
    return emulator
  }
  afterEach(async () => {
    for (const emulator of emulators.splice(0)) await emulator[Symbol.asyncDispose]()
  })

  it('moves stage and focus, though a pseudo-terminal knows neither RTS nor DTR', async () => {
    const emulator = await emulate('asi-ms2000', 115_200)
    await using devices = await asiMs2000.open(emulator, { stage: {}, focus: {} })
    await Promise.all([devices.stage?.moveTo({ x: 123.4, y: -50 }), devices.focus?.moveTo(8)])
    expect(await emulator.state()).toEqual({ x: 123.4, y: -50, z: 8 })
    expect(devices.stage?.position.value).toEqual({ x: 123.4, y: -50, moving: false })
  })

  it('lets the stop overtake the queue: the controller hears the line being written, then HALT, and nothing that waited', async () => {
    const emulator = await emulate('asi-ms2000', 9600)
    await using devices = await asiMs2000.open(emulator, { stage: {}, focus: {} })
    const begun = emulator.log.length
    const moves = Promise.allSettled([devices.stage?.moveTo({ x: 4000, y: 0 }), devices.focus?.moveTo(400)])
    await devices.stage?.stop()
    for (const outcome of await moves) expect(outcome.status === 'rejected' && isAbort(outcome.reason)).toBe(true)
    await sleep(200)
    const heard = emulator.log.slice(begun).map(({ line }) => line)
    expect(heard.slice(0, 2)).toEqual(['M X=40000 Y=0', '\\'])
    expect(heard.filter((line) => line.startsWith('M'))).toHaveLength(1)
  })

  it('takes as long as the bytes do at 9600 baud', async () => {
    const emulator = await emulate('asi-ms2000', 9600)
    await using devices = await asiMs2000.open(emulator, { stage: {} })
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const begun = performance.now()
      await devices.stage?.stop()
      times.push(performance.now() - begun)
      await sleep(60)
    }
    // "\" CR there, ":A " CR back: 6 bytes of 1.0417 ms.
    expect(Math.min(...times)).toBeGreaterThanOrEqual(6 * 1.0416)
    expect(Math.min(...times)).toBeLessThan(200)
  })

  it('notices that the port vanishes while the stage moves, and can be closed afterwards', async () => {
    const emulator = await emulate('asi-ms2000', 115_200)
    const devices = await asiMs2000.open(emulator, { stage: {} })
    const move = devices.stage?.moveTo({ x: 4000, y: 0 })
    const caught = expect(move).rejects.toSatisfy((error) => isError(error, 'DeviceDisconnected'))
    await sleep(100)
    await emulator.vanish()
    await caught
    expect(devices.stage?.status.value).toMatchObject({ state: 'disconnected', problem: expect.stringContaining(emulator.path) })
    await devices[Symbol.asyncDispose]()
    await devices[Symbol.asyncDispose]()
  })

  it('notices that an idle port vanishes', async () => {
    const emulator = await emulate('coolled-pe300', 57_600)
    await using light = await coolLedPe300.open(emulator, {})
    await emulator.vanish()
    const deadline = Date.now() + 3000
    while (light.status.value.state !== 'disconnected' && Date.now() < deadline) await sleep(10)
    expect(light.status.value.state).toBe('disconnected')
  })

  it('lights, follows the pod, and goes dark when it is closed', async () => {
    const emulator = await emulate('coolled-pe300', 57_600)
    const light = await coolLedPe300.open(emulator, { pollMs: 50 })
    await light.set('B', { on: true, level: 33 })
    expect(await emulator.state()).toEqual({ B: 33 })
    emulator.pod('B', { level: 70 })
    await sleep(200)
    expect(light.channels.value[1]).toMatchObject({ on: true, level: 70 })
    await light[Symbol.asyncDispose]()
    await sleep(50)
    expect(await emulator.state()).toEqual({})
  })

  it('leaves no handle open', async () => {
    const emulator = await emulate('asi-ms2000', 115_200)
    const before = activeResources()
    const devices = await asiMs2000.open(emulator, { stage: {}, focus: {} })
    await devices.focus?.moveTo(3)
    await devices[Symbol.asyncDispose]()
    // Not `expect.poll`, whose own timer would count.
    await until(() => leaksSince(before) === '')
  })
})

describe('the computer’s own ports', () => {
  it('can be listed, with udevadm or without', async () => {
    expect(Array.isArray(await systemBinding.list())).toBe(true)
  })

  it('say in words that a port is not there', async () => {
    await expect(Port.open({ path: '/dev/ttyNoSuchPort', baudRate: 9600 })).rejects.toThrow(
      'The port /dev/ttyNoSuchPort could not be opened: there is no such port.',
    )
  })
})
