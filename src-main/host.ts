/**
 * The composition root: the only place that builds adapters. Everything is ordinary Node, so the same host serves an Electron
 * window, a browser and the tests.
 */
import { join } from 'node:path'
import { type Api, api, type Settings } from '#shared/api.ts'
import type { PortFinding } from '#shared/device.ts'
import { Disposer } from '#shared/dispose.ts'
import { AppError, messageOf } from '#shared/errors.ts'
import type { Frame } from '#shared/image/frame.ts'
import type { Services } from '#shared/rpc/remote.ts'
import { createCaller, serve } from '#shared/rpc/server.ts'
import type { Transport } from '#shared/rpc/transport.ts'
import packageJson from '../package.json' with { type: 'json' }
import { Captures } from './acquisition/captures.ts'
import { LiveView } from './acquisition/live.ts'
import { LiveTrustMonitor } from './acquisition/live-trust.ts'
import { MicroscopeControl } from './acquisition/microscope-control.ts'
import { liveFacts } from './acquisition/picture-facts.ts'
import { Recorder } from './acquisition/recorder.ts'
import { TrustThread } from './analysis/trust/thread.ts'
import type { PictureFacts } from './analysis/trust/training.ts'
import { DataFolder } from './data-folder.ts'
import { Configurations } from './devices/configurations.ts'
import { type Guard, startGuardian } from './devices/guard.ts'
import type { Microscope } from './devices/kinds.ts'
import { detect, openConfiguration } from './devices/registry.ts'
import type { TruthSource } from './devices/simulated/truth.ts'
import type { TestingInference } from './inference/inference.ts'
import type { ModelLibrary } from './inference/library.ts'
import { type InferenceOptions, startInference } from './inference/process.ts'
import { Clients } from './ipc/clients.ts'
import { createServices } from './ipc/services.ts'
import { Uploads } from './ipc/uploads.ts'
import { type Log, openLog, problemReport } from './log.ts'
import { inUse } from './model-use.ts'
import { Inspector } from './processing/inspect.ts'
import { Jobs } from './processing/jobs.ts'
import { type AppFolders, appFolders, defaultSettings, modelFolders, openSettings, type SettingsStore } from './settings.ts'
import { makeFolder } from './storage/disk.ts'

/** Live light goes off when no window has been connected for this long, ms. */
const lightTimeoutMs = 10_000
/** Largest file a browser may send, bytes. */
const uploadLimit = 2 * 2 ** 30

export const version: string = packageJson.version

export interface HostOptions {
  readonly shell: 'electron' | 'browser'
  readonly folders?: AppFolders
  /** Overrides the data folder of the settings, for this run only. */
  readonly dataFolder?: string
  /** A configuration file that this run may open by its path, beside those in the configuration folder. Never from a window. */
  readonly configurationFile?: string
  /** How the inference process is started; Electron gives a utility process. */
  readonly spawnInference?: InferenceOptions['spawn']
}

/** Everything the services speak for. */
export interface HostParts {
  readonly info: {
    readonly version: string
    readonly shell: 'electron' | 'browser'
    readonly platform: string
    readonly uploadLimit: number
  }
  readonly control: MicroscopeControl
  readonly live: LiveView
  readonly trust: LiveTrustMonitor
  readonly inspector: Inspector
  readonly factsOf: (frame: Frame) => PictureFacts
  readonly recorder: Recorder
  readonly captures: Captures
  readonly inference: TestingInference
  readonly models: ModelLibrary
  readonly jobs: Jobs
  readonly uploads: Uploads
  readonly settings: SettingsStore
  readonly log: Log
  readonly clients: Clients
  readonly data: DataFolder
  readonly configurations: Configurations
  /** What answers on this computer's serial ports. */
  detect(signal?: AbortSignal): Promise<PortFinding[]>
  /** What a perfect 20×/0.75 would see here. Throws DeviceNotFound where nobody can know. */
  truth(): ReturnType<TruthSource['truth']>
  changeSettings(change: Partial<Settings>): Promise<Settings>
  /** Deletes a model of the user's own. Rejects with Busy where something uses it. */
  removeModel(model: string): Promise<void>
  report(): { name: string; text: string }
}

export interface Host {
  readonly parts: HostParts
  readonly services: Services<Api>
  /** Serves one window until its transport closes. */
  attach(transport: Transport): void
  /** Motion halted, light off, files closed. Idempotent. */
  close(): Promise<void>
}

/** Builds the host. It owns everything it builds; `close` takes it down in reverse order. */
export async function createHost(options: HostOptions): Promise<Host> {
  const folders = options.folders ?? appFolders()
  const disposer = new Disposer()
  try {
    const log = disposer.use(openLog({ file: join(folders.logs, 'deepscope.log') }))
    const settings = disposer.use(await openSettings(join(folders.config, 'settings.json'), defaultSettings(folders.data)))
    for (const warning of settings.warnings) log.warn('settings', warning)
    const data = disposer.use(await DataFolder.open(options.dataFolder ?? settings.state.value.dataFolder, { Deepscope: version }))
    const userModels = join(folders.config, 'models')
    await makeFolder(userModels).catch((error: unknown) => log.warn('models', 'The model folder cannot be made.', error))
    const inference = disposer.use(
      startInference({
        modelsFolders: modelFolders(folders),
        provider: settings.state.value.provider,
        ...(options.spawnInference ? { spawn: options.spawnInference } : {}),
      }),
    )
    const guardian = disposer.use(await startGuardian())
    const configurations = new Configurations(join(folders.config, 'microscopes'), options.configurationFile)
    await makeFolder(configurations.folder).catch((error: unknown) => log.warn('host', 'The folder of microscopes cannot be made.', error))
    const control = disposer.use(
      new MicroscopeControl(async (name, signal) => {
        const path = configurations.pathOf(name)
        await configurations.demand(name)
        return openGuarded(path, guardian, signal)
      }),
    )
    const live = disposer.use(new LiveView(inference))
    const judge = disposer.use(new TrustThread())
    const factsOf = (frame: Frame) => liveFacts(frame, control.state.value)
    const trust = disposer.use(new LiveTrustMonitor({ live, inference, judge, factsOf }))
    const recorder = disposer.use(new Recorder())
    disposer.add(recorder.state.watch(({ recording }) => live.holdNormalisation(recording)))
    const sessions = () => data.store
    const captures = new Captures({ control, live, recorder, inference, judge, factsOf, sessions, settings: settings.state })
    const uploads = disposer.use(new Uploads(uploadLimit))
    const inspector = new Inspector({ inference, judge })
    const jobs = disposer.use(new Jobs({ inference, judge, outFolder: () => join(data.state.value.folder, 'enhanced') }))
    const clients = new Clients()

    const parts: HostParts = {
      info: { version, shell: options.shell, platform: process.platform, uploadLimit },
      control,
      live,
      trust,
      inspector,
      factsOf,
      recorder,
      captures,
      inference,
      models: inference.library,
      jobs,
      uploads,
      settings,
      log,
      clients,
      data,
      configurations,
      // A real port of ours is not asked: it has a driver that speaks to it.
      detect: (signal) => detect({ inUse: control.microscope?.safeStates.map(({ path }) => path) ?? [] }, signal),
      truth: () => truthOf(control.microscope),
      changeSettings: async (change) => {
        const { dataFolder } = settings.state.value
        const moves = change.dataFolder !== undefined && change.dataFolder !== data.state.value.folder
        if (moves && recorder.recording) throw new AppError('Busy', 'A recording writes to the present data folder. Stop it first.')
        // Validated before anything moves, and taken back where the folder cannot be used.
        const changed = settings.change(change)
        if (moves) {
          await data.change(changed.dataFolder).catch((error: unknown) => {
            settings.change({ dataFolder })
            throw error
          })
        }
        if (change.provider !== undefined) inference.chooseProvider(change.provider)
        return changed
      },
      removeModel: async (model) => {
        const use = inUse(model, { settings: settings.state.value, live: live.state.value, jobs: jobs.state.value, files: jobs.models })
        if (use) throw new AppError('Busy', `The model "${model}" cannot be removed: ${use}`, { model })
        await inference.library.remove(model)
      },
      report: () =>
        problemReport({
          version,
          shell: options.shell,
          devices: control.state.value.devices,
          settings: settings.state.value,
          inference: inference.state.value,
          log: log.recent.value,
        }),
    }
    disposer.add(logProblems(parts))
    disposer.add(guardAbsence(parts))
    const services = createServices(parts)
    const windows = new Set<Disposable>()
    log.info('host', `Deepscope ${version} started.`)

    return {
      parts,
      services,
      attach: (transport) => attach(transport, { services, clients, log, windows }),
      close: async () => {
        // Nobody may switch on again what is switched off now.
        for (const window of windows) window[Symbol.dispose]()
        // Motion and light first: files may take longer to close.
        await control.stop().catch((error: unknown) => log.error('host', 'Motion or light could not be stopped.', error))
        await disposer.dispose()
      },
    }
  } catch (error) {
    await disposer.dispose().catch(() => undefined)
    throw error
  }
}

interface Reception {
  readonly services: Services<Api>
  readonly clients: Clients
  readonly log: Log
  readonly windows: Set<Disposable>
}

function attach(transport: Transport, { services, clients, log, windows }: Reception): void {
  const caller = createCaller(transport)
  clients.add(caller)
  const served = serve(api, services, transport, caller, { onProblem: (problem) => log.warn('window', problem.message) })
  windows.add(served)
  transport.onClose(() => windows.delete(served))
}

/** Opens a microscope and tells the guardian how to make it safe, until it is closed. */
async function openGuarded(configuration: string, guardian: Guard, signal: AbortSignal): Promise<Microscope> {
  const microscope = await openConfiguration(configuration, signal)
  guardian.protect(microscope.safeStates)
  const close = async () => {
    await microscope[Symbol.asyncDispose]()
    // The ports are free for others now, and none of our business.
    guardian.protect([])
  }
  return { ...microscope, [Symbol.asyncDispose]: close }
}

async function truthOf(microscope: Microscope | null): ReturnType<TruthSource['truth']> {
  if (microscope?.truth) return microscope.truth.truth()
  throw new AppError('DeviceNotFound', 'Only the demo microscope knows the truth. Start it first.')
}

/** What a person must see on screen also stands in the log. */
function logProblems({ control, live, recorder, inference, data, log }: HostParts): () => void {
  const said = new Map<string, string>()
  const say = (source: string, problem: string | null) => {
    if (problem && said.get(source) !== problem) log.warn(source, problem)
    said.set(source, problem ?? '')
  }
  const unsubscribe = [
    control.state.watch(({ devices }) => {
      for (const device of devices) say(device.label, device.problem)
    }),
    live.state.watch(({ problem }) => say('live', problem)),
    recorder.state.watch(({ problem }) => say('recording', problem)),
    inference.state.watch(({ problem }) => say('inference', problem)),
    data.state.watch(({ problem }) => say('storage', problem)),
    data.unreadable.watch((sessions) => {
      for (const { id, problem } of sessions) say(`session ${id}`, problem)
    }),
  ]
  return () => {
    for (const each of unsubscribe) each()
  }
}

/** The window in control was lost: its motion halts at once. Nobody is left: the light goes off, unless a recording needs it. */
function guardAbsence({ clients, control, live, recorder, log }: HostParts): () => void {
  let timer: NodeJS.Timeout | null = null
  const darken = async () => {
    if (recorder.recording) return
    log.info('host', 'No window has been connected for 10 s: light and live view are off.')
    await control.lightOff()
    await live.stop()
  }
  const offWriter = clients.onWriterGone(() => void control.halt())
  // A host that never had a window, such as that of a single snap, has nobody to lose.
  let seen = false
  const offState = clients.state.watch(({ count }) => {
    if (timer) clearTimeout(timer)
    timer = null
    seen ||= count > 0
    if (count > 0 || !seen) return
    timer = setTimeout(
      () => void darken().catch((error: unknown) => log.error('host', 'The light could not be switched off.', error)),
      lightTimeoutMs,
    )
    timer.unref()
  })
  // A recording that ends while nobody watches must not leave the light on.
  const offRecorder = recorder.state.watch(({ recording }) => {
    if (seen && !recording && clients.state.value.count === 0 && live.state.value.running)
      void darken().catch((error: unknown) => log.error('host', messageOf(error)))
  })
  return () => {
    if (timer) clearTimeout(timer)
    offWriter()
    offState()
    offRecorder()
  }
}
