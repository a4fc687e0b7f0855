/**
 * An emulated controller in a process of its own, on one end of a pseudo-terminal pair.
 * Arguments: device ("asi-ms2000" or "coolled-pe300"), path, baud rate. Standard input: JSON lines {"faults": {…}} or
 * {"pod": [channel, change]}. Standard output: JSON lines {"time", "line"} of every command understood, {"ready": true} first, and
 * {"state": …} for every {"ask": true}.
 */
import { openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ReadStream } from 'node:tty'
import { AsiMs2000Firmware } from '#main/devices/simulated/firmware/asi-ms2000.ts'
import { CoolLedPe300Firmware } from '#main/devices/simulated/firmware/coolled-pe300.ts'
import type { Faults } from '#main/devices/simulated/firmware/line-firmware.ts'
import { Cable } from '#main/devices/simulated/firmware/wire.ts'

const [device = '', path = '', baud = '9600'] = process.argv.slice(2)
const baudRate = Number(baud)
const axis = { position: 0, min: -5000, max: 5000, speed: 4, rampMs: 100 }
const firmware =
  device === 'coolled-pe300'
    ? new CoolLedPe300Firmware({ baudRate })
    : new AsiMs2000Firmware({ baudRate, axes: { X: axis, Y: axis, Z: { ...axis, min: -500, max: 500, speed: 1, rampMs: 50 } } })

const say = (message: object) => writeSync(1, `${JSON.stringify(message)}\n`)
firmware.onEvent = say

const terminal = openSync(path, 'r+')
const cable = new Cable(firmware, (bytes) => {
  try {
    writeSync(terminal, bytes)
  } catch {
    // The test has pulled the cable.
    process.exit(0)
  }
})
const input = new ReadStream(terminal)
input.on('data', (bytes: Buffer) => cable.fromHost(bytes))
input.on('error', () => process.exit(0))

interface Command {
  readonly faults?: Partial<Faults>
  readonly pod?: readonly [string, { readonly selected?: boolean; readonly on?: boolean; readonly level?: number }]
  readonly ask?: boolean
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const command = JSON.parse(line) as Command
    if (command.faults) Object.assign(firmware.faults, command.faults)
    if (command.pod && firmware instanceof CoolLedPe300Firmware) firmware.pod(...command.pod)
    if (command.ask) {
      const now = performance.now()
      const state =
        firmware instanceof CoolLedPe300Firmware
          ? firmware.levelsAt(now)
          : { x: firmware.positionAt('X', now), y: firmware.positionAt('Y', now), z: firmware.positionAt('Z', now) }
      say({ state })
    }
  })
  .on('close', () => process.exit(0))
say({ ready: true })
