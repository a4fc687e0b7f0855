/** What the user chose, kept in one JSON file. A file that cannot be understood is set aside, never overwritten. */
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, open, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { type Settings, settingsSchema } from '#shared/api.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import { rootFolder } from './processes.ts'
import { makeFolder } from './storage/disk.ts'

/** Folders of this installation. `DEEPSCOPE_HOME` moves all of them, for tests and portable use. */
export interface AppFolders {
  readonly config: string
  readonly logs: string
  /** Where sessions go until the user chooses another folder. */
  readonly data: string
}

export interface SettingsStore extends AsyncDisposable {
  readonly state: ReadonlyCell<Settings>
  /** Sentences about a file that could not be read as it was; empty when all went well. */
  readonly warnings: readonly string[]
  /** Validates, applies at once and saves soon. Throws OutOfRange and changes nothing if a value is not allowed. */
  change(change: Partial<Settings>): Settings
  /** Resolves when the file holds the present settings. Rejects with Internal if it cannot be written. */
  flush(): Promise<void>
}

/** Milliseconds that changes are collected before the file is written: a dragged slider is one write. */
const saveDelayMs = 300

export function appFolders(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
  home = homedir(),
): AppFolders {
  if (env.DEEPSCOPE_HOME) {
    const own = env.DEEPSCOPE_HOME
    return { config: join(own, 'config'), logs: join(own, 'logs'), data: join(own, 'data') }
  }
  const data = join(home, 'Deepscope')
  if (platform === 'darwin')
    return { config: join(home, 'Library/Application Support/Deepscope'), logs: join(home, 'Library/Logs/Deepscope'), data }
  if (platform === 'win32') {
    const config = join(env.APPDATA || join(home, 'AppData/Roaming'), 'Deepscope')
    return { config, logs: join(config, 'logs'), data }
  }
  // XDG Base Directory Specification 0.8: relative values are to be ignored.
  const from = (value: string | undefined, fallback: string) => join(value && isAbsolute(value) ? value : join(home, fallback), 'deepscope')
  return { config: from(env.XDG_CONFIG_HOME, '.config'), logs: join(from(env.XDG_STATE_HOME, '.local/state'), 'logs'), data }
}

/** Folders of model packages: the application's own, then the user's. */
export function modelFolders(folders: AppFolders, root = rootFolder): string[] {
  // A packaged application carries them as files beside its archive.
  const own = /\.asar(\.unpacked)?$/.test(root) ? dirname(root) : root
  return [join(own, 'models'), join(folders.config, 'models')]
}

export function defaultSettings(dataFolder: string): Settings {
  return {
    dataFolder,
    omeZarrVersion: '0.5',
    theme: 'dark',
    model: '',
    provider: 'auto',
    colorMap: 'gray',
    autoContrast: true,
    stageStep: 10,
    focusStep: 1,
  }
}

/** Opens the settings file at `path`, which need not exist. Never throws for what the file contains. */
export async function openSettings(path: string, defaults: Settings = defaultSettings(appFolders().data)): Promise<SettingsStore> {
  const { settings, warnings } = read(path, defaults)
  const kept = `${path}.unreadable`
  if (warnings.length > 0 && existsSync(path)) {
    try {
      await copyFile(path, kept)
      warnings.push(`The file as it was is kept as “${kept}”.`)
    } catch (error) {
      warnings.push(`It could not be kept aside: ${messageOf(error)}.`)
    }
  }
  return new FileSettings(path, settings, warnings)
}

class FileSettings implements SettingsStore {
  readonly #state: Cell<Settings>
  #timer: NodeJS.Timeout | null = null
  #dirty = false
  #writing: Promise<void> = Promise.resolve()

  constructor(
    readonly path: string,
    initial: Settings,
    readonly warnings: readonly string[],
  ) {
    this.#state = new Cell(initial)
  }

  get state(): ReadonlyCell<Settings> {
    return this.#state
  }

  change(change: Partial<Settings>): Settings {
    const parsed = settingsSchema.partial().safeParse(change)
    if (!parsed.success) throw new AppError('OutOfRange', `The settings were not changed: ${sentences(parsed.error.issues)}.`)
    const { dataFolder } = parsed.data
    if (dataFolder !== undefined && !isAbsolute(dataFolder))
      throw new AppError('OutOfRange', `The data folder “${dataFolder}” must be a full path, such as “${join(homedir(), 'Deepscope')}”.`)
    const changed = Object.fromEntries(Object.entries(parsed.data).filter(([, value]) => value !== undefined))
    this.#state.patch(changed)
    this.#dirty = true
    // A failure to save is reported by `flush`; the settings hold for this run in any case.
    this.#timer ??= setTimeout(() => void this.flush().catch(() => undefined), saveDelayMs)
    return this.#state.value
  }

  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#save())
    return this.#writing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.flush()
  }

  async #save(): Promise<void> {
    if (!this.#dirty) return
    this.#dirty = false
    const temporary = `${this.path}.${process.pid}.new`
    try {
      await makeFolder(dirname(this.path))
      const file = await open(temporary, 'w')
      try {
        await file.writeFile(`${JSON.stringify(this.#state.value, null, 2)}\n`)
        // Without this, a power cut may leave the new name with no content.
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(temporary, this.path)
    } catch (error) {
      this.#dirty = true
      await rm(temporary, { force: true }).catch(() => undefined)
      throw new AppError('Internal', `The settings could not be saved in “${this.path}”: ${messageOf(error)}.`, { path: this.path }, error)
    }
  }
}

/** Takes every value that is valid and the default for the rest. */
function read(path: string, defaults: Settings): { settings: Settings; warnings: string[] } {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { settings: defaults, warnings: [] }
    return { settings: defaults, warnings: [`The settings file “${path}” cannot be read (${messageOf(error)}); the defaults are used.`] }
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    return { settings: defaults, warnings: [`The settings file “${path}” holds no settings; the defaults are used.`] }
  const settings: Record<string, unknown> = { ...defaults }
  const wrong: string[] = []
  for (const [name, value] of Object.entries(content)) {
    const field = Object.hasOwn(settingsSchema.shape, name) ? settingsSchema.shape[name as keyof Settings] : null
    if (field?.safeParse(value).success && (name !== 'dataFolder' || isAbsolute(value as string))) settings[name] = value
    else wrong.push(name)
  }
  const warnings =
    wrong.length === 0
      ? []
      : [`The settings file “${path}” has values that are not known here: ${wrong.join(', ')}; their defaults are used.`]
  return { settings: settingsSchema.parse(settings), warnings }
}

function sentences(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): string {
  return issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`).join('; ')
}
