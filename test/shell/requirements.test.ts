import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadScript } from './scripts.ts'

interface Plan {
  readonly commands: readonly (readonly string[])[]
  readonly allowed: boolean
}
interface Requirement {
  readonly name: string
  readonly packages: readonly string[]
}
interface Requirements {
  findProgram(name: string, env?: NodeJS.ProcessEnv, folders?: readonly string[]): string | null
  missingRequirements(probes: { find: (name: string) => string | null; imports: (modules: readonly string[]) => boolean }): Requirement[]
  installPlan(packages: readonly string[], machine: object): Plan
  asShell(plan: Plan, packages: readonly string[]): string
  provideRequirements(options: object): Promise<boolean>
}

const { findProgram, missingRequirements, installPlan, asShell, provideRequirements } = await loadScript<Requirements>('requirements.mjs')
const nothing = { find: () => null, imports: () => false }

describe('what the tests need beyond npm', () => {
  test('is found on the PATH or in the system’s folders, if it can be executed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'deepscope-path-'))
    try {
      const program = join(folder, 'socat')
      writeFileSync(program, '')
      expect(findProgram('socat', { PATH: folder }, [])).toBeNull()
      chmodSync(program, 0o755)
      expect(findProgram('socat', { PATH: `/nowhere:${folder}` }, [])).toBe(program)
      expect(findProgram('socat', { PATH: '' }, [folder])).toBe(program)
      expect(findProgram('socat', {}, [])).toBeNull()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('is a browser, socat, tifffile and zarr', () => {
    expect(missingRequirements(nothing).flatMap(({ packages }) => packages)).toEqual([
      'chromium',
      'socat',
      'python3-tifffile',
      'python3-zarr',
    ])
    expect(missingRequirements({ find: (name) => name, imports: () => true })).toEqual([])
  })

  test('may come as Google’s Chrome', () => {
    const missing = missingRequirements({
      find: (name) => (name === 'google-chrome' || name === 'socat' ? name : null),
      imports: () => true,
    })
    expect(missing).toEqual([])
  })
})

describe('installing it', () => {
  const has =
    (...programs: string[]) =>
    (name: string) =>
      programs.includes(name) ? `/usr/bin/${name}` : null

  test('by root needs no sudo, and updates the package lists first', () => {
    const plan = installPlan(['socat'], { uid: 0, find: has('apt-get'), run: () => false })
    expect(plan.allowed).toBe(true)
    expect(asShell(plan, ['socat'])).toBe('apt-get update && apt-get install -y --no-install-recommends socat')
  })

  test('by others needs a sudo without a password', () => {
    const asks = (words: readonly string[]) => words.includes('true')
    const find = has('apt-get', 'sudo')
    expect(installPlan(['socat'], { uid: 1000, find, run: asks })).toMatchObject({ allowed: true })
    const refused = installPlan(['socat'], { uid: 1000, find, run: () => false })
    expect(refused.allowed).toBe(false)
    expect(asShell(refused, ['socat'])).toBe('sudo apt-get update && sudo apt-get install -y --no-install-recommends socat')
    expect(installPlan(['socat'], { uid: 1000, find: has('apt-get'), run: () => true }).allowed).toBe(false)
  })

  test('again, where the package counts as installed but its files are gone', () => {
    const plan = installPlan(['socat'], {
      uid: 0,
      find: has('apt-get', 'dpkg'),
      run: ([program]: readonly string[]) => program === '/usr/bin/dpkg',
    })
    expect(plan.commands.at(-1)).toContain('--reinstall')
  })

  test('is left to the person where there is no apt', () => {
    const plan = installPlan(['socat'], { uid: 0, find: () => null, run: () => true })
    expect(plan).toEqual({ commands: [], allowed: false })
    expect(asShell(plan, ['socat'])).toContain('package manager: socat')
  })

  /** Runs `provideRequirements` on a machine without socat, where installing works or not. */
  async function provide(options: { ci?: boolean; answer?: boolean; allowed?: boolean; works?: boolean }) {
    const said: string[] = []
    const ran: string[] = []
    let installed = false
    const result = await provideRequirements({
      ci: options.ci ?? false,
      say: (text: string) => said.push(text),
      ask: options.answer === undefined ? undefined : async () => options.answer,
      missing: () => (installed ? [] : [{ name: 'socat', for: 'serial ports', packages: ['socat'] }]),
      plan: () => ({
        commands: [
          ['apt-get', 'update'],
          ['apt-get', 'install', 'socat'],
        ],
        allowed: options.allowed ?? true,
      }),
      run: (command: readonly string[]) => {
        ran.push(command.join(' '))
        installed = options.works !== false && command.includes('install')
        return options.works !== false && command.includes('install')
      },
    })
    return { result, ran, said: said.join('\n') }
  }

  test('happens by itself under CI, even if the update of one list failed', async () => {
    expect(await provide({ ci: true })).toMatchObject({ result: true, ran: ['apt-get update', 'apt-get install socat'] })
  })

  test('happens on a yes at the prompt', async () => {
    expect(await provide({ answer: true })).toMatchObject({ result: true })
  })

  test.each([
    ['on a no', { answer: false }],
    ['where nobody can answer', {}],
    ['where it may not be done', { ci: true, allowed: false }],
  ])('does not happen %s; the exact command is printed', async (_, options) => {
    const { result, ran, said } = await provide(options)
    expect([result, ran]).toEqual([false, []])
    expect(said).toContain('apt-get update && apt-get install socat')
  })

  test('that fails is not taken for done', async () => {
    expect(await provide({ ci: true, works: false })).toMatchObject({ result: false })
  })
})
