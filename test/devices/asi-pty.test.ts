import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { asiMs2000 } from '#main/devices/drivers/asi-ms2000/driver.ts'
import { type EmulatorProcess, emulatorProcess } from '../helpers/pty.ts'

describe('an ASI stage on a real serial port', () => {
  let emulator: EmulatorProcess
  beforeEach(async () => {
    emulator = await emulatorProcess('asi-ms2000', 115200)
  })
  afterEach(() => emulator[Symbol.asyncDispose]())

  it('goes where it is sent', async () => {
    await using devices = await asiMs2000.open(emulator, { stage: {}, focus: {} })
    const begun = performance.now()
    await devices.stage?.moveTo({ x: 123.4, y: -50 })
    console.log(performance.now() - begun, devices.stage?.position.value, await emulator.state())
    expect(devices.stage?.position.value).toEqual({ x: 123.4, y: -50, moving: false })
  })
})
