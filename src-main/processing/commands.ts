/** What `enhance` and `locate` do on the command line. The program around them parses arguments and owns the streams. */
import { basename } from 'node:path'
import type { Settings } from '#shared/api.ts'
import { AppError, explanationOf, isAbort } from '#shared/errors.ts'
import type { Surfaces } from '#shared/surfaces.ts'
import { TrustThread } from '../analysis/trust/thread.ts'
import type { SeriesInference } from '../inference/inference.ts'
import { startInference } from '../inference/process.ts'
import { type EnhanceResult, enhanceFile } from './enhance-file.ts'
import { secondsLeft } from './remaining.ts'
import { type Done, Throughput } from './throughput.ts'
import { verdictLine } from './trust-table.ts'

export interface CommandIo {
  /** A line of results: standard output. */
  readonly out: (line: string) => void
  /** A line for the person: warnings and errors, standard error. */
  readonly error: (line: string) => void
  /** What is going on, replacing the last such line. */
  readonly progress: (text: string) => void
  readonly signal?: AbortSignal
}

export interface EnhanceOptions {
  /** Folder for the results; made where missing. */
  readonly out: string
  /** null: for each file the one that suits its pixels. */
  readonly model: string | null
  /** µm; overrides what the files say. */
  readonly pixelSize?: number
  /** Surfaces to refocus to. */
  readonly refocus?: Surfaces | undefined
  readonly preview: boolean
  /** Folders of model packages. */
  readonly modelsFolders: readonly string[]
  readonly provider: Settings['provider']
  /** The built inference program, if it is not in its usual place. */
  readonly entry?: string
  /** The built program of the trust instruments, likewise. */
  readonly trustEntry?: string
}

/**
 * Enhances files one after the other and prints the path of every result. A file that fails is told, and the others go on.
 * @returns the exit code: 0, or 1 where any file failed. Rejects with AbortError after a cancel.
 */
export async function enhanceCommand(files: readonly string[], options: EnhanceOptions, io: CommandIo): Promise<number> {
  return await forEachFile(
    files,
    options,
    io,
    async () => options.model,
    (name, result) => {
      if (options.model === null)
        io.error(`${name}: network: ${result.provenance.modelName} (${result.provenance.model}), chosen automatically`)
      tell(name, result, io)
      if (result.places) io.error(`${name}: ${result.places.words}`)
      for (const path of [result.output, ...result.others, result.table, result.preview]) if (path) io.out(path)
    },
  )
}

export interface LocateOptions extends Omit<EnhanceOptions, 'refocus' | 'preview'> {
  readonly json: boolean
}

/** Likewise tells where the protein of each picture lies, and prints that: a line a file, or its JSON. */
export async function locateCommand(files: readonly string[], options: LocateOptions, io: CommandIo): Promise<number> {
  const classifier = async (inference: SeriesInference) => {
    const model = options.model ?? (await inference.chosenClassifier())
    if (await inference.classifierOf(model)) return model
    throw new AppError('ModelInvalid', `The network "${model}" does not tell what a picture shows.`, { model })
  }
  return await forEachFile(files, { ...options, preview: false }, io, classifier, (name, result) => {
    const { places, output, others, verdict, provenance } = result
    io.error(`${name}: network: ${provenance.modelName} ${provenance.version} (${provenance.model})`)
    tell(name, result, io)
    const maps = others[0] ?? null
    if (options.json)
      io.out(
        JSON.stringify({
          file: name,
          model: provenance.model,
          version: provenance.version,
          words: places?.words,
          windows: places?.windows,
          table: output,
          maps,
          verdict,
        }),
      )
    else {
      io.out(`${name}: ${places?.words ?? ''}`)
      for (const path of [output, maps]) if (path) io.error(`${name}: written: ${path}`)
    }
  })
}

/** What a person is told of a result, whatever it is. */
function tell(name: string, { warnings, verdict, judged }: EnhanceResult, io: CommandIo): void {
  for (const warning of warnings) io.error(`${name}: warning: ${warning}`)
  io.error(`${name}: ${verdictLine(verdict, judged)}`)
}

async function forEachFile(
  files: readonly string[],
  options: EnhanceOptions,
  io: CommandIo,
  modelOf: (inference: SeriesInference) => Promise<string | null>,
  done: (name: string, result: EnhanceResult) => void,
): Promise<number> {
  await using inference = startInference({
    modelsFolders: options.modelsFolders,
    provider: options.provider,
    ...(options.entry === undefined ? {} : { entry: options.entry }),
  })
  await using judge = new TrustThread(options.trustEntry)
  let failed = 0
  for (const [index, path] of files.entries()) {
    const name = basename(path)
    const place = files.length > 1 ? `[${index + 1}/${files.length}] ` : ''
    const begun = performance.now()
    const throughput = new Throughput()
    io.progress(`${place}${name}: reading`)
    try {
      const result = await enhanceFile(
        {
          path,
          outFolder: options.out,
          model: await modelOf(inference),
          pixelSizeUm: options.pixelSize ?? null,
          refocus: options.refocus,
          preview: options.preview,
          ...(io.signal ? { signal: io.signal } : {}),
          onProgress: (fraction, done) => {
            const now = performance.now()
            io.progress(`${place}${name}: ${progressText(fraction, now - begun, throughput.rate(now, done))}`)
          },
        },
        { inference, judge },
      )
      done(name, result)
    } catch (error) {
      if (isAbort(error)) throw error
      failed++
      const said = explanationOf(error)
      io.error(said.startsWith(`${name} `) ? said : `${name}: ${said}`)
    }
  }
  return failed > 0 ? 1 : 0
}

/** "12 %, 3.4 Mpx/s, 6.5 planes/s, about 20 s left" */
export function progressText(fraction: number, elapsedMs: number, rate: Done | null): string {
  const left = secondsLeft(elapsedMs, fraction)
  return [
    `${Math.floor(fraction * 100)} %`,
    ...(rate ? [`${rate.megapixels.toFixed(1)} Mpx/s`, ...(rate.planes >= 0.05 ? [`${rate.planes.toFixed(1)} planes/s`] : [])] : []),
    ...(left === null || fraction === 1 ? [] : [`about ${Math.ceil(left)} s left`]),
  ].join(', ')
}
