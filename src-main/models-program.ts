/** `deepscope models …`: what is installed, what it is, whether it gives what it promises, and how it comes and goes. */
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Settings } from '#shared/api.ts'
import { ModelLibrary } from './inference/library.ts'
import type { CommandIo } from './processing/commands.ts'
import { importModel, listModels, type ModelsOptions, removeModel, showModel, testModels } from './processing/model-commands.ts'
import { appFolders, defaultSettings, modelFolders, openSettings } from './settings.ts'

export interface ModelsProgram {
  readonly io: CommandIo
  /** Takes the exit code. */
  readonly exit: (code: number) => void
  readonly untilSignal: <T>(task: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** Reads the name of a provider. */
  readonly provider: (text: string) => string
}

export function addModelsProgram(program: Command, { io, exit, untilSignal, provider }: ModelsProgram): void {
  const models = program
    .command('models')
    .description('networks: list, look at, test, import and remove them')
    .argument('[id]', 'network to show; without it, all are listed')
    .option('--json', 'as JSON', false)
    .addHelpText('after', '\nA package is a folder or a zip in the BioImage.IO format (0.4 or 0.5) with ONNX weights. See docs/models.md.')
    .action(async (id: string | undefined, _: unknown, command: Command) => {
      const options = optionsOf(command)
      exit(await (id === undefined ? listModels(options, io) : showModel(id, options, io)))
    })
  const withJson = (command: Command) => command.option('--json', 'as JSON', false)

  withJson(models.command('list'))
    .description('list the networks that are installed')
    .action(async (_: unknown, command: Command) => exit(await listModels(optionsOf(command), io)))

  withJson(models.command('info'))
    .description('show a network with its inputs, outputs, operations and card')
    .argument('<model>', 'network by id, or a folder or zip that is not installed')
    .action(async (model: string, _: unknown, command: Command) => exit(await showModel(model, optionsOf(command), io)))

  withJson(models.command('test'))
    .description('run a network’s own test: its test inputs must give its test outputs')
    .argument('[model...]', 'networks by id, or folders or zips; without any, all that have a test')
    .option('--provider <id>', 'what runs it (default: that of the settings)', provider)
    .action(async (names: string[], { provider: chosen }: { provider?: Settings['provider'] }, command: Command) => {
      const settings = await settingsNow()
      const options = { ...optionsOf(command), provider: chosen ?? settings.provider }
      exit(await untilSignal((signal) => testModels(names, options, { ...io, signal })))
    })

  withJson(models.command('import'))
    .description('take in a package; prints the id it got')
    .argument('<path>', 'folder or zip')
    .option('--as <id>', 'id to give it (default: the name of the folder or zip)')
    .action(async (path: string, { as }: { as?: string }, command: Command) => {
      exit(await untilSignal((signal) => importModel(path, as, optionsOf(command), { ...io, signal })))
    })

  withJson(models.command('remove'))
    .description('delete a network that was imported')
    .argument('<id>', 'network by id')
    .action(async (id: string, _: unknown, command: Command) => exit(await removeModel(id, await settingsNow(), optionsOf(command), io)))
}

function optionsOf(command: Command): ModelsOptions {
  const folders = modelFolders(appFolders())
  // `--json` may stand before or after the name of the command.
  const { json } = command.optsWithGlobals<{ json: boolean }>()
  return { library: new ModelLibrary(folders), folders, json: Boolean(json) }
}

async function settingsNow(): Promise<Settings> {
  const folders = appFolders()
  return (await openSettings(join(folders.config, 'settings.json'), defaultSettings(folders.data))).state.value
}
