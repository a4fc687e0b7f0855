/** Finds model packages in folders, and says of each whether it can be used, and if not, which field keeps it from it. */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parse } from 'yaml'
import type { ModelSummary } from '#shared/api.ts'
import { isError, messageOf } from '#shared/errors.ts'
import type { Description, NamedFile, TensorDescription } from './bioimage-io/description.ts'
import { FieldProblem } from './bioimage-io/field-problem.ts'
import { largestHeader, npyDims } from './bioimage-io/npy.ts'
import { digest, firstBytes, openPackageFiles, type PackageFiles, readBytes } from './bioimage-io/package-files.ts'
import { readDescription } from './bioimage-io/read-description.ts'
import { checkDims } from './bioimage-io/sizes.ts'
import { measuredOf } from './measured.ts'
import { type NetworkModel, planModel, type RunnableModel } from './package.ts'
import { purposeOf } from './purpose.ts'
import { imageNeeds } from './tensors/image-needs.ts'

export interface CatalogEntry {
  readonly summary: ModelSummary
  /** Folder, zip, or description file. */
  readonly path: string
  /** null where it cannot be read. */
  readonly description: Description | null
  /** null where the package cannot be run. */
  readonly network: NetworkModel | null
  /** The quick way, where the network allows it. */
  readonly model: RunnableModel | null
}

const largestText = 1 << 20

/**
 * Reads every package in the given folders, the application's own first; missing folders and what holds no description are passed over.
 * The first of equal ids wins.
 */
export async function readCatalog(folders: readonly string[]): Promise<CatalogEntry[]> {
  const entries: CatalogEntry[] = []
  for (const [index, folder] of folders.entries()) {
    for (const name of await packagesIn(folder)) {
      const entry = await readPackage(join(folder, name), index === 0 ? 'application' : 'user')
      if (!entry) continue
      const { id } = entry.summary
      // Regardless of case: on many disks the two would be one.
      const taken = entries.some(({ summary }) => summary.id.toLowerCase() === id.toLowerCase())
      entries.push(taken ? duplicate(entry, freeId(entries, id)) : entry)
    }
  }
  return entries
}

/** Reads one package: a folder, a zip, or a description file. null where there is no description. */
export async function readPackage(path: string, origin: ModelSummary['origin'] = 'user'): Promise<CatalogEntry | null> {
  const empty: CatalogEntry = { summary: emptySummary(idOf(path), origin), path, description: null, network: null, model: null }
  let files: PackageFiles | null
  try {
    files = await openPackageFiles(path)
  } catch (error) {
    return refuse(empty, error)
  }
  if (!files) return null
  try {
    return await read(empty, files)
  } finally {
    await files[Symbol.asyncDispose]()
  }
}

async function read(empty: CatalogEntry, files: PackageFiles): Promise<CatalogEntry> {
  let entry = empty
  try {
    const description = readDescription(await parseYaml(files))
    entry = { ...entry, description, summary: await describe(entry.summary, description, files) }
    await checkTests(description, files)
    const { onnx } = description
    if (!onnx) {
      const others = description.otherWeights.join(', ')
      throw new FieldProblem('weights.onnx', `the package has no ONNX weights (it has: ${others})`, true)
    }
    const { sha256, size } = await digest(files, onnx.source, 'weights.onnx.source')
    const notes = [
      ...entry.summary.notes,
      ...(onnx.sha256 ? [] : ['The description states no hash of its weights, so nobody can tell whether they are whole.']),
    ]
    entry = { ...entry, summary: { ...entry.summary, notes, sha256, bytes: size } }
    if (onnx.sha256 && sha256 !== onnx.sha256) {
      throw new FieldProblem(
        'weights.onnx.sha256',
        `${basename(onnx.source)} is not the file that was described: it is damaged, cut short or replaced`,
      )
    }
    if (onnx.external) await checkFile(onnx.external, files)
    const { id, name, version } = entry.summary
    const weights = { path: entry.path, source: onnx.source, sha256, external: onnx.external }
    const network = planModel(description, { id, name, version, weights, sha256 })
    const needs = imageNeeds(network)
    return {
      ...entry,
      network,
      model: network.plane,
      summary: {
        ...entry.summary,
        usable: true,
        images: needs.possible,
        takes: needs.words,
        classes: network.classifier ? [...network.classifier.classes] : null,
        refocus: network.distance ? { rangeUm: [...network.distance.rangeUm], unitUm: network.distance.unitUm } : null,
        notes: needs.possible || network.classifier ? notes : [...notes, needs.words],
      },
    }
  } catch (error) {
    return refuse(entry, error)
  }
}

/** The entry as one that cannot be used, because of an error. */
export function refuse(entry: CatalogEntry, problem: unknown): CatalogEntry {
  const fault = problem instanceof FieldProblem ? problem : null
  const told = isError(problem) && typeof problem.info.field === 'string' ? problem.info.field : null
  const summary = {
    ...entry.summary,
    usable: false,
    images: false,
    problem: messageOf(problem),
    field: fault?.field ?? told,
    valid: fault?.valid ?? false,
  }
  return { ...entry, summary, network: null, model: null }
}

function duplicate(entry: CatalogEntry, id: string): CatalogEntry {
  const refused = refuse(entry, new FieldProblem('id', `another model is called "${entry.summary.id}"; rename this one`))
  return { ...refused, summary: { ...refused.summary, id } }
}

/** Name of the folder or the zip. */
export function idOf(path: string): string {
  const name = /\.ya?ml$/i.test(path) ? basename(dirname(path)) : basename(path)
  return name.replace(/\.zip$/i, '').slice(0, 180)
}

function freeId(entries: readonly CatalogEntry[], id: string): string {
  for (let number = 2; ; number++) {
    const candidate = `${id} (duplicate${number > 2 ? ` ${number}` : ''})`
    if (!entries.some(({ summary }) => summary.id === candidate)) return candidate
  }
}

async function packagesIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const candidates = found.filter((each) => !each.name.startsWith('.') && (!each.isFile() || /\.zip$/i.test(each.name)))
  return candidates.map(({ name }) => name).sort()
}

async function parseYaml(files: PackageFiles): Promise<unknown> {
  const source = (await readBytes(files, files.description, files.description, largestText)).toString('utf8')
  if (source.trim() === '') throw new FieldProblem(files.description, 'is empty')
  try {
    return parse(source, { maxAliasCount: 50 })
  } catch (error) {
    throw new FieldProblem(files.description, `is not valid YAML (${messageOf(error).split('\n')[0]})`)
  }
}

/** Test tensors that are there must have the stated hash and fit the stated sizes. Those that are missing only keep the package from being tested. */
async function checkTests({ inputs, outputs }: Description, files: PackageFiles): Promise<void> {
  const tensors = [...inputs, ...outputs]
  const dims = new Map<string, readonly number[]>()
  for (const { id, test } of tensors) {
    if (!test || !(await hasFile(test, files))) continue
    await checkFile(test, files)
    dims.set(id, npyDims(await firstBytes(files, test.source, fileField(test), largestHeader), fileField(test)))
  }
  for (const tensor of tensors) checkDims(tensor, tensors, dims)
}

async function hasFile({ source, field }: NamedFile, files: PackageFiles): Promise<boolean> {
  // An address is somewhere else; a name that leads out is refused when it is read.
  return !/^[a-z][a-z0-9+.-]+:/i.test(source) && files.has(source, field)
}

/** Throws FieldProblem where a file is not there, or its hash is another than the description says. */
async function checkFile(file: NamedFile, files: PackageFiles): Promise<void> {
  if (!file.sha256) {
    if (!(await files.has(file.source, fileField(file)))) throw new FieldProblem(fileField(file), `the file "${file.source}" is missing`)
    return
  }
  const { sha256 } = await digest(files, file.source, fileField(file))
  if (sha256 !== file.sha256) {
    throw new FieldProblem(
      `${file.field}.sha256`,
      `${basename(file.source)} is not the file that was described: it is damaged, cut short or replaced`,
    )
  }
}

/** Format 0.4 lists names of files, 0.5 objects with a source. */
export function fileField({ field }: NamedFile): string {
  return field.endsWith(']') ? field : `${field}.source`
}

/** Whether all test tensors are there. */
export async function canBeTested(tensors: readonly TensorDescription[], files: PackageFiles): Promise<boolean> {
  for (const { test } of tensors) if (!test || !(await hasFile(test, files))) return false
  return true
}

function emptySummary(id: string, origin: ModelSummary['origin']): ModelSummary {
  return {
    id,
    name: id,
    version: '',
    description: '',
    sha256: '',
    pixelSizeUm: null,
    bytes: 0,
    origin,
    format: '',
    valid: false,
    usable: false,
    images: false,
    takes: '',
    refocus: null,
    classes: null,
    task: null,
    purpose: '',
    modality: null,
    trainedPixelsUm: [],
    problem: null,
    field: null,
    notes: [],
    license: '',
    measured: null,
    card: null,
    testable: false,
    test: null,
  }
}

async function describe(summary: ModelSummary, description: Description, files: PackageFiles): Promise<ModelSummary> {
  const own = description.own as { pixel_size_um?: unknown } | null | undefined
  const { task, modality, trainedPixelsUm, words } = purposeOf(description.own)
  return {
    ...summary,
    task,
    modality,
    trainedPixelsUm: [...trainedPixelsUm],
    purpose: words,
    name: description.name,
    version: description.version,
    description: description.description,
    format: description.format,
    valid: true,
    license: description.license,
    sha256: description.onnx?.sha256 ?? '',
    pixelSizeUm: typeof own?.pixel_size_um === 'number' ? own.pixel_size_um : null,
    measured: await measuredOf(files),
    card: await readCard(description.documentation, files),
    testable: await canBeTested([...description.inputs, ...description.outputs], files),
  }
}

/** The card is for reading only: a package without one, or with one elsewhere, works all the same. */
async function readCard(source: string | null, files: PackageFiles): Promise<string | null> {
  if (!source?.toLowerCase().endsWith('.md')) return null
  try {
    return (await readBytes(files, source, 'documentation', largestText)).toString('utf8')
  } catch {
    return null
  }
}
