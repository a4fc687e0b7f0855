/**
 * A stand-in for the `electron` module with Electron's manners, as far as the shell depends on them: ports that copy, hold back
 * messages until `start()` and deliver `{ data, ports }`; a sandboxed CommonJS preload that may require only `electron`;
 * `app.quit` that can be prevented and `app.exit` that cannot.
 */
import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import type { ElectronModule } from '#main/electron/module.ts'

interface PortMessage {
  readonly data: unknown
  readonly ports: readonly StandInPort[]
}

/** Electron's `MessagePortMain`. */
export class StandInPort extends EventEmitter {
  #partner: StandInPort | null = null
  readonly #waiting: PortMessage[] = []
  #started = false
  #closed = false

  static pair(): [StandInPort, StandInPort] {
    const [one, two] = [new StandInPort(), new StandInPort()]
    one.#partner = two
    two.#partner = one
    return [one, two]
  }

  get closed(): boolean {
    return this.#closed
  }

  postMessage(message: unknown, transfer: readonly unknown[] = []): void {
    transfer.forEach((each, index) => {
      // Electron transfers ports and nothing else (Electron #34905).
      if (!(each instanceof StandInPort)) throw new TypeError(`Port at index ${index} is not a valid port`)
    })
    const copy = structuredClone(message)
    if (!this.#closed) this.#partner?.receive({ data: copy, ports: transfer as readonly StandInPort[] })
  }

  start(): void {
    this.#started = true
    for (const message of this.#waiting.splice(0)) this.#deliver(message)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const partner = this.#partner
    setImmediate(() => partner?.close())
    this.emit('close')
  }

  receive(message: PortMessage): void {
    if (this.#started) this.#deliver(message)
    else this.#waiting.push(message)
  }

  #deliver(message: PortMessage): void {
    setImmediate(() => {
      if (!this.#closed) this.emit('message', message)
    })
  }
}

/** The page's end of a port: a DOM `MessagePort`, which copies as well, because the other end is in another process. */
export class PagePort extends EventTarget {
  constructor(private readonly port: StandInPort) {
    super()
    port.on('message', ({ data }: PortMessage) => this.dispatchEvent(new MessageEvent('message', { data })))
    port.on('close', () => this.dispatchEvent(new Event('close')))
  }

  postMessage(message: unknown): void {
    this.port.postMessage(message)
  }

  start(): void {
    this.port.start()
  }

  close(): void {
    this.port.close()
  }
}

/** What runs in the window's process: the preload in its sandbox and the page's side of it. */
export class StandInPage {
  readonly bridge: Record<string, Record<string, (...args: unknown[]) => unknown>> = {}
  /** Ports the page was handed, in order, with the message they came with. */
  readonly received: { data: unknown; port: PagePort }[] = []
  readonly required: string[] = []
  readonly #ipc = new EventEmitter()
  readonly #events = new EventTarget()

  constructor(preload: string, sendToMain: (channel: string) => void) {
    const electron = {
      contextBridge: {
        exposeInMainWorld: (name: string, value: Record<string, (...args: unknown[]) => unknown>) => {
          this.bridge[name] = value
        },
      },
      ipcRenderer: {
        on: (channel: string, listener: (event: { ports: readonly PagePort[] }) => void) => this.#ipc.on(channel, listener),
        send: (channel: string) => setImmediate(() => sendToMain(channel)),
      },
      webUtils: { getPathForFile: (file: { path?: string }) => file.path ?? '' },
    }
    const require = (name: string) => {
      this.required.push(name)
      if (name === 'electron') return electron
      throw new Error(`module not found: ${name}`)
    }
    const window = {
      addEventListener: this.#events.addEventListener.bind(this.#events),
      postMessage: (data: unknown, _origin: string, ports: readonly PagePort[]) => {
        const [port] = ports
        if (port) setImmediate(() => this.received.push({ data: structuredClone(data), port }))
      },
    }
    // A sandboxed preload has no Node: no `process`, `Buffer`, `__dirname` or `import`.
    runInNewContext(readFileSync(preload, 'utf8'), { require, window, module: { exports: {} }, exports: {} }, { filename: preload })
  }

  loaded(): void {
    this.#events.dispatchEvent(new Event('DOMContentLoaded'))
  }

  deliver(channel: string, ports: readonly StandInPort[]): void {
    this.#ipc.emit(channel, { ports: ports.map((port) => new PagePort(port)) })
  }

  /** The end of the window's process. */
  die(): void {
    for (const { port } of this.received) port.close()
  }
}

type Prevent = { readonly defaultPrevented: boolean; preventDefault(): void }

function preventable<T extends object>(fields: T): T & Prevent {
  let prevented = false
  return Object.defineProperties(
    {
      ...fields,
      preventDefault: () => {
        prevented = true
      },
    },
    { defaultPrevented: { get: () => prevented } },
  ) as T & Prevent
}

class StandInFrame {
  constructor(public url: string) {}
}

class StandInContents extends EventEmitter {
  page: StandInPage | null = null
  mainFrame = new StandInFrame('about:blank')
  openHandler: ((details: { url: string }) => { action: string }) | null = null
  loads = 0
  crashed = false

  constructor(
    private readonly world: StandIn,
    private readonly window: StandInWindow,
  ) {
    super()
  }

  setWindowOpenHandler(handler: (details: { url: string }) => { action: string }): void {
    this.openHandler = handler
  }

  isLoading(): boolean {
    return false
  }

  isCrashed(): boolean {
    return this.crashed
  }

  postMessage(channel: string, _message: unknown, transfer: readonly StandInPort[]): void {
    const page = this.page
    setImmediate(() => page?.deliver(channel, transfer))
  }

  reload(): void {
    void this.load(this.mainFrame.url)
  }

  forcefullyCrashRenderer(): void {
    this.die('crashed')
  }

  /** The window's process ends. */
  die(reason: string): void {
    this.page?.die()
    this.page = null
    this.crashed = true
    this.emit('render-process-gone', {}, { reason, exitCode: 5 })
  }

  async load(url: string): Promise<void> {
    const sameDocument = this.page !== null && url !== this.mainFrame.url && url.split('#')[0] === this.mainFrame.url.split('#')[0]
    this.mainFrame.url = url
    if (sameDocument) return
    this.page?.die()
    this.loads++
    const response = await this.world.request(url)
    if (!response.ok) throw new Error(`ERR_FAILED (${response.status}) loading '${url}'`)
    this.crashed = false
    const preload = this.window.options.webPreferences?.preload
    if (typeof preload !== 'string') throw new Error('The window has no preload.')
    this.page = new StandInPage(preload, (channel) =>
      this.world.ipcMain.emit(channel, { sender: this, senderFrame: this.mainFrame, ports: [] }),
    )
    this.page.loaded()
    this.window.emit('ready-to-show')
  }
}

export class StandInWindow extends EventEmitter {
  readonly webContents: StandInContents
  shown = false
  focused = 0
  minimized = false
  #destroyed = false

  constructor(
    private readonly world: StandIn,
    readonly options: Electron.BrowserWindowConstructorOptions,
  ) {
    super()
    this.webContents = new StandInContents(world, this)
    world.windows.push(this)
    world.app.emit('web-contents-created', {}, this.webContents)
  }

  loadURL(url: string): Promise<void> {
    return this.webContents.load(url)
  }
  show(): void {
    this.shown = true
  }
  focus(): void {
    this.focused++
  }
  isMinimized(): boolean {
    return this.minimized
  }
  restore(): void {
    this.minimized = false
  }
  isDestroyed(): boolean {
    return this.#destroyed
  }
  close(): void {
    const event = preventable({})
    this.emit('close', event)
    if (event.defaultPrevented || this.#destroyed) return
    this.#destroyed = true
    this.webContents.page?.die()
    this.world.windows.splice(this.world.windows.indexOf(this), 1)
    this.emit('closed')
    if (this.world.windows.length === 0) this.world.app.emit('window-all-closed')
  }
}

class StandInApp extends EventEmitter {
  exitCode: number | null = null
  sandboxed = false
  quits = 0
  firstInstance = true
  #ready: () => void = () => undefined
  readonly #whenReady = new Promise<void>((resolve) => {
    this.#ready = resolve
  })

  constructor(private readonly world: StandIn) {
    super()
  }

  becomeReady(): void {
    this.world.ready = true
    this.#ready()
  }
  whenReady(): Promise<void> {
    return this.#whenReady
  }
  enableSandbox(): void {
    if (this.world.ready) throw new Error('app.enableSandbox() can only be called before app is ready')
    this.sandboxed = true
  }
  requestSingleInstanceLock(): boolean {
    return this.firstInstance
  }
  quit(): void {
    this.quits++
    const event = preventable({})
    this.emit('before-quit', event)
    if (!event.defaultPrevented) this.exit(0)
  }
  exit(code: number): void {
    this.exitCode ??= code
  }
}

/** The whole stand-in; `electron` is what the shell gets. */
export class StandIn {
  ready = false
  readonly windows: StandInWindow[] = []
  readonly app = new StandInApp(this)
  readonly ipcMain = new EventEmitter()
  readonly powerMonitor = new EventEmitter()
  readonly errors: [title: string, text: string][] = []
  /** Answers to message boxes, in order; the messages asked. */
  readonly answers: number[] = []
  readonly questions: string[] = []
  openDialog: { canceled: boolean; filePaths: string[] } = { canceled: true, filePaths: [] }
  menu: Electron.MenuItemConstructorOptions[] = []
  readonly permissions: {
    request?: (contents: unknown, permission: string, callback: (granted: boolean) => void) => void
    check?: () => boolean
    device?: () => boolean
  } = {}
  readonly defaultSession = Object.assign(new EventEmitter(), {
    setPermissionRequestHandler: (handler: NonNullable<StandIn['permissions']['request']>) => {
      this.permissions.request = handler
    },
    setPermissionCheckHandler: (handler: () => boolean) => {
      this.permissions.check = handler
    },
    setDevicePermissionHandler: (handler: () => boolean) => {
      this.permissions.device = handler
    },
  })
  readonly schemes: string[] = []
  readonly forked: { entry: string; options: unknown }[] = []
  #handler: ((request: Request) => Response | Promise<Response>) | null = null

  async request(url: string): Promise<Response> {
    if (!this.#handler) throw new Error('ERR_UNKNOWN_URL_SCHEME')
    return this.#handler({ url, method: 'GET' } as Request)
  }

  /** Clicks the menu item with this label. */
  click(label: string): void {
    const find = (items: Electron.MenuItemConstructorOptions[]): Electron.MenuItemConstructorOptions | undefined =>
      items.flatMap((item) => [item, ...(Array.isArray(item.submenu) ? item.submenu : [])]).find((item) => item.label === label)
    const item = find(this.menu)
    if (!item?.click) throw new Error(`The menu has no “${label}”.`)
    ;(item.click as () => void)()
  }

  get electron(): ElectronModule {
    const world = this
    const module = {
      app: this.app,
      BrowserWindow: class {
        constructor(options: Electron.BrowserWindowConstructorOptions) {
          if (!world.ready) throw new Error('Cannot create BrowserWindow before app is ready')
          // biome-ignore lint/correctness/noConstructorReturn: the stand-in hands out its own kind of window.
          return new StandInWindow(world, options)
        }
      },
      dialog: {
        showErrorBox: (title: string, text: string) => void this.errors.push([title, text]),
        showMessageBox: async (_window: unknown, options: { message: string }) => {
          this.questions.push(options.message)
          return { response: this.answers.shift() ?? 0, checkboxChecked: false }
        },
        showOpenDialog: async () => this.openDialog,
      },
      ipcMain: this.ipcMain,
      Menu: {
        buildFromTemplate: (template: Electron.MenuItemConstructorOptions[]) => template,
        setApplicationMenu: (menu: Electron.MenuItemConstructorOptions[]) => {
          this.menu = menu
        },
      },
      MessageChannelMain: class {
        readonly port1: StandInPort
        readonly port2: StandInPort
        constructor() {
          ;[this.port1, this.port2] = StandInPort.pair()
        }
      },
      powerMonitor: this.powerMonitor,
      protocol: {
        registerSchemesAsPrivileged: (schemes: { scheme: string }[]) => {
          if (this.ready) throw new Error('protocol.registerSchemesAsPrivileged should be called before app is ready')
          this.schemes.push(...schemes.map(({ scheme }) => scheme))
        },
        handle: (_scheme: string, handler: (request: Request) => Response | Promise<Response>) => {
          this.#handler = handler
        },
      },
      session: { defaultSession: this.defaultSession },
      shell: { openPath: async () => '' },
      utilityProcess: {
        fork: (entry: string, _args: string[], options: unknown) => {
          this.forked.push({ entry, options })
          return Object.assign(new EventEmitter(), {
            pid: 4711,
            stdout: null,
            stderr: null,
            postMessage: () => undefined,
            kill: () => true,
          })
        },
      },
    }
    return module as unknown as ElectronModule
  }
}
