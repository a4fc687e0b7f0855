import { builtinModules } from 'node:module'
import { describe, expect, test } from 'vitest'
import { filesBelow, type Import, importsIn, importsOf, place, read } from './sources.ts'

const code = /\.(ts|vue)$/
const sources = ['src-shared', 'src-main', 'src-renderer'].flatMap((folder) => filesBelow(folder, code))
const imports = sources.flatMap((file) => importsOf(file))
const of = (...folders: string[]) => imports.filter(({ from }) => folders.some((folder) => from.startsWith(folder)))

/** Fails with one sentence for each breach. */
function none(breaches: readonly Import[], sentence: (breach: Import) => string): void {
  expect(breaches.map((breach) => `${place(breach)} imports “${breach.specifier}”. ${sentence(breach)}`)).toEqual([])
}

const inside = (path: string | null, ...folders: string[]) => path !== null && folders.some((folder) => path.startsWith(folder))
const isNode = (name: string | null) => name !== null && (name.startsWith('node:') || builtinModules.includes(name))

/** The parts of the host that know no other part, except by its types. */
const parts = ['src-main/devices/', 'src-main/analysis/', 'src-main/inference/', 'src-main/storage/']

/** Whoever builds adapters and puts them together: the composition root, and the programs that are nothing but that. */
const composers = [
  'src-main/host.ts',
  'src-main/data-folder.ts',
  'src-main/headless.ts',
  'src-main/cli.ts',
  'src-main/doctor.ts',
  'src-main/guardian.ts',
  'src-main/processing/commands.ts',
  'src-main/processing/model-commands.ts',
]

/** Modules whose import means building something that talks to the outside. */
const adapters = [
  'src-main/devices/registry.ts',
  'src-main/devices/guard.ts',
  'src-main/devices/demo.ts',
  'src-main/inference/process.ts',
  'src-main/storage/session.ts',
  'src-main/ipc/http-server.ts',
]

describe('who may import whom', () => {
  test('the shared code imports nobody but zod', () => {
    none(
      of('src-shared/').filter(
        (each) => !(inside(each.file, 'src-shared/') || (each.package === 'zod' && each.from === 'src-shared/zod.ts')),
      ),
      () => 'Shared code runs in the host and in the page, so it must know neither; move what needs this to src-main or src-renderer.',
    )
  })

  test('zod comes from src-shared/zod.ts, which keeps it from generating code', () => {
    none(
      imports.filter((each) => each.package === 'zod' && each.from !== 'src-shared/zod.ts'),
      () => 'Import it from “#shared/zod.ts”: there it is set up for the page’s content security policy.',
    )
  })

  test('the host does not know the page, and the page does not know the host', () => {
    none(
      [
        ...of('src-main/').filter((each) => inside(each.file, 'src-renderer/')),
        ...of('src-renderer/').filter((each) => inside(each.file, 'src-main/')),
      ],
      () => 'They meet only in the contract, src-shared/api.ts.',
    )
  })

  test('the page uses nothing of Node', () => {
    none(
      of('src-renderer/').filter((each) => isNode(each.package)),
      () => 'The page runs in a sandboxed window and in browsers; ask the host by a call of the contract.',
    )
  })

  test('the product does not import its tests', () => {
    none(
      imports.filter((each) => inside(each.file, 'test/')),
      () => 'What both need belongs to the product.',
    )
  })

  test('devices, analysis, inference and storage know only shared code, themselves, and types of each other', () => {
    none(
      parts.flatMap((part) =>
        of(part).filter(
          ({ file, typeOnly }) =>
            file !== null && !inside(file, part, 'src-shared/', 'src-main/processes.ts') && !(typeOnly && inside(file, ...parts)),
        ),
      ),
      () => 'Take what is needed as a parameter typed by an interface, and let src-main/host.ts hand it in.',
    )
  })

  test('acquisition knows device kinds, the ports of storage and inference, and no driver', () => {
    const ports = ['src-main/devices/kinds.ts', 'src-main/storage/dataset.ts', 'src-main/inference/inference.ts']
    none(
      of('src-main/acquisition/').filter(
        ({ file, typeOnly }) =>
          file !== null &&
          !inside(file, 'src-main/acquisition/', 'src-main/analysis/', 'src-shared/') &&
          !(typeOnly && ports.includes(file)),
      ),
      () => 'It must run with any driver and any store: use the interfaces in kinds.ts, dataset.ts and inference.ts.',
    )
  })

  test('only the composition root builds adapters', () => {
    none(
      of('src-main/').filter(
        ({ from, file, typeOnly }) =>
          !typeOnly &&
          file !== null &&
          adapters.includes(file) &&
          !composers.includes(from) &&
          !adapters.some((adapter) => sameFolder(adapter, from)),
      ),
      () => 'Only src-main/host.ts puts the parts together; take the finished part as a parameter.',
    )
  })

  test('only the shell imports electron, and around it only its types', () => {
    none(
      imports.filter(
        ({ from, package: name, typeOnly }) =>
          name === 'electron' &&
          !['src-main/electron.ts', 'src-main/preload.ts'].includes(from) &&
          !(typeOnly && from.startsWith('src-main/electron/')),
      ),
      () => 'The host must run without Electron; only src-main/electron.ts and src-main/preload.ts may import it.',
    )
  })

  test('only electron.ts and the shell’s own files use the shell', () => {
    none(
      of('src-main/').filter(
        ({ from, file }) =>
          inside(file, 'src-main/electron') && !inside(from, 'src-main/electron/', 'src-main/electron.ts', 'src-main/preload.ts'),
      ),
      () => 'The host does not know in which shell it runs.',
    )
  })

  test('only the inference process imports ONNX Runtime', () => {
    none(
      imports.filter(
        ({ from, package: name, typeOnly }) =>
          name?.startsWith('onnxruntime') &&
          from !== 'src-main/inference/worker.ts' &&
          !(typeOnly && from.startsWith('src-main/inference/')),
      ),
      () => 'A network that crashes must not take the stage’s control with it; ask the process through src-main/inference/inference.ts.',
    )
  })

  test('three/ knows no Vue and nothing else of the page', () => {
    none(
      of('src-renderer/three/').filter(
        ({ file, package: name }) =>
          ['vue', 'pinia', 'vue-router', 'reka-ui', '@vueuse/core', '@lucide/vue'].includes(name ?? '') ||
          (file !== null && !inside(file, 'src-renderer/three/', 'src-shared/')),
      ),
      () => 'Rendering is plain TypeScript, so that it can be tested in a bare page; pass what it needs as values.',
    )
  })

  test('paths that climb three folders are written with an alias', () => {
    none(
      imports.filter(({ specifier }) => specifier.startsWith('../../../')),
      () => 'Use #shared/, #main/ or #renderer/.',
    )
  })

  test('files of the project are imported with their extension, and exist', () => {
    const known = new Set(filesBelow('.', /./).concat(sources))
    none(
      imports.filter(({ file }) => file !== null && !known.has(file)),
      () => 'There is no such file.',
    )
  })

  test('every package is declared: for the host as a dependency, for the page, which is bundled, as a development dependency', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >
    const hostOnly = ['electron', ...Object.keys(dependencies)]
    none(
      of('src-main/', 'src-shared/').filter(
        ({ package: name, typeOnly }) =>
          name !== null && !isNode(name) && !hostOnly.includes(name) && !(typeOnly && name in devDependencies),
      ),
      () => 'The installed host has only “dependencies” of package.json.',
    )
    none(
      of('src-renderer/').filter(({ package: name }) => name !== null && !(name in devDependencies) && name !== 'zod'),
      () => 'Add it to “devDependencies”: the page is bundled.',
    )
  })
})

function sameFolder(a: string, b: string): boolean {
  return a.slice(0, a.lastIndexOf('/')) === b.slice(0, b.lastIndexOf('/'))
}

describe('the reader of imports', () => {
  const found = (text: string, file = 'src-main/ipc/x.ts') =>
    importsIn(file, text).map(({ specifier, file: target, package: name, typeOnly }) => [specifier, target ?? name, typeOnly])

  test('sees values, types, re-exports and import()', () => {
    expect(
      found(`import a from 'ws'
import { type B } from '../host.ts'
import type { C } from '#shared/api.ts'
import { D, type E } from '@scope/name/deep'
export { F } from './f.ts'
const g = await import('./g.ts')
type H = import('./h.ts').H
import './side.css'`),
    ).toEqual([
      ['ws', 'ws', false],
      ['../host.ts', 'src-main/host.ts', true],
      ['#shared/api.ts', 'src-shared/api.ts', true],
      ['@scope/name/deep', '@scope/name', false],
      ['./f.ts', 'src-main/ipc/f.ts', false],
      ['./g.ts', 'src-main/ipc/g.ts', false],
      ['./h.ts', 'src-main/ipc/h.ts', true],
      ['./side.css', 'src-main/ipc/side.css', false],
    ])
  })

  test('sees the scripts of Vue files, with their lines', () => {
    const vue = '<template>\n  <p />\n</template>\n\n<script setup lang="ts">\nimport { ref } from \'vue\'\n</script>\n'
    expect(importsIn('src-renderer/A.vue', vue)).toMatchObject([{ line: 6, package: 'vue' }])
  })
})
