import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesBelow, importsOf, read, root } from './sources.ts'

interface Entry {
  readonly version?: string
  readonly license?: string
  readonly resolved?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, Entry> }

/** Licences that ask for no more than their notice. */
const permissive = [
  'MIT',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  '0BSD',
  'Zlib',
  'CC0-1.0',
  'Unlicense',
  'BlueOak-1.0.0',
  'Python-2.0',
]

/** Fonts may be bundled under their own licence. */
const fonts = /^node_modules\/@fontsource/

/** A library of its own, loaded by the system and replaceable by its user, as the LGPL asks: libvips, and sharp's builds that hold it. */
const replaceable = /^node_modules\/@img\/sharp-(libvips-|wasm32$|win32-)/

/** True if the SPDX expression can be satisfied with allowed licences alone. */
function allows(expression: string, allowed: readonly string[]): boolean {
  const bare = expression.replace(/[()]/g, '').trim()
  if (/\bOR\b/.test(bare) && /\bAND\b/.test(bare)) return false
  const parts = bare.split(/\s+(?:OR|AND)\s+/)
  return /\bOR\b/.test(bare) ? parts.some((each) => allowed.includes(each)) : parts.every((each) => allowed.includes(each))
}

/** The nearest installed copy that a package at `from` gets, as Node looks for it. */
function resolve(from: string, name: string): string | null {
  for (let at = from; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
    const path = `${at ? `${at}/` : ''}node_modules/${name}`
    if (path in lock.packages) return path
    if (!at) return null
  }
}

/** What the bundled page brings along: the packages it imports and everything they need. */
function bundled(): string[] {
  const imported = filesBelow('src-renderer', /\.(ts|vue)$/).flatMap((file) => importsOf(file).map((each) => each.package))
  const waiting = [...new Set(imported.filter((name) => name !== null))].map((name) => resolve('', name))
  const found = new Set<string>()
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (path === null || found.has(path)) continue
    found.add(path)
    for (const name of Object.keys(lock.packages[path]?.dependencies ?? {})) waiting.push(resolve(path, name))
  }
  return [...found]
}

/** What stands in the package itself, where it is installed; optional ones for other platforms are known only from the lock file. */
function licenceOf(path: string): string {
  const file = join(root, path, 'package.json')
  if (existsSync(file)) {
    const { license } = JSON.parse(readFileSync(file, 'utf8')) as { license?: unknown }
    if (typeof license === 'string') return license
  }
  return lock.packages[path]?.license ?? 'none stated'
}

describe('licences', () => {
  const production = Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional)
    .map(([path]) => path)

  test('of every package that ships allow any use that keeps their notice', () => {
    const shipped = [...new Set([...production, ...bundled()])]
    expect(shipped.length).toBeGreaterThan(60)
    const wrong = shipped
      .map((path) => ({ path, licence: licenceOf(path) }))
      .filter(({ path, licence }) => {
        const allowed = [...permissive, ...(fonts.test(path) ? ['OFL-1.1'] : []), ...(replaceable.test(path) ? ['LGPL-3.0-or-later'] : [])]
        return !allows(licence, allowed)
      })
      .map(({ path, licence }) => `${path} is under “${licence}”. Choose another package, or decide on this one in docs/decisions.`)
    expect(wrong).toEqual([])
  })

  test.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0-only)', true],
    ['MIT AND GPL-3.0-only', false],
    ['SEE LICENSE IN LICENSE.md', false],
    ['none stated', false],
  ])('“%s” is judged as it should be', (expression, expected) => {
    expect(allows(expression, permissive)).toBe(expected)
  })
})

describe('package-lock.json', () => {
  test('names no place from which packages are fetched', () => {
    const wrong = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry.resolved !== undefined && !entry.link)
    expect(wrong.map(([path]) => `${path} has a “resolved” address. Run npm install with the project’s .npmrc.`)).toEqual([])
    expect(read('package-lock.json')).not.toMatch(/https?:\/\/[^"]*\/-\//)
  })

  test('holds every package that one of its packages may want, on any platform: without them “npm ci” refuses', () => {
    const missing = Object.entries(lock.packages).flatMap(([path, entry]) =>
      Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })
        .filter((name) => resolve(path, name) === null)
        .map((name) => `${path} wants ${name}. Its registry lacks it; choose a version of ${path} whose packages are all there.`),
    )
    expect(missing).toEqual([])
  })

  test('agrees with package.json', () => {
    const manifest = JSON.parse(read('package.json')) as Entry & { devDependencies: Record<string, string> }
    const locked = lock.packages[''] as typeof manifest
    expect(locked.dependencies).toEqual(manifest.dependencies)
    expect(locked.devDependencies).toEqual(manifest.devDependencies)
  })
})

describe('.npmrc', () => {
  test('keeps installing from fetching anything but packages, and the lock file free of addresses', () => {
    const lines = read('.npmrc')
      .split('\n')
      .map((line) => line.trim())
    expect(lines).toContain('onnxruntime-node-install=skip')
    expect(lines).toContain('omit-lockfile-registry-resolved=true')
    expect(lines.filter((line) => /registry|_auth|token|password/i.test(line) && line !== 'omit-lockfile-registry-resolved=true')).toEqual(
      [],
    )
  })
})

describe('package.json', () => {
  const { dependencies = {}, scripts } = JSON.parse(read('package.json')) as {
    dependencies?: Record<string, string>
    scripts: Record<string, string>
  }

  test('ships only packages that the host imports', () => {
    const used = new Set(
      ['src-main', 'src-shared']
        .flatMap((folder) => filesBelow(folder, /\.ts$/))
        .flatMap((file) => importsOf(file).map((each) => each.package)),
    )
    expect(Object.keys(dependencies).filter((name) => !used.has(name))).toEqual([])
  })

  test('has no script that runs by itself at installation', () => {
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) expect(scripts).not.toHaveProperty(name)
  })

  test('has scripts whose programs exist', () => {
    for (const command of Object.values(scripts)) {
      const script = /node (scripts\/\S+)/.exec(command)?.[1]
      if (script) expect(existsSync(join(root, script)), script).toBe(true)
    }
  })
})
