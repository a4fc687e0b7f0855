/** The packaging is checked with electron-builder's own schema and its own file matcher: nothing here can run it to the end without Electron. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import Ajv from 'ajv'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { projectRoot } from './scripts.ts'

interface Filtered {
  createFilter(): (path: string, stat: { isDirectory(): boolean; isFile(): boolean }) => boolean
}
interface Matchers {
  getMainFileMatchers(...args: unknown[]): Filtered[]
  getNodeModuleFileMatcher(...args: unknown[]): Filtered
  FileMatcher: new (from: string, to: string, macros: (text: string) => string, patterns: readonly string[]) => Filtered
}
interface PlatformOptions {
  readonly files: readonly string[]
}
interface Configuration {
  readonly asarUnpack: readonly string[]
  readonly extraResources: readonly { readonly from: string; readonly to: string; readonly filter: readonly string[] }[]
  readonly linux: PlatformOptions
  readonly win: PlatformOptions
  readonly mac: PlatformOptions
}

const require = createRequire(import.meta.url)
const builder = join(projectRoot, 'node_modules/app-builder-lib')
const config = parse(readFileSync(join(projectRoot, 'electron-builder.yml'), 'utf8')) as Configuration
const { getMainFileMatchers, getNodeModuleFileMatcher, FileMatcher } = require(join(builder, 'out/fileMatcher.js')) as Matchers

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : entry.isFile() ? [join(folder, entry.name)] : [],
  )
}

/** A folder that the filter refuses is not entered. */
function accepted(filter: ReturnType<Filtered['createFilter']>, path: string, isFile = true): boolean {
  return filter(path, { isFile: () => isFile, isDirectory: () => !isFile } as ReturnType<typeof statSync> & object)
}

/** What goes into the package for a platform, of the paths given relative to the project. */
function packed(platform: 'linux' | 'win' | 'mac', arch: string) {
  const macros = (text: string) => text.replaceAll(/\$\{arch\}/g, arch)
  const packager = {
    config,
    projectDir: projectRoot,
    buildResourcesDir: 'build-resources',
    debugLogger: { isEnabled: false },
    isPrepackedAppAsar: false,
  }
  const own = getMainFileMatchers(projectRoot, '/out', macros, config[platform], { info: packager }, join(projectRoot, 'dist'), false)
  const modules = getNodeModuleFileMatcher(projectRoot, '/out', macros, config[platform], packager).createFilter()
  const ownFilters = own.map((matcher) => matcher.createFilter())
  return (path: string) => {
    const full = join(projectRoot, path)
    if (path.startsWith('node_modules/')) {
      const parts = path.split('/')
      const folders = parts.slice(0, -1).map((_, index) => join(projectRoot, ...parts.slice(0, index + 1)))
      return folders.slice(1).every((folder) => accepted(modules, folder, false)) && accepted(modules, full)
    }
    return ownFilters.some((filter) => accepted(filter, full))
  }
}

const unpacked = new FileMatcher(projectRoot, '/out', (text) => text, config.asarUnpack).createFilter()
const isUnpacked = (path: string) => accepted(unpacked, join(projectRoot, path))

describe('electron-builder.yml', () => {
  test('is valid by electron-builder’s own schema', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
    const validate = ajv.compile(JSON.parse(readFileSync(join(builder, 'scheme.json'), 'utf8')))
    validate(config)
    expect(validate.errors).toBeNull()
  })

  test('would be refused with a name that the schema does not know', () => {
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(
      JSON.parse(readFileSync(join(builder, 'scheme.json'), 'utf8')),
    )
    expect(validate({ ...config, asarUnpak: [] })).toBe(false)
  })

  test('packs what is built and no sources, tests or settings of ours', () => {
    const isPacked = packed('linux', 'x64')
    for (const path of [
      'build/main/electron.js',
      'build/main/preload.cjs',
      'build/renderer/index.html',
      'build/renderer/assets/a.js',
      'package.json',
    ])
      expect(isPacked(path), path).toBe(true)
    for (const path of [
      'src-main/host.ts',
      'src-renderer/App.vue',
      'test/shell/shell.test.ts',
      'build/main/electron.js.map',
      'models/widefield-sr/model.onnx',
      'README.md',
      'build/stamp.json',
      'electron-builder.yml',
    ])
      expect(isPacked(path), path).toBe(false)
  })

  test.each([
    ['linux', 'x64', ['linux/x64/libonnxruntime.so.1', 'linux/x64/onnxruntime_binding.node'], ['linux/arm64/', 'win32/', 'darwin/']],
    ['linux', 'arm64', ['linux/arm64/libonnxruntime.so.1'], ['linux/x64/', 'win32/', 'darwin/']],
    ['win', 'x64', ['win32/x64/onnxruntime.dll', 'win32/x64/DirectML.dll'], ['win32/arm64/', 'linux/', 'darwin/']],
    ['mac', 'arm64', ['darwin/arm64/onnxruntime_binding.node'], ['linux/', 'win32/']],
  ] as const)('packs ONNX Runtime for %s %s and no other', (platform, arch, wanted, unwanted) => {
    const isPacked = packed(platform, arch)
    const folder = 'node_modules/onnxruntime-node/bin'
    const files = walk(join(projectRoot, folder)).map((path) => path.slice(projectRoot.length + 1))
    const kept = files.filter(isPacked).map((path) => path.replace(/^.*?\/bin\/[^/]+\//, ''))
    for (const path of wanted) expect(kept).toContain(path)
    for (const path of unwanted) expect(kept.filter((each) => each.startsWith(path))).toEqual([])
    expect(isPacked('node_modules/onnxruntime-node/dist/index.js')).toBe(true)
  })

  test.each([
    ['linux', 'x64', 'linux-x64'],
    ['win', 'x64', 'win32-x64'],
    ['mac', 'arm64', 'darwin-x64+arm64'],
  ] as const)('packs the serial port’s native part for %s %s and no other', (platform, arch, folder) => {
    const isPacked = packed(platform, arch)
    const prebuilds = 'node_modules/@serialport/bindings-cpp/prebuilds'
    const files = walk(join(projectRoot, prebuilds)).map((path) => path.slice(projectRoot.length + 1))
    const kept = new Set(files.filter(isPacked).map((path) => path.slice(prebuilds.length + 1).split('/')[0]))
    expect([...kept]).toEqual([folder])
  })

  test('keeps native parts, their libraries and everything that other processes run outside the archive', () => {
    const natives = walk(join(projectRoot, 'node_modules/onnxruntime-node/bin')).filter((path) => /\.(node|so\.1|dll|dylib)$/.test(path))
    expect(natives.length).toBeGreaterThan(0)
    for (const path of natives) expect(accepted(unpacked, path), path).toBe(true)
    const image = readdirSync(join(projectRoot, 'node_modules/@img')).flatMap((name) => walk(join(projectRoot, 'node_modules/@img', name)))
    for (const path of image) expect(accepted(unpacked, path), path).toBe(true)
    for (const path of [
      'build/main/inference-worker.js',
      'build/main/guardian.js',
      'build/main/chunk-ABCDEFGH.js',
      'node_modules/serialport/dist/index.js',
    ])
      expect(isUnpacked(path), path).toBe(true)
    expect(isUnpacked('build/renderer/index.html')).toBe(false)
  })

  test('adds the models as resources, without the training', () => {
    const [models] = config.extraResources
    expect(models).toMatchObject({ from: 'models', to: 'models' })
    const from = join(projectRoot, 'models')
    const filter = new FileMatcher(from, '/out', (text) => text, models?.filter ?? []).createFilter()
    const paths = walk(from).map((path) => path.slice(from.length + 1))
    const kept = paths.filter((path) => accepted(filter, join(from, path)))
    expect(kept).toEqual(paths.filter((path) => !path.startsWith('training/')))
    expect(kept.some((path) => path.endsWith('rdf.yaml'))).toBe(true)
    expect(accepted(filter, join(from, 'training'), false)).toBe(false)
  })

  test('has the application’s entry where package.json says', () => {
    const { main } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { main: string }
    expect(packed('linux', 'x64')(main)).toBe(true)
    expect(main).toBe('build/main/electron.js')
    expect(statSync(join(projectRoot, 'src-main/electron.ts')).isFile()).toBe(true)
  })
})
