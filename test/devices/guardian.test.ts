import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startGuardian } from '#main/devices/guard.ts'
import { isError } from '#shared/errors.ts'
import { failOnLeaks } from '#test/helpers/leaks.ts'
import { type Bundle, bundle } from '../helpers/bundle.ts'
import { type EmulatorProcess, emulatorProcess, ended } from '../helpers/pty.ts'
import { sleep, until } from './simulated.ts'

failOnLeaks()

/** Ends of words, from the issue: motion and light off within 2 s of the host's death. */
const LIMIT_MS = 2000

const alive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('the guardian', () => {
  let guardian: Bundle
  let program: Bundle
  beforeAll(async () => {
    ;[guardian, program] = await Promise.all([bundle('src-main/guardian.ts'), bundle('test/helpers/processes/guarded-host.ts')])
  })
  afterAll(async () => {
    await guardian[Symbol.asyncDispose]()
    await program[Symbol.asyncDispose]()
  })

  let stage: EmulatorProcess
  let light: EmulatorProcess
  let host: ChildProcess
  let said: string[]
  /** Process ids, in the order of their birth. */
  const guardians = () => said.filter((line) => line.startsWith('guardian')).map((line) => Number(line.split(' ')[1]))
  beforeEach(async () => {
    ;[stage, light] = await Promise.all([emulatorProcess('asi-ms2000', 9600), emulatorProcess('coolled-pe300', 57_600)])
    said = []
    const args = [program.path, guardian.path, stage.path, '9600', light.path, '57600']
    host = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    if (host.stdout) createInterface({ input: host.stdout }).on('line', (line) => said.push(line))
    await until(() => said.includes('moving'), 60_000)
    expect(await light.state()).toEqual({ B: 80 })
  })
  afterEach(async () => {
    await ended(host)
    await stage[Symbol.asyncDispose]()
    await light[Symbol.asyncDispose]()
  })

  it('halts the stage and switches the light off within 2 s when the host is killed with -9', async () => {
    const died = Date.now()
    await ended(host)
    await until(() => stage.log.some(({ time, line }) => time >= died && line === '\\'), LIMIT_MS)
    await until(() => light.log.some(({ time, line }) => time >= died && line === 'CSF'), LIMIT_MS)
    for (const { log, line } of [
      { log: stage.log, line: '\\' },
      { log: light.log, line: 'CSF' },
    ]) {
      const when = log.findLast((event) => event.line === line)?.time ?? Number.POSITIVE_INFINITY
      expect(when - died).toBeLessThan(LIMIT_MS)
    }
    await sleep(150)
    const [before, dark] = [await stage.state(), await light.state()]
    await sleep(100)
    expect(await stage.state()).toEqual(before)
    expect(before.x).toBeLessThan(4900)
    expect(dark).toEqual({})
  })

  it('is replaced when it dies, and its successor protects the same ports', async () => {
    const [first = 0] = guardians()
    process.kill(first, 'SIGKILL')
    await until(() => guardians().length === 2, LIMIT_MS)
    const second = guardians()[1] ?? 0
    expect(second).not.toBe(first)
    const died = Date.now()
    await ended(host)
    await until(() => light.log.some(({ time, line }) => time >= died && line === 'CSF'), LIMIT_MS)
    await until(() => stage.log.some(({ time, line }) => time >= died && line === '\\'), LIMIT_MS)
    await until(() => !alive(second), 60_000) // that it leaves is tidiness: the ports are safe already
  })

  it('leaves at once, writing nothing, when the host says goodbye', async () => {
    host.stdin?.write('goodbye\n')
    await new Promise((resolve) => host.once('exit', resolve))
    const [stageLines, lightLines] = [stage.log.length, light.log.length]
    await until(() => guardians().every((pid) => !alive(pid)), LIMIT_MS)
    await sleep(200)
    expect([stage.log.length, light.log.length]).toEqual([stageLines, lightLines])
  })
})

describe('the guard', () => {
  it('says how to build a guardian that is missing', async () => {
    const starting = startGuardian({ entry: '/nowhere/guardian.js' })
    await expect(starting).rejects.toThrow('The guardian process is not built: /nowhere/guardian.js is missing. Run "npm run build".')
    await expect(starting).rejects.toSatisfy((error) => isError(error, 'Internal'))
  })
})
