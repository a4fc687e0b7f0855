/** Emulated controllers in this process, for tests of the drivers. */
import { AsiMs2000Firmware } from '#main/devices/simulated/firmware/asi-ms2000.ts'
import { SimulatedBinding } from '#main/devices/simulated/firmware/binding.ts'
import { CoolLedPe300Firmware } from '#main/devices/simulated/firmware/coolled-pe300.ts'
import type { FirmwareEvent, LineFirmware } from '#main/devices/simulated/firmware/line-firmware.ts'

export function asiFirmware(baudRate = 115_200, position = 0): AsiMs2000Firmware {
  const axis = { position, min: -5000, max: 5000, speed: 4, rampMs: 100 }
  return new AsiMs2000Firmware({ baudRate, axes: { X: axis, Y: axis, Z: { ...axis, min: -500, max: 500, speed: 1, rampMs: 50 } } })
}

export function lightFirmware(baudRate = 57_600): CoolLedPe300Firmware {
  return new CoolLedPe300Firmware({ baudRate })
}

/** One emulator behind the port "test", with a record of what it understood. */
export function plugged<T extends LineFirmware>(firmware: T) {
  const log: string[] = []
  const events: FirmwareEvent[] = []
  firmware.onEvent = (event) => {
    events.push(event)
    log.push(event.line)
  }
  const binding = new SimulatedBinding({ test: firmware })
  return {
    firmware,
    binding,
    log,
    events,
    at: { path: 'test', baudRate: firmware.baudRate, binding },
    vanish: () => binding.vanish('test'),
  }
}

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Waits for something that must happen in time. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 3000): Promise<void> {
  const deadline = Date.now() + limitMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`It did not happen within ${limitMs} ms.`)
    await sleep(5)
  }
}

/** What an emulator answers to lines given one after another, without a cable. */
export function conversation(firmware: LineFirmware, ...lines: string[]): string {
  let answer = ''
  firmware.send = (bytes) => {
    answer += Buffer.from(bytes).toString('latin1')
  }
  for (const line of lines) for (const byte of Buffer.from(line, 'latin1')) firmware.receive(byte)
  return answer
}
