import { basename } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { filesBelow, importsOf, read } from './sources.ts'

const folders = ['src-shared', 'src-main', 'src-renderer', 'test', 'scripts', 'models']
const all = folders.flatMap((folder) => filesBelow(folder, /\.(ts|vue|mjs|py|css|glsl)$/))
const typescript = all.filter((file) => /\.(ts|vue)$/.test(file))

test('no file has more than 500 lines', () => {
  const long = all
    .map((file) => ({ file, lines: read(file).trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > 500)
    .map(({ file, lines }) => `${file} has ${lines} lines. Split it where its ideas part.`)
  expect(long).toEqual([])
})

test('files are named in kebab-case, Vue components in PascalCase', () => {
  const wrong = typescript
    .filter(
      (file) =>
        !(file.endsWith('.vue') ? /^[A-Z][A-Za-z0-9]*\.vue$/ : /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|d|browser))*\.ts$/).test(basename(file)),
    )
    .map((file) => `${file} is named against the project’s manner.`)
  expect(wrong).toEqual([])
})

test('nothing is exported by default', () => {
  const wrong = typescript
    .filter((file) => !file.endsWith('.d.ts') && !file.endsWith('.vue') && /^export default\b/m.test(read(file)))
    .map((file) => `${file} has a default export. Give it a name, so that it is called the same everywhere.`)
  expect(wrong).toEqual([])
})

test('there are no barrels: everything is imported from where it is', () => {
  const wrong = typescript
    .filter((file) => !file.endsWith('.vue'))
    .filter((file) => basename(file) === 'index.ts' || /^export \* from\b/m.test(read(file)) || onlyReexports(file))
    .map((file) => `${file} only passes on what other files export. Import from those files.`)
  expect(wrong).toEqual([])
})

test('nothing is imported from a folder', () => {
  const wrong = typescript.flatMap((file) =>
    importsOf(file)
      .filter((each) => each.file !== null && !/\.[a-z0-9]+$/.test(each.file))
      .map((each) => `${file}:${each.line} imports “${each.specifier}”. Name the file, with its extension.`),
  )
  expect(wrong).toEqual([])
})

test('no task is left open and no machine’s path stands in the sources', () => {
  const own = 'test/architecture/files.test.ts'
  const wrong = all
    .filter((file) => file !== own)
    .flatMap((file) =>
      read(file)
        .split('\n')
        .map((line, index) => ({ file, line, index })),
    )
    .filter(({ line }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(line) || /(?<![\w.~])\/(work|root)\//.test(line))
    .map(({ file, line, index }) => `${file}:${index + 1}: ${line.trim()}`)
  expect(wrong).toEqual([])
})

function onlyReexports(file: string): boolean {
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest)
  return (
    source.statements.length > 0 &&
    source.statements.every((statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined)
  )
}
