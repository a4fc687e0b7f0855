/** Reads the project's sources: which files there are, and who imports whom. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

export interface Import {
  /** The importing file, relative to the project. */
  readonly from: string
  readonly line: number
  /** As written. */
  readonly specifier: string
  /** The project's file it means, relative to the project; null for a package. */
  readonly file: string | null
  /** The package's name, with `node:` for Node's own; null for a file. */
  readonly package: string | null
  /** Vanishes when compiled. */
  readonly typeOnly: boolean
}

const ignored = new Set(['node_modules', 'build', 'dist', '.git', 'cases', '__pycache__'])

/** Files below a folder, relative to the project, with `/` between folders. */
export function filesBelow(folder: string, pattern: RegExp): string[] {
  const walk = (at: string): string[] =>
    readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
      if (entry.isDirectory()) return ignored.has(entry.name) ? [] : walk(join(at, entry.name))
      return pattern.test(entry.name) ? [relative(root, join(at, entry.name)).split(sep).join('/')] : []
    })
  return walk(join(root, folder)).sort()
}

export function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

const aliases = { '#shared/': 'src-shared/', '#main/': 'src-main/', '#renderer/': 'src-renderer/', '#test/': 'test/' } as const

const parsed = new Map<string, Import[]>()

/** Every import and re-export of a TypeScript or Vue file, `import()` included. */
export function importsOf(file: string): Import[] {
  const known = parsed.get(file) ?? importsIn(file, read(file))
  parsed.set(file, known)
  return known
}

/** The imports of `code`, as if it stood in `file`. */
export function importsIn(file: string, code: string): Import[] {
  const found: Import[] = []
  for (const { text, line } of file.endsWith('.vue') ? scriptsOf(code) : [{ text: code, line: 0 }]) {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    const add = (specifier: string, node: ts.Node, typeOnly: boolean) => {
      const at = source.getLineAndCharacterOfPosition(node.getStart()).line + line + 1
      found.push({ from: file, line: at, specifier, ...targetOf(file, specifier), typeOnly })
    }
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) add(node.moduleSpecifier.text, node, isTypeImport(node))
      else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier))
        add(node.moduleSpecifier.text, node, node.isTypeOnly)
      else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
        const [argument] = node.arguments
        if (argument && ts.isStringLiteral(argument)) add(argument.text, node, false)
      } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal))
        add(node.argument.literal.text, node, true)
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  return found
}

function isTypeImport({ importClause }: ts.ImportDeclaration): boolean {
  if (!importClause) return false
  if (importClause.isTypeOnly) return true
  const bindings = importClause.namedBindings
  if (importClause.name || !bindings || !ts.isNamedImports(bindings)) return false
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly)
}

function scriptsOf(code: string): { text: string; line: number }[] {
  return [...code.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map((match) => ({
    text: match[1] ?? '',
    line: code.slice(0, match.index + match[0].indexOf('>') + 1).split('\n').length - 1,
  }))
}

function targetOf(from: string, specifier: string): Pick<Import, 'file' | 'package'> {
  for (const [alias, folder] of Object.entries(aliases))
    if (specifier.startsWith(alias)) return { file: folder + specifier.slice(alias.length).replace(/\?.*$/, ''), package: null }
  if (specifier.startsWith('.'))
    return { file: posix.normalize(posix.join(posix.dirname(from), specifier.replace(/\?.*$/, ''))), package: null }
  if (specifier.startsWith('node:')) return { file: null, package: specifier }
  const parts = specifier.split('/')
  return { file: null, package: parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/') }
}

/** A place for an error message: `src-main/host.ts:12`. */
export function place({ from, line }: Import): string {
  return `${from}:${line}`
}
