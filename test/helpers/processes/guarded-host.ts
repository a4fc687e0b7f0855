/**
 * A host that moves the stage, lights the specimen and is guarded. Arguments: guardian, stage port, its baud rate, light port, its baud
 * rate. Prints "moving" once everything is under way and "guardian PID" for every guardian; goes on until it is killed, or ends in good
 * order on a line "goodbye".
 */
import { createInterface } from 'node:readline'
import { asiMs2000 } from '#main/devices/drivers/asi-ms2000/driver.ts'
import { coolLedPe300 } from '#main/devices/drivers/coolled-pe300.ts'
import { startGuardian } from '#main/devices/guard.ts'

const [entry = '', stagePath = '', stageBaud = '', lightPath = '', lightBaud = ''] = process.argv.slice(2)
const guard = await startGuardian({ entry })
const motion = await asiMs2000.open({ path: stagePath, baudRate: Number(stageBaud) }, { stage: {} })
const light = await coolLedPe300.open({ path: lightPath, baudRate: Number(lightBaud) }, {})
guard.protect([motion.safeState, light.safeState])
await light.set('B', { on: true, level: 80 })
motion.stage?.moveTo({ x: 5000, y: 0 }).catch(() => {})
const unwatch = motion.stage?.position.watch(({ x }) => {
  if (x > 50) console.log('moving')
})

let known: number | undefined
const watching = setInterval(() => {
  if (guard.pid !== undefined && guard.pid !== known) console.log(`guardian ${guard.pid}`)
  known = guard.pid
}, 20)

createInterface({ input: process.stdin }).once('line', async () => {
  unwatch?.()
  await light[Symbol.asyncDispose]()
  await motion[Symbol.asyncDispose]()
  clearInterval(watching)
  await guard.release()
  process.exit(0)
})
