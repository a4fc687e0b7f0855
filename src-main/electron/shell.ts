/**
 * The desktop shell around the host.
 *
 *   starting ──▶ running ──(quit, signal, system shutdown)──▶ closing ──▶ exit 0
 *      │            └──(uncaught error)──▶ closing ──▶ exit 1
 *      └──(another instance runs)──▶ exit
 *
 * Closing means: motion halted, light off, files closed; whatever happens it ends after `closeTimeoutMs`, and the guardian process
 * looks after the ports.
 */
import { basename } from 'node:path'
import type { BrowserWindow } from 'electron'
import { isAbort, messageOf } from '#shared/errors.ts'
import type { Transport } from '#shared/rpc/transport.ts'
import type { Host, HostOptions } from '../host.ts'
import { type SpawnInference, utilityInference } from '../inference/child.ts'
import { installMenu } from './menu.ts'
import type { ElectronModule } from './module.ts'
import { type PageHandler, pageUrl, registerScheme, servePage } from './page.ts'
import { focusWindow, lockDown, openWindow } from './window.ts'

export interface ShellOptions {
  readonly createHost: (options: HostOptions) => Promise<Host>
  readonly transport: (port: Electron.MessagePortMain) => Transport
  readonly page: PageHandler
  /** Path of the built preload. */
  readonly preload: string
  readonly logFolder: string
  /** Where uncaught errors and signals are announced. */
  readonly process?: Pick<NodeJS.Process, 'on'>
  readonly closeTimeoutMs?: number
}

/** Starts the application; resolves when its window has been made, or to null where another instance runs already. */
export async function startShell(electron: ElectronModule, options: ShellOptions): Promise<Shell | null> {
  registerScheme(electron)
  electron.app.enableSandbox()
  if (!electron.app.requestSingleInstanceLock()) {
    electron.app.quit()
    return null
  }
  const shell = new Shell(electron, options)
  await shell.start()
  return shell
}

export class Shell {
  #host: Host | null = null
  #starting: Promise<Host> | null = null
  #window: BrowserWindow | null = null
  #closing: Promise<void> | null = null
  /** The person chose to let a recording go on without a window. */
  #background = false
  #asking = false

  constructor(
    private readonly electron: ElectronModule,
    private readonly options: ShellOptions,
  ) {}

  async start(): Promise<void> {
    const { app } = this.electron
    this.#watchEnds()
    await app.whenReady()
    servePage(this.electron, this.options.page)
    this.#starting = this.options.createHost({ shell: 'electron', spawnInference: spawnInference(this.electron) })
    try {
      this.#host = await this.#starting
    } catch (error) {
      this.electron.dialog.showErrorBox('Deepscope cannot start', messageOf(error))
      app.exit(1)
      return
    }
    if (this.#closing) return
    const { log } = this.#host.parts
    lockDown(this.electron, log)
    this.#installMenu()
    this.#watchSystem()
    app.on('second-instance', () => this.show())
    app.on('activate', () => this.show())
    app.on('window-all-closed', () => {
      if (!this.#background) app.quit()
    })
    app.on('child-process-gone', (_, { type, reason, name }) => log.warn('shell', `A helper process ended: ${name ?? type}, ${reason}.`))
    this.#host.parts.recorder.state.watch(({ recording }) => {
      if (recording || !this.#background) return
      this.#background = false
      if (!this.#window) app.quit()
    })
    this.show()
  }

  /** The window in front, opened again if it was closed. */
  show(): void {
    const host = this.#host
    if (!host || this.#closing) return
    this.#background = false
    if (this.#window) {
      focusWindow(this.#window)
      return
    }
    const { log, control } = host.parts
    const window = openWindow(this.electron, {
      preload: this.options.preload,
      log,
      attach: (port) => host.attach(this.options.transport(port)),
      onLost: () => void control.halt().catch((error: unknown) => log.error('shell', 'Motion could not be halted.', error)),
      mayClose: () => this.#mayClose(),
    })
    window.once('closed', () => {
      this.#window = null
    })
    this.#window = window
  }

  /** Takes the host down within the time limit. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#closeHost()
    return this.#closing
  }

  async #closeHost(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.options.closeTimeoutMs ?? 8000)
    })
    try {
      // Quit while starting: the host that comes up late is taken down again.
      const closed = this.#starting?.then((host) => host.close())
      if ((await Promise.race([closed, limit])) === 'late') this.#host?.parts.log.error('shell', 'The host did not close in time.')
    } catch (error) {
      this.#host?.parts.log.error('shell', 'The host did not close cleanly.', error)
    } finally {
      clearTimeout(timer)
    }
  }

  #watchEnds(): void {
    const { app } = this.electron
    const source = this.options.process ?? process
    let done = false
    app.on('before-quit', (event) => {
      if (done) return
      event.preventDefault()
      void this.close().then(() => {
        done = true
        app.exit(0)
      })
    })
    let failing = false
    const fail = (error: unknown) => {
      if (isAbort(error) || failing) return
      failing = true
      this.#host?.parts.log.error('shell', 'An error that nothing caught ends the application.', error)
      this.#host?.parts.log.flushSync()
      void this.close().then(() => {
        done = true
        this.electron.dialog.showErrorBox(
          'Deepscope had to stop',
          `${messageOf(error)}\n\nMotion is halted and the light is off. The log is in “${this.options.logFolder}”.`,
        )
        app.exit(1)
      })
    }
    source.on('uncaughtException', fail)
    source.on('unhandledRejection', fail)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) source.on(signal, () => app.quit())
  }

  /** A computer that sleeps cannot watch a stage that moves or a sample under light. */
  #watchSystem(): void {
    const { powerMonitor, app } = this.electron
    const host = this.#host
    if (!host) return
    const { control, log } = host.parts
    powerMonitor.on('suspend', () => {
      log.info('shell', 'The computer goes to sleep: motion is halted and the light is off.')
      void control.stop().catch((error: unknown) => log.error('shell', 'The microscope could not be made safe before sleep.', error))
    })
    powerMonitor.on('shutdown', (event?: { preventDefault(): void }) => {
      event?.preventDefault()
      app.quit()
    })
  }

  #mayClose(): boolean {
    const host = this.#host
    if (this.#closing || this.#background || !host?.parts.recorder.recording) return true
    if (!this.#asking) void this.#askAboutRecording()
    return false
  }

  async #askAboutRecording(): Promise<void> {
    const window = this.#window
    if (!window) return
    this.#asking = true
    try {
      const { response } = await this.electron.dialog.showMessageBox(window, {
        type: 'question',
        message: 'A recording is running.',
        detail: 'Without a window it goes on until you open Deepscope again and stop it. Its finished frames are safe in any case.',
        buttons: ['Cancel', 'Stop recording and quit', 'Go on recording without a window'],
        defaultId: 0,
        cancelId: 0,
      })
      if (response === 1) this.electron.app.quit()
      // It may have ended while the question stood.
      if (response === 2) {
        this.#background = this.#host?.parts.recorder.recording ?? false
        window.close()
      }
    } finally {
      this.#asking = false
    }
  }

  #installMenu(): void {
    const { dialog, shell } = this.electron
    installMenu(this.electron, {
      openImages: () => void this.#try(() => this.#openImages()),
      chooseDataFolder: () => void this.#try(() => this.#chooseDataFolder()),
      openLogFolder: () =>
        void shell
          .openPath(this.options.logFolder)
          .then((problem) => problem && dialog.showErrorBox('The folder cannot be opened', problem)),
      show: (view) => this.#showView(view),
      stop: () => void this.#try(async () => this.#host?.parts.control.stop()),
    })
  }

  async #openImages(): Promise<void> {
    const host = this.#host
    if (!host) return
    const { filePaths } = await this.#openDialog({
      title: 'Enhance images',
      properties: ['openFile', 'multiSelections'],
      filters: [
        { name: 'TIFF images', extensions: ['tif', 'tiff'] },
        { name: 'All files', extensions: ['*'] },
      ],
    })
    const model = host.parts.settings.state.value.model || null
    for (const path of filePaths) host.parts.jobs.start({ path, temporary: false, name: basename(path), pixelSizeUm: null, model })
    if (filePaths.length > 0) this.#showView('/files')
  }

  async #chooseDataFolder(): Promise<void> {
    const host = this.#host
    if (!host) return
    const { filePaths } = await this.#openDialog({
      title: 'Folder for sessions',
      defaultPath: host.parts.settings.state.value.dataFolder,
      properties: ['openDirectory', 'createDirectory'],
    })
    const [dataFolder] = filePaths
    if (dataFolder) await host.parts.changeSettings({ dataFolder })
  }

  #openDialog(options: Electron.OpenDialogOptions): Promise<Electron.OpenDialogReturnValue> {
    const { dialog } = this.electron
    return this.#window ? dialog.showOpenDialog(this.#window, options) : dialog.showOpenDialog(options)
  }

  /** Only the part after the hash changes, so the page is not loaded again. */
  #showView(view: string): void {
    this.show()
    // An aborted load (two views in quick succession) is no fault.
    void this.#window?.loadURL(pageUrl(view)).catch(() => undefined)
  }

  async #try(task: () => Promise<unknown>): Promise<void> {
    try {
      await task()
    } catch (error) {
      if (isAbort(error)) return
      this.#host?.parts.log.error('shell', 'A menu command failed.', error)
      this.electron.dialog.showErrorBox('That did not work', messageOf(error))
    }
  }
}

/** Inference in a process of Electron's own kind, which a packaged application may start. */
export function spawnInference(electron: Pick<ElectronModule, 'utilityProcess'>): SpawnInference {
  return (entry) =>
    utilityInference(
      electron.utilityProcess.fork(entry, [], {
        stdio: 'pipe',
        serviceName: 'Deepscope inference',
        env: { ...process.env } as Record<string, string>,
      }),
    )
}
