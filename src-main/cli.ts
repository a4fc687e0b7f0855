/** The command line. `main` never throws: it prints a sentence and resolves to the exit code (0 done, 1 failed, 2 wrong usage, 130 cancelled). */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { type Settings, settingsSchema } from '#shared/api.ts'
import { explanationOf, isAbort, messageOf } from '#shared/errors.ts'
import { distancesOf, type Surfaces, surfacesFrom } from '#shared/surfaces.ts'
import { examine, reportText } from './doctor.ts'
import { startHeadless } from './headless.ts'
import { createHost, version } from './host.ts'
import { isLoopback } from './ipc/access.ts'
import { addModelsProgram } from './models-program.ts'
import { type CommandIo, type EnhanceOptions, enhanceCommand, locateCommand } from './processing/commands.ts'
import { appFolders, defaultSettings, modelFolders, openSettings } from './settings.ts'
import { snap } from './snap.ts'

/** Longest wait for the host's safe end after a signal or a failure, ms. */
const closeTimeoutMs = 10_000

export async function main(args: readonly string[]): Promise<number> {
  let code = 0
  // A reader that has seen enough (`| head`) is no fault.
  process.stdout.on('error', () => undefined)
  const program = describe((result) => {
    code = result
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    return report(error, Boolean(program.opts().debug))
  }
}

function describe(exit: (code: number) => void): Command {
  const program = new Command('deepscope')
    .description('Controls a fluorescence microscope, shows it live, and enhances its pictures with networks that say what they did.')
    .version(version)
    .option('--debug', 'print stack traces with errors')
    .exitOverride()
    .showHelpAfterError('(add --help for what there is)')
    .addHelpText('after', '\nRun it as “npm run -s deepscope -- <command> …”. Each command has its own --help.')

  program
    .command('serve')
    .description('serve the application to a browser until Ctrl+C')
    .option('--port <number>', 'port to listen on; 0 takes a free one', port, 0)
    .option('--host <address>', 'address to listen on; anything but this computer needs --allow-remote')
    .option('--data <folder>', 'folder for sessions, for this run')
    .option('--allow-remote', 'let other computers connect: whoever has the printed address controls the microscope', false)
    .option('--open', 'open the default browser', false)
    .addHelpText(
      'after',
      '\nPrints an address with a token that is good for one browser. Ctrl+C stops motion, switches the light off and ends.',
    )
    .action(async (options: ServeOptions) => serve(options))

  program
    .command('snap')
    .description('take one picture and store it as a session; prints the session’s folder')
    .option('--configuration <name>', 'microscope: “demo”, the name of a configuration, or a configuration’s .json file', 'demo')
    .option('--exposure <ms>', 'exposure, ms', positive)
    .option('--channel <name>', 'light channel by name or letter (default: FITC, else the first)')
    .option('--level <percent>', 'light, percent of its maximum (default: 50)', percent)
    .option('--objective <id>', 'objective by id or label')
    .option('--x <µm>', 'stage position', number)
    .option('--y <µm>', 'stage position', number)
    .option('--z <µm>', 'focus position', number)
    .option('--enhance', 'also store what the network makes of it, as a session of its own', false)
    .option('--out <folder>', 'folder for the session (default: the data folder of the settings)')
    .action(async (options: SnapOptions) => takeSnap(options))

  program
    .command('enhance')
    .description('super-resolve TIFF files; prints the path of each OME-TIFF it writes')
    .argument('<file...>', 'TIFF images: 8 or 16 bit or float, single or stacks, ImageJ or OME')
    .requiredOption('--out <folder>', 'folder for the results')
    .option('--pixel-size <µm>', 'size of a pixel in the sample, where the file does not say it or is wrong', positive)
    .option('--model <id>', 'network (default: that of the settings, else the one that suits the pixels of the image)')
    .option(
      '--refocus <µm>',
      'surfaces for a network that refocuses: 4, or -10:10:1 for a stack; µm from the focus, away from the objective',
      surfaces,
    )
    .option('--provider <id>', `what runs it: ${providers.join(', ')} (default: that of the settings)`, provider)
    .option('--preview', 'also write a picture with before and after', false)
    .action(async (files: string[], options: EnhanceFlags) => exit(await enhance(files, options)))

  program
    .command('locate')
    .description('tell where in the cell the protein of each picture lies; prints a line a file')
    .argument('<file...>', 'TIFF images of one labelled protein, one cell or a few in view; larger ones are told window by window')
    .requiredOption('--out <folder>', 'folder for the table of the places and the maps of the evidence')
    .option('--pixel-size <µm>', 'size of a pixel in the sample, where the file does not say it or is wrong', positive)
    .option('--model <id>', 'network (default: the first that tells what a picture shows)')
    .option('--provider <id>', `what runs it: ${providers.join(', ')} (default: that of the settings)`, provider)
    .option('--json', 'print a line of JSON a file: the windows of its first plane, with every probability', false)
    .action(async (files: string[], options: LocateFlags) => exit(await locate(files, options)))

  addModelsProgram(program, { io: commandIo, exit, untilSignal, provider })

  program
    .command('doctor')
    .description('say what is installed, what is used and why, what is missing and how to get it')
    .option('--data <folder>', 'data folder to look at')
    .option('--json', 'as JSON', false)
    .action(async ({ data, json }: { data?: string; json: boolean }) => {
      const found = await examine(appFolders(), data && resolve(data))
      print(json ? JSON.stringify(found, null, 2) : reportText(found))
      exit(found.findings.some(({ state }) => state === 'problem') ? 1 : 0)
    })
  return program
}

interface ServeOptions {
  readonly port: number
  readonly host?: string
  readonly data?: string
  readonly allowRemote: boolean
  readonly open: boolean
}

async function serve({ port: number, host, data, allowRemote, open }: ServeOptions): Promise<void> {
  if (host !== undefined && !isLoopback(host) && !allowRemote)
    throw usage(`“${host}” can be reached from other computers. Add --allow-remote if that is wanted.`)
  await untilSignal(async (signal) => {
    const headless = await startHeadless({
      host: host ?? (allowRemote ? '0.0.0.0' : '127.0.0.1'),
      port: number,
      ...(data === undefined ? {} : { dataFolder: resolve(data) }),
    })
    try {
      print(headless.url)
      for (const url of headless.remoteUrls) note(`From another computer: ${url}`)
      note('Ctrl+C ends Deepscope: motion stops, the light goes off, files are closed.')
      if (open) openBrowser(headless.url)
      await aborted(signal)
      note('Closing …')
    } finally {
      await withinLimit(headless.close())
    }
  })
}

interface EnhanceFlags {
  readonly out: string
  readonly pixelSize?: number
  readonly refocus?: Surfaces
  readonly model?: string
  readonly provider?: Settings['provider']
  readonly preview: boolean
}

async function enhance(files: readonly string[], { preview, refocus, ...flags }: EnhanceFlags): Promise<number> {
  const { model, ...options } = await fileOptions(flags)
  const chosen: EnhanceOptions = { ...options, model: flags.model ?? (model || null), preview, refocus }
  return untilSignal((signal) => enhanceCommand(files, chosen, { ...commandIo, signal }))
}

interface LocateFlags extends Omit<EnhanceFlags, 'refocus' | 'preview'> {
  readonly json: boolean
}

async function locate(files: readonly string[], { json, ...flags }: LocateFlags): Promise<number> {
  const options = { ...(await fileOptions(flags)), model: flags.model ?? null, json }
  return untilSignal((signal) => locateCommand(files, options, { ...commandIo, signal }))
}

/** What is asked of a network for files; `model`: that of the settings, empty where they name none. */
async function fileOptions({ out, pixelSize, provider: chosen }: Pick<EnhanceFlags, 'out' | 'pixelSize' | 'provider'>) {
  const folders = appFolders()
  const settings = (await openSettings(join(folders.config, 'settings.json'), defaultSettings(folders.data))).state.value
  return {
    out: resolve(out),
    model: settings.model,
    provider: chosen ?? settings.provider,
    modelsFolders: modelFolders(folders),
    ...(pixelSize === undefined ? {} : { pixelSize }),
  }
}

interface SnapOptions extends Omit<Parameters<typeof snap>[1], 'exposureMs'> {
  readonly exposure?: number
  readonly out?: string
}

async function takeSnap({ exposure, out, ...request }: SnapOptions): Promise<void> {
  await untilSignal(async (signal) => {
    const isFile = request.configuration.endsWith('.json')
    const configuration = isFile ? resolve(request.configuration) : request.configuration
    const host = await createHost({
      shell: 'browser',
      ...(isFile ? { configurationFile: configuration } : {}),
      ...(out === undefined ? {} : { dataFolder: resolve(out) }),
    })
    try {
      const sessions = await snap(host, { ...request, configuration, ...(exposure === undefined ? {} : { exposureMs: exposure }) }, signal)
      for (const session of sessions) print(session)
    } finally {
      await withinLimit(host.close())
    }
  })
}

/**
 * Runs a task that a signal or an error which nothing caught can end: the task's signal is aborted, so that it closes what it opened,
 * and the error is thrown when it has. A second signal ends at once.
 */
async function untilSignal<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  let failure: { readonly error: unknown } | null = null
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  const onFailure = (error: unknown) => {
    if (isAbort(error)) return
    failure ??= { error }
    controller.abort()
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of signals) process.on(name, onSignal)
  process.on('uncaughtException', onFailure).on('unhandledRejection', onFailure)
  try {
    const result = await task(controller.signal)
    if (failure) throw (failure as { error: unknown }).error
    return result
  } finally {
    for (const name of signals) process.off(name, onSignal)
    process.off('uncaughtException', onFailure).off('unhandledRejection', onFailure)
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}

async function withinLimit(closing: Promise<void>): Promise<void> {
  const timer = setTimeout(() => {
    note('The host did not close in time; it is ended.')
    process.exit(1)
  }, closeTimeoutMs)
  try {
    await closing
  } finally {
    clearTimeout(timer)
  }
}

/** Says what went wrong, and returns the exit code. */
function report(error: unknown, debug: boolean): number {
  if (isAbort(error)) {
    note('Cancelled.')
    return 130
  }
  note(`Error: ${explanationOf(error)}`)
  if (debug && error instanceof Error) note(stackOf(error))
  return 1
}

function stackOf(error: Error): string {
  return `${error.stack ?? error.message}${error.cause instanceof Error ? `\nCaused by: ${stackOf(error.cause)}` : ''}`
}

function usage(message: string): CommanderError {
  note(`error: ${message}`)
  return new CommanderError(2, 'deepscope.usage', message)
}

/** Results go to standard output, so that they can be piped; everything else goes to standard error. */
function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

let progressWidth = 0

/** Takes the progress away, so that other lines do not run into it. */
function clearProgress(): void {
  if (progressWidth > 0) process.stderr.write(`\r${' '.repeat(progressWidth)}\r`)
  progressWidth = 0
}

const commandIo: CommandIo = {
  out: (line) => {
    clearProgress()
    print(line)
  },
  error: (line) => {
    clearProgress()
    note(line)
  },
  progress: (text) => {
    // In a file or a pipe, hundreds of lines of progress help nobody.
    if (!process.stderr.isTTY) return
    process.stderr.write(`\r${text.padEnd(progressWidth)}`)
    progressWidth = text.length
  },
}

/** A browser that cannot be opened is no failure: the address is printed. */
function openBrowser(url: string): void {
  const [program, ...args] =
    process.platform === 'darwin' ? ['open', url] : process.platform === 'win32' ? ['explorer.exe', url] : ['xdg-open', url]
  const child = spawn(program ?? '', args, { stdio: 'ignore', detached: true })
  child.on('error', () => note('No browser could be opened; open the address yourself.'))
  child.unref()
}

function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.')
  return value
}

function positive(text: string): number {
  const value = number(text)
  if (value <= 0) throw new InvalidArgumentError('It must be more than 0.')
  return value
}

function surfaces(text: string): Surfaces {
  const found = surfacesFrom(text)
  if (!found) throw new InvalidArgumentError('It must be a distance in µm, or first:last:step.')
  try {
    distancesOf(found)
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error))
  }
  return found
}

function percent(text: string): number {
  const value = number(text)
  if (value < 0 || value > 100) throw new InvalidArgumentError('It must be from 0 to 100.')
  return value
}

const providers: readonly string[] = settingsSchema.shape.provider.options

function provider(text: string): string {
  if (!providers.includes(text)) throw new InvalidArgumentError(`It must be one of ${providers.join(', ')}.`)
  return text
}

function port(text: string): number {
  const value = number(text)
  if (!Number.isInteger(value) || value < 0 || value > 65535) throw new InvalidArgumentError('It must be a whole number from 0 to 65535.')
  return value
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main(process.argv.slice(2))
