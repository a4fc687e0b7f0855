/** Finds model packages in folders, and says of each whether it can be used, and if not, which field keeps it from it. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, sep } from 'node:path'
import { parse } from 'yaml'
import type { ModelSummary } from '#shared/api.ts'
import { messageOf } from '#shared/errors.ts'
import { type Description, FieldProblem, planModel, type RunnableModel, readDescription } from './package.ts'

export interface CatalogEntry {
  readonly summary: ModelSummary
  /** null where the package cannot be used. */
  readonly model: RunnableModel | null
}

const descriptionNames = ['rdf.yaml', 'bioimageio.yaml']
const largestText = 1 << 20

/** Reads every package in the given folders; missing folders and folders without a description are passed over. The first of equal ids wins. */
export async function readCatalog(folders: readonly string[]): Promise<CatalogEntry[]> {
  const entries: CatalogEntry[] = []
  for (const folder of folders) {
    for (const name of await subfolders(folder)) {
      const entry = await readPackage(join(folder, name))
      if (!entry) continue
      const taken = entries.some((other) => other.summary.id === entry.summary.id)
      entries.push(taken ? refuse(entry, new FieldProblem('id', `another model is called "${name}"; rename this folder`)) : entry)
    }
  }
  return entries
}

/** Reads one package; null where the folder holds no description. */
export async function readPackage(folder: string): Promise<CatalogEntry | null> {
  const source = await readFirst(folder, descriptionNames)
  if (source === null) return null
  let summary = emptySummary(basename(folder))
  try {
    const description = readDescription(parseYaml(source))
    summary = await describe(summary, description, folder)
    const onnx = description.weights.onnx
    const onnxPath = onnx ? await fileInside(folder, onnx.source, 'weights.onnx.source') : ''
    const model = planModel(description, { id: summary.id, onnxPath })
    const { size } = await stat(onnxPath)
    const actual = await sha256Of(onnxPath)
    summary = { ...summary, sha256: actual, bytes: size }
    if (actual !== model.sha256) {
      throw new FieldProblem(
        'weights.onnx.sha256',
        `${basename(onnxPath)} is not the file that was described: it is damaged, cut short or replaced`,
      )
    }
    return { summary: { ...summary, usable: true }, model }
  } catch (error) {
    return { summary: { ...summary, usable: false, problem: messageOf(error) }, model: null }
  }
}

export function refuse(entry: CatalogEntry, problem: Error): CatalogEntry {
  const id = problem instanceof FieldProblem && problem.field === 'id' ? `${entry.summary.id} (duplicate)` : entry.summary.id
  return { summary: { ...entry.summary, id, usable: false, problem: problem.message }, model: null }
}

/**
 * The path of a file that a description names, which must lie inside its package. Throws FieldProblem.
 * Links are followed first, so a link cannot lead out either.
 */
export async function fileInside(folder: string, source: string, field: string): Promise<string> {
  if (/^[a-z][a-z0-9+.-]*:/i.test(source))
    throw new FieldProblem(field, `"${source}" is an address; only files inside the package are read`)
  if (isAbsolute(source) || source.split(/[\\/]/).includes('..')) throw new FieldProblem(field, `"${source}" lies outside the package`)
  const root = await realpath(folder)
  const path = await realpath(join(root, source)).catch(() => {
    throw new FieldProblem(field, `the file "${source}" is missing`)
  })
  if (!path.startsWith(root + sep)) throw new FieldProblem(field, `"${source}" lies outside the package`)
  if (!(await stat(path)).isFile()) throw new FieldProblem(field, `"${source}" is not a file`)
  return path
}

async function subfolders(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => !name.startsWith('.')).sort()
}

async function readFirst(folder: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const path = join(folder, name)
    const info = await stat(path).catch(() => null)
    if (!info?.isFile()) continue
    return info.size > largestText ? '' : readFile(path, 'utf8')
  }
  return null
}

function parseYaml(source: string): unknown {
  if (source === '') throw new FieldProblem('rdf.yaml', 'is empty or far too large')
  try {
    return parse(source, { maxAliasCount: 50 })
  } catch (error) {
    throw new FieldProblem('rdf.yaml', `is not valid YAML (${messageOf(error).split('\n')[0]})`)
  }
}

function emptySummary(id: string): ModelSummary {
  return {
    id: id.slice(0, 180),
    name: id,
    version: '',
    description: '',
    sha256: '',
    pixelSizeUm: null,
    bytes: 0,
    usable: false,
    problem: null,
    license: '',
    card: null,
  }
}

async function describe(summary: ModelSummary, description: Description, folder: string): Promise<ModelSummary> {
  return {
    ...summary,
    name: description.name,
    version: String(description.version ?? 'unversioned'),
    description: description.description,
    license: description.license,
    sha256: description.weights.onnx?.sha256 ?? '',
    pixelSizeUm: description.config.deepscope?.pixel_size_um ?? null,
    card: await readCard(description.documentation, folder),
  }
}

/** The card is for reading only: a package without one, or with one elsewhere, works all the same. */
async function readCard(source: string | null | undefined, folder: string): Promise<string | null> {
  if (!source?.toLowerCase().endsWith('.md')) return null
  try {
    const path = await fileInside(folder, source, 'documentation')
    return (await stat(path)).size > largestText ? null : await readFile(path, 'utf8')
  } catch {
    return null
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
