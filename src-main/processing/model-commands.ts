/** What `models …` does on the command line. Each resolves to the exit code: 0, or 1 where a model is unknown, unusable or fails. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Measured, ModelDetails, ModelSummary, SelfTest, Settings } from '#shared/api.ts'
import { AppError } from '#shared/errors.ts'
import type { CatalogEntry } from '../inference/catalog.ts'
import { detailsOf } from '../inference/describe-model.ts'
import type { ModelLibrary } from '../inference/library.ts'
import { startInference } from '../inference/process.ts'
import { inUse } from '../model-use.ts'
import { makeFolder, storageError } from '../storage/disk.ts'
import type { CommandIo } from './commands.ts'

export interface ModelsOptions {
  readonly library: ModelLibrary
  readonly folders: readonly string[]
  readonly json: boolean
}

export async function listModels({ library, folders, json }: ModelsOptions, io: CommandIo): Promise<number> {
  await library.ready
  const models = library.index.value
  if (json) io.out(JSON.stringify(models, null, 2))
  else if (models.length === 0) io.error(`No model is installed in ${folders.join(' or ')}.`)
  else for (const model of models) io.out(lineOf(model))
  return 0
}

/** `model`: an id, or the path of a package that is not installed. */
export async function showModel(model: string, { library, json }: ModelsOptions, io: CommandIo): Promise<number> {
  const entry = await find(model, library)
  const details = detailsOf(entry)
  io.out(json ? JSON.stringify({ ...entry.summary, ...details }, null, 2) : inWords(entry.summary, details))
  return entry.summary.usable ? 0 : 1
}

export interface TestOptions extends ModelsOptions {
  readonly provider: Settings['provider']
  /** The built inference program, if it is not in its usual place. */
  readonly entry?: string
}

/** Runs the self-tests of the models named, or of all that have one. */
export async function testModels(models: readonly string[], options: TestOptions, io: CommandIo): Promise<number> {
  const { library, folders, json, provider, entry } = options
  await library.ready
  const wanted = models.length > 0 ? models : library.index.value.filter(({ usable, testable }) => usable && testable).map(({ id }) => id)
  const entries: CatalogEntry[] = []
  for (const model of wanted) entries.push(await find(model, library))
  await using inference = startInference({ modelsFolders: folders, provider, ...(entry === undefined ? {} : { entry }) })
  const results: Record<string, SelfTest> = {}
  for (const each of entries) {
    const { id } = each.summary
    io.progress(`${id}: testing`)
    const result = await inference.testEntry(each, io.signal)
    results[id] = result
    if (!json) for (const line of testInWords(id, result)) io.out(line)
  }
  if (json) io.out(JSON.stringify(results, null, 2))
  return Object.values(results).every(({ passed }) => passed) ? 0 : 1
}

export async function importModel(
  path: string,
  as: string | undefined,
  { library, folders, json }: ModelsOptions,
  io: CommandIo,
): Promise<number> {
  const own = folders.at(-1)
  if (own) await makeFolder(own).catch(async (error: unknown) => Promise.reject(await storageError(error, own, own)))
  const id = await library.import(resolve(path), { ...(as === undefined ? {} : { as }), ...(io.signal ? { signal: io.signal } : {}) })
  io.out(json ? JSON.stringify({ model: id }) : id)
  return 0
}

/** Refuses what the settings name as the network in use. */
export async function removeModel(
  id: string,
  settings: Pick<Settings, 'model'>,
  { library, json }: ModelsOptions,
  io: CommandIo,
): Promise<number> {
  const use = inUse(id, { settings })
  if (use) throw new AppError('Busy', `The model "${id}" cannot be removed: ${use}`, { model: id })
  await library.remove(id)
  io.out(json ? JSON.stringify({ removed: id }) : `${id} is removed.`)
  return 0
}

async function find(model: string, library: ModelLibrary): Promise<CatalogEntry> {
  await library.ready
  const installed = library.index.value.some(({ id }) => id === model)
  return !installed && existsSync(model) ? library.inspect(resolve(model)) : library.entry(model)
}

function stateOf({ usable, valid, problem, takes }: ModelSummary): string {
  if (usable) return takes && !takes.startsWith('It ') ? `usable; takes ${takes}` : 'usable'
  return valid ? `${problem}` : `cannot be used: ${problem}`
}

function lineOf(model: ModelSummary): string {
  return `${model.id}  ${model.version}  ${model.name}${model.purpose && `: ${model.purpose}`} (${stateOf(model)})`
}

function inWords(model: ModelSummary, details: ModelDetails): string {
  const row = (label: string, value: string) => `${label.padEnd(12)}${value}`
  const tensors = (label: string, list: ModelDetails['inputs']) =>
    list.flatMap(({ id, dtype, axes, operations }) => [
      row(
        label,
        `${id}: ${axes.map((axis) => `${axis.id} ${axis.size}${axis.halo > 0 ? ` (halo ${axis.halo})` : ''}`).join(', ')}; ${dtype}`,
      ),
      ...operations.map((operation) => row('', `· ${operation}`)),
    ])
  const optional = (label: string, value: string) => (value ? [row(label, value)] : [])
  return [
    lineOf(model),
    ...optional('for', model.purpose),
    ...(model.description ? [model.description] : []),
    ...model.notes.map((note) => `Note: ${note}`),
    ...(model.measured ? barsInWords(model.measured).map((words, index) => row(index === 0 ? 'measured' : '', words)) : []),
    row('license', model.license || 'not stated'),
    row('pixel size', model.pixelSizeUm === null ? 'any' : `${model.pixelSizeUm} µm`),
    ...optional('format', model.format),
    ...optional('sha256', model.sha256),
    ...optional('authors', details.authors.join(', ')),
    ...tensors('input', details.inputs),
    ...tensors('output', details.outputs),
    ...details.training.map(({ label, value }, index) => row(index === 0 ? 'trained on' : '', `${label}: ${value}`)),
    row('self-test', model.testable ? `run it with: models test ${model.id}` : 'the package has no test tensors here'),
    row('package', details.path),
    ...(model.card ? ['', model.card.trimEnd()] : []),
  ].join('\n')
}

function barsInWords({ bars, missed }: Measured): string[] {
  if (missed.length === 0) return [`every requirement of its evaluation is met (${bars})`]
  return [
    `${missed.length} of ${bars} requirements of its evaluation are missed`,
    ...missed.map(({ name, value, must }) => `· ${name} is ${value}; it must be ${must}`),
  ]
}

function testInWords(id: string, { passed, problem, provider, elapsedMs, outputs }: SelfTest): string[] {
  const head = `${id}: ${passed ? 'passed' : 'FAILED'}${provider ? ` on ${provider} in ${Math.round(elapsedMs)} ms` : ''}${problem ? `: ${problem}` : ''}`
  return [
    head,
    ...outputs.map(
      ({ id: output, dims, elements, outside, allowed, largestDifference, relative, absolute }) =>
        `  ${output} (${dims.join(' × ')}): ${outside} of ${elements} values differ by more than ${absolute} + ${relative} · |value| ` +
        `(${allowed} may); largest difference ${Number(largestDifference.toPrecision(3))}`,
    ),
  ]
}
