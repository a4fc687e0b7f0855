import { describe, expect, it } from 'vitest'
import { coolLedPe300 } from '#main/devices/drivers/coolled-pe300.ts'
import { isAbort, isError } from '#shared/errors.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { lightFirmware, plugged, sleep } from './simulated.ts'

failOnLeaks()

async function connected(options: { pollMs?: number } = {}) {
  const cable = plugged(lightFirmware())
  const light = await coolLedPe300.open(cable.at, { pollMs: 60_000, ...options })
  cable.log.length = 0
  const levels = () => cable.firmware.levelsAt(performance.now())
  return { ...cable, light, levels, [Symbol.asyncDispose]: () => light[Symbol.asyncDispose]() }
}

describe('the CoolLED pE-300 driver', () => {
  it('finds three channels, greeting or not', async () => {
    await using rig = await connected()
    expect(rig.light.channels.value.map(({ id, on, level }) => ({ id, on, level }))).toEqual([
      { id: 'A', on: false, level: 50 },
      { id: 'B', on: false, level: 50 },
      { id: 'C', on: false, level: 50 },
    ])
    expect(rig.light.status.value.connection).toBe('CoolLED pE-300 on test')
  })

  it('switches a channel on at a level, and everything off', async () => {
    await using rig = await connected()
    await rig.light.set('B', { on: true, level: 30 })
    expect(rig.levels()).toEqual({ B: 30 })
    expect(rig.light.channels.value[1]).toMatchObject({ id: 'B', on: true, level: 30 })
    await rig.light.set('C', { on: true })
    expect(rig.levels()).toEqual({ B: 30, C: 50 })
    await rig.light.off()
    expect(rig.levels()).toEqual({})
    expect(rig.light.channels.value.some(({ on }) => on)).toBe(false)
    expect(rig.log).toEqual(['CSSBSN030', 'CSSCSN050', 'CSF'])
  })

  it('adds up quick changes that were not answered yet', async () => {
    await using rig = await connected()
    await Promise.all([rig.light.set('A', { on: true }), rig.light.set('A', { level: 12 }), rig.light.set('B', { level: 7 })])
    expect(rig.levels()).toEqual({ A: 12 })
    expect(rig.light.channels.value.slice(0, 2)).toMatchObject([
      { on: true, level: 12 },
      { on: false, level: 7 },
    ])
  })

  it('goes dark ahead of every waiting change', async () => {
    await using rig = await connected()
    const changes = [rig.light.set('A', { on: true }), rig.light.set('B', { on: true }), rig.light.set('C', { on: true })]
    const caught = Promise.allSettled(changes)
    await rig.light.off()
    for (const outcome of await caught) expect(outcome.status === 'rejected' && isAbort(outcome.reason)).toBe(true)
    expect(rig.log).toEqual(['CSSASN050', 'CSF'])
    expect(rig.levels()).toEqual({})
    // A level alone does not switch on again what was meant to be on before the stop.
    await rig.light.set('A', { level: 20 })
    expect(rig.levels()).toEqual({})
  })

  it('notices what somebody does at the pod', async () => {
    await using rig = await connected({ pollMs: 30 })
    rig.firmware.pod('C', { selected: true, on: true, level: 64 })
    await sleep(120)
    expect(rig.light.channels.value[2]).toMatchObject({ id: 'C', on: true, level: 64 })
  })

  it('does not look at the pod during an acquisition', async () => {
    await using rig = await connected({ pollMs: 20 })
    const quiet = rig.light.quiet()
    await sleep(40)
    const asked = rig.log.length
    await sleep(100)
    expect(rig.log.length).toBe(asked)
    quiet[Symbol.dispose]()
    quiet[Symbol.dispose]()
    await sleep(100)
    expect(rig.log.length).toBeGreaterThan(asked)
  })

  it('refuses an unknown channel and a level out of range', async () => {
    await using rig = await connected()
    await expect(rig.light.set('Q', { on: true })).rejects.toThrow('The light source has no channel "Q"; it has A, B, C.')
    for (const level of [-1, 101, Number.NaN]) {
      await expect(rig.light.set('A', { level })).rejects.toSatisfy((error) => isError(error, 'OutOfRange'))
    }
    expect(rig.log).toEqual([])
  })

  it('says when the light answers too late, shows the true state afterwards, and recovers', async () => {
    await using rig = await connected({ pollMs: 100 })
    rig.firmware.faults.lateMs = 1200
    const change = rig.light.set('A', { on: true, level: 40 })
    await expect(change).rejects.toSatisfy((error) => isError(error, 'DeviceTimeout'))
    await expect(change).rejects.toThrow('The CoolLED pE-300 on test did not answer within 500 ms, 2 times: sent "CSSASN040\\r"')
    expect(rig.light.status.value.state).toBe('error')
    rig.firmware.faults.lateMs = 0
    const deadline = performance.now() + 5000
    while (rig.light.status.value.state !== 'ready' && performance.now() < deadline) await sleep(20)
    expect(rig.light.channels.value[0]).toMatchObject({ id: 'A', on: true, level: 40 })
    expect(rig.light.status.value).toMatchObject({ state: 'ready', problem: null })
  })

  it('survives garbage and half replies', async () => {
    await using rig = await connected()
    rig.firmware.faults.garbage = 1
    await rig.light.set('A', { on: true, level: 5 })
    rig.firmware.faults.half = 1
    await rig.light.set('A', { level: 6 })
    expect(rig.levels()).toEqual({ A: 6 })
  })

  it('shows that the port vanished', async () => {
    await using rig = await connected()
    rig.vanish()
    await sleep(5)
    expect(rig.light.status.value.state).toBe('disconnected')
    await expect(rig.light.set('A', { on: true })).rejects.toSatisfy((error) => isError(error, 'DeviceDisconnected'))
  })

  it('goes dark and frees the port when it is disposed', async () => {
    const rig = await connected()
    await rig.light.set('B', { on: true })
    await rig[Symbol.asyncDispose]()
    await rig[Symbol.asyncDispose]()
    expect(rig.log.at(-1)).toBe('CSF')
    expect(rig.levels()).toEqual({})
    await using again = await coolLedPe300.open(rig.at, {})
    expect(again.status.value.state).toBe('ready')
  })
})
