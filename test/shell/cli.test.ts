import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mitochondria, writeCells } from '#test/helpers/localization.ts'
import { makeZip } from '#test/helpers/zip.ts'
import { loadScript, projectRoot } from './scripts.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepscope-cli-'))

beforeAll(async () => {
  const { ensureFresh } = await loadScript<{ ensureFresh(): Promise<void> }>('fresh.mjs')
  await ensureFresh()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

/** Runs `npm run -s deepscope -- …` without npm. `onOutput` sees standard output as it grows. */
function deepscope(args: readonly string[], onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(projectRoot, 'scripts/deepscope.mjs'), ...args], {
      cwd: folder,
      env: { ...process.env, DEEPSCOPE_HOME: join(folder, 'home'), NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let out = ''
    let error = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
      onOutput?.(out, (signal) => child.kill(signal))
    })
    child.stderr.on('data', (chunk) => {
      error += chunk
    })
    child.on('close', (code) => resolve({ code, out, error }))
  })
}

const noStack = /^\s+at .*:\d+:\d+/m

describe('the command line', () => {
  test('explains itself', async () => {
    const { code, out } = await deepscope(['--help'])
    expect(code).toBe(0)
    for (const command of ['serve', 'enhance', 'snap', 'models', 'doctor']) expect(out).toMatch(new RegExp(`^  ${command} `, 'm'))
    const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }
    expect((await deepscope(['--version'])).out.trim()).toBe(version)
  })

  test.each([
    ['a command that does not exist', ['fly'], 'unknown command'],
    ['a number that is none', ['snap', '--exposure', 'long'], 'It must be a number'],
    ['a negative exposure', ['snap', '--exposure', '-1'], 'more than 0'],
    ['light beyond its maximum', ['snap', '--level', '101'], 'from 0 to 100'],
    ['a port that cannot be', ['serve', '--port', '70000'], 'from 0 to 65535'],
    ['an unknown provider', ['enhance', 'a.tif', '--out', 'x', '--provider', 'abacus'], 'one of auto, cpu'],
    ['enhance without a folder for the results', ['enhance', 'a.tif'], '--out'],
    ['surfaces without a step', ['enhance', 'a.tif', '--out', 'x', '--refocus', '-10:10'], 'first:last:step'],
    ['too many surfaces', ['enhance', 'a.tif', '--out', 'x', '--refocus', '-10:10:0.001'], '20001 surfaces are too many'],
    ['serving to the network without saying so twice', ['serve', '--host', '0.0.0.0'], '--allow-remote'],
  ])(
    'refuses %s with a sentence and exit code 2',
    async (_, args, sentence) => {
      const { code, out, error } = await deepscope(args)
      expect(code).toBe(2)
      expect(error).toContain(sentence)
      expect(error).not.toMatch(noStack)
      expect(out).toBe('')
    },
    60_000,
  )

  test('lists the models, as text and as JSON', async () => {
    expect((await deepscope(['models'])).out).toMatch(/^widefield-sr {2}/m)
    const models = JSON.parse((await deepscope(['models', '--json'])).out) as { id: string; usable: boolean }[]
    expect(models.find(({ id }) => id === 'widefield-sr')?.usable).toBe(true)
    expect(await deepscope(['models', 'no-such'])).toMatchObject({ code: 1, error: expect.stringContaining('no-such') })
    expect((await deepscope(['models', 'list'])).out).toBe((await deepscope(['models'])).out)
    expect((await deepscope(['models', 'info', 'widefield-sr'])).out).toBe((await deepscope(['models', 'widefield-sr'])).out)
    expect((await deepscope(['models', 'info', 'widefield-sr'])).out).toMatch(
      /^measured .*(every requirement .* is met|\d+ of \d+ requirements of its evaluation are missed\n.*; it must be )/m,
    )
    expect((await deepscope(['models', 'import'])).code).toBe(2)
  })

  test('tells where a protein lies, as text and as JSON', async () => {
    const { side, data } = await mitochondria()
    await writeCells(join(folder, 'protein.ome.tif'), [Uint16Array.from(data)], side)
    const told = await deepscope(['locate', 'protein.ome.tif', '--out', 'places'])
    expect(told).toMatchObject({ code: 0, out: expect.stringMatching(/^protein\.ome\.tif: mitochondria, (over )?\d+ %\n$/) })
    const json = await deepscope(['locate', 'protein.ome.tif', '--out', 'places', '--json', '--pixel-size', '0.3'])
    expect(JSON.parse(json.out)).toMatchObject({
      model: 'localization',
      table: expect.stringMatching(/protein-localization-2-places\.csv$/),
    })
    expect((await deepscope(['locate', 'protein.ome.tif'])).code).toBe(2)
    const refused = await deepscope(['locate', 'protein.ome.tif', '--out', 'places', '--model', 'deep-z'])
    expect(refused).toMatchObject({ code: 1, error: expect.stringContaining('does not tell what a picture shows') })
  })

  test('imports a package, tests it and removes it', async () => {
    const source = join(projectRoot, 'test/cases/models/packages/half')
    const entries = readdirSync(source).map((name) => ({ name, data: readFileSync(join(source, name)) }))
    writeFileSync(join(folder, 'coarse.zip'), makeZip(entries))
    expect((await deepscope(['models', 'info', 'coarse.zip'])).out).toMatch(/image: batch any, channel 1, y 16 \+ n·4/)
    expect(await deepscope(['models', 'import', 'coarse.zip'])).toMatchObject({ code: 0, out: 'coarse\n' })
    expect(await deepscope(['models', 'import', 'coarse.zip'])).toMatchObject({
      code: 1,
      error: expect.stringContaining('id: another model'),
    })
    const tested = await deepscope(['models', 'test', 'coarse', 'widefield-sr', '--json'])
    expect(tested.code).toBe(0)
    expect(JSON.parse(tested.out)).toMatchObject({ coarse: { passed: true }, 'widefield-sr': { passed: true } })
    expect((await deepscope(['models', 'test', 'coarse'])).out).toMatch(
      /^coarse: passed on cpu in \d+ ms\n {2}coarse \(1 × 2 × 12 × 16\): 0 of 384 values/,
    )
    expect(await deepscope(['models', 'remove', 'widefield-sr'])).toMatchObject({ code: 1 })
    expect(await deepscope(['models', 'remove', 'coarse'])).toMatchObject({ code: 0 })
    expect((await deepscope(['models'])).out).not.toContain('coarse')
  })

  test('fails for a file that is not there with a sentence and exit code 1', async () => {
    const { code, error } = await deepscope(['enhance', 'nothing.tif', '--out', 'results'])
    expect(code).toBe(1)
    expect(error).toContain('nothing.tif')
    expect(error).not.toMatch(noStack)
  })

  test('opens a microscope by the name of its file in the configuration folder, and says which there are', async () => {
    const microscopes = join(folder, 'home', 'config', 'microscopes')
    mkdirSync(microscopes, { recursive: true })
    const objective = { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 }
    const bench = { name: 'Bench', camera: { driver: 'simulated' }, objectives: [objective] }
    writeFileSync(join(microscopes, 'bench.json'), JSON.stringify(bench))
    const named = await deepscope(['snap', '--configuration', 'bench', '--out', 'named'])
    expect(named).toMatchObject({ code: 0, error: '' })
    expect(named.out.trim().startsWith(join(folder, 'named'))).toBe(true)
    const unknown = await deepscope(['snap', '--configuration', 'bank', '--out', 'named'])
    expect(unknown.code).toBe(1)
    expect(unknown.error).toMatch(/There is no microscope “bank” in .*; there is demo, bench\./)
  })

  test('shows a stack only when asked for', async () => {
    const args = ['snap', '--configuration', 'missing.json']
    const short = await deepscope(args)
    expect(short.code).toBe(1)
    expect(short.error).toContain('missing.json')
    expect(short.error).not.toMatch(noStack)
    expect((await deepscope(['--debug', ...args])).error).toMatch(noStack)
  })
})

describe('doctor', () => {
  test('tells versions, providers with reasons, ports, disk and window, as JSON', async () => {
    const { out } = await deepscope(['doctor', '--json', '--data', 'sessions'])
    const report = JSON.parse(out) as { version: string; findings: { topic: string; state: string; text: string }[] }
    const of = (topic: string) => report.findings.filter((finding) => finding.topic === topic)
    expect(of('versions').map(({ text }) => text)).toContain(`Node ${process.versions.node}`)
    expect(of('inference').filter(({ text }) => /is used\./.test(text))).toHaveLength(1)
    expect(of('inference').length).toBeGreaterThan(1)
    for (const topic of ['serial ports', 'graphics', 'disk', 'window']) expect(of(topic).length, topic).toBeGreaterThan(0)
    expect(of('disk')[0]?.text).toContain(join(folder, 'sessions'))
  })

  test('calls a data folder that cannot be written a problem, with exit code 1', async () => {
    writeFileSync(join(folder, 'a-file'), '')
    const { code, out } = await deepscope(['doctor', '--data', 'a-file/inside'])
    expect(code).toBe(1)
    expect(out).toMatch(/\[FAIL\] The data folder/)
    expect(out).toContain('keeps Deepscope from working fully')
  })
})

describe('snap', () => {
  test('stores a picture and what the network makes of it, and prints both folders', async () => {
    const args = [
      'snap',
      '--exposure',
      '20',
      '--channel',
      'fitc',
      '--level',
      '60',
      '--objective',
      '10x',
      '--x',
      '40',
      '--enhance',
      '--out',
      'pictures',
    ]
    const { code, out, error } = await deepscope(args)
    expect(error).not.toContain('Error')
    expect(code).toBe(0)
    const sessions = out.trim().split('\n')
    expect(sessions).toHaveLength(2)
    for (const session of sessions) {
      expect(session.startsWith(join(folder, 'pictures'))).toBe(true)
      expect(readdirSync(session).length).toBeGreaterThan(0)
    }
  })

  test.each([
    ['objective', '100x', '10x (10×/0.4), 20x (20×/0.75)'],
    ['channel', 'Cy9', 'DAPI (A), FITC (B), TxRed (C)'],
    ['z', '999999', ''],
  ])(
    'refuses an impossible %s, saying what there is',
    async (option, value, there) => {
      const { code, error } = await deepscope(['snap', `--${option}`, value, '--out', 'refused'])
      expect(code).toBe(1)
      expect(error).toContain(there)
      expect(error).not.toMatch(noStack)
    },
    60_000,
  )
})

describe('serve', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'prints an address with a token, serves the page, and ends safely on %s',
    async (signal) => {
      let asked: Promise<Response> | null = null
      const { code, out, error } = await deepscope(['serve', '--data', 'served'], (text, kill) => {
        const url = /^http:\/\/127\.0\.0\.1:\d+\/\S+$/m.exec(text)?.[0]
        if (!url || asked) return
        asked = fetch(url, { redirect: 'manual' })
        void asked.then(
          () => kill(signal),
          () => kill('SIGKILL'),
        )
      })
      expect(code, error).toBe(0)
      expect(out).toMatch(/token=[\w-]{20,}/)
      const response = await (asked as unknown as Promise<Response>)
      expect(response.status).toBeLessThan(400)
      expect(response.headers.get('set-cookie')).toMatch(/HttpOnly/)
    },
    90_000,
  )

  test('says so where the port is taken', async () => {
    const { createServer } = await import('node:net')
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const { code, error } = await deepscope(['serve', '--port', String(port)])
    server.close()
    expect(code).toBe(1)
    expect(error).toContain(String(port))
    expect(error).not.toMatch(noStack)
  })
})
