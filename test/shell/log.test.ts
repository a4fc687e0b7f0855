import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLog, problemReport } from '#main/log.ts'
import { defaultSettings } from '#main/settings.ts'
import { AppError, abortError } from '#shared/errors.ts'

let folder: string
let file: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'deepscope-log-'))
  file = join(folder, 'logs', 'deepscope.log')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const lines = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('the log', () => {
  test('keeps the newest entries for the window, and every entry with causes in the file', async () => {
    await using log = openLog({ file, limit: 3 })
    for (let n = 1; n <= 5; n++) log.info('camera', `frame ${n}`)
    log.error('stage', 'The stage did not move.', new AppError('DeviceTimeout', 'No answer.', {}, new Error('read timed out')))
    log.flushSync()
    expect(log.recent.value.map((entry) => entry.message)).toEqual(['frame 4', 'frame 5', 'The stage did not move. No answer.'])
    const written = await lines(file)
    expect(written).toHaveLength(6)
    expect(written[5]).toMatchObject({ source: 'stage', msg: 'The stage did not move.' })
    expect(JSON.stringify(written[5]?.error)).toContain('read timed out')
  })

  test('announces a burst of entries once', async () => {
    await using log = openLog({ file: null })
    let announced = 0
    log.recent.watch(() => announced++)
    for (let n = 0; n < 1000; n++) log.info('camera', `frame ${n}`)
    await expect.poll(() => log.recent.value.length).toBe(300)
    expect(announced).toBe(2)
  })

  test('never calls a cancelled task a fault', async () => {
    await using log = openLog({ file: null })
    log.warn('enhance', 'The job ended.', abortError())
    log.flushSync()
    expect(log.recent.value).toEqual([])
  })

  test('starts a new file when one is full and keeps two old ones', async () => {
    await using log = openLog({ file, maxBytes: 2000 })
    for (let n = 0; n < 100; n++) log.info('camera', `frame ${n}`)
    log.flushSync()
    expect((await stat(file)).size).toBeLessThan(2200)
    expect((await stat(`${file}.1`)).size).toBeLessThan(2400)
    expect(existsSync(`${file}.2`)).toBe(true)
    expect(existsSync(`${file}.3`)).toBe(false)
    const order = [
      ...(await lines(`${file}.2`)),
      ...(await lines(`${file}.1`)),
      ...(existsSync(file) && (await stat(file)).size ? await lines(file) : []),
    ]
    const numbers = order.map((line) => Number(String(line.msg).slice(6)))
    expect(numbers.at(-1)).toBe(99)
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
  })

  test('goes on without a file where none can be written', async () => {
    await writeFile(join(folder, 'logs'), 'not a folder')
    await using log = openLog({ file })
    log.info('host', 'started')
    log.flushSync()
    expect(log.recent.value).toHaveLength(1)
  })
})

describe('a problem report', () => {
  const facts = {
    version: '0.1.0',
    shell: 'browser',
    devices: [
      {
        id: 'stage',
        label: 'ASI MS-2000',
        kind: 'xy-stage' as const,
        state: 'error' as const,
        connection: '/dev/ttyUSB0',
        problem: 'No answer.',
        simulated: false,
      },
    ],
    settings: defaultSettings('/home/ada/Deepscope'),
    inference: {
      status: 'ready' as const,
      provider: 'cpu',
      providers: [{ id: 'cuda', used: false, reason: 'no NVIDIA GPU' }],
      restarts: 2,
      problem: null,
    },
    log: [
      { time: 0, level: 'warn' as const, source: 'storage', message: 'Could not write /home/ada/Deepscope/x; /home/adamant is another.' },
    ],
  }

  test('says versions, devices, providers, settings and the log, with the home folder shortened', () => {
    const { name, text } = problemReport(facts, new Date(Date.UTC(2024, 4, 6, 7, 8, 9)), '/home/ada')
    expect(name).toBe('deepscope-report-2024-05-06T07-08-09.txt')
    for (const part of [
      'Deepscope 0.1.0',
      'ASI MS-2000',
      'No answer.',
      'no NVIDIA GPU',
      'omeZarrVersion: 0.5',
      '1970-01-01T00:00:00.000Z warn storage',
    ])
      expect(text).toContain(part)
    expect(text).toContain('~/Deepscope')
    expect(text).not.toContain('/home/ada/')
    expect(text).toContain('/home/adamant')
  })
})
