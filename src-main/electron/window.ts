/** The window: what it may do, how it gets its line to the host, and what happens when it breaks. */
import type { BrowserWindow, IpcMainEvent, WebContents } from 'electron'
import type { Log } from '../log.ts'
import { bridge, type ElectronModule } from './module.ts'
import { isPage, pageUrl } from './page.ts'

export interface WindowOptions {
  readonly preload: string
  readonly log: Log
  /** Takes charge of a port to a page that has just loaded. */
  readonly attach: (port: Electron.MessagePortMain) => void
  /** The page hangs or has died: nobody is at the keys. */
  readonly onLost: () => void
  /** Asked before the window closes; false keeps it open. */
  readonly mayClose: () => boolean
}

/** Reloads of a page that died, within `crashWindowMs`; then a person is asked. */
const crashLimit = 3
const crashWindowMs = 60_000
/** Pause before a page whose line broke while it lives gets a new one, ms. */
const reconnectMs = 500

export function openWindow(electron: ElectronModule, options: WindowOptions): BrowserWindow {
  const window = new electron.BrowserWindow({
    width: 1440,
    height: 900,
    minWidth: 960,
    minHeight: 600,
    show: false,
    // The dark theme's ground: a white flash hurts in a dark room.
    backgroundColor: '#101214',
    title: 'Deepscope',
    webPreferences: {
      preload: options.preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      // The dictionary would be fetched from the network.
      spellcheck: false,
    },
  })
  window.once('ready-to-show', () => window.show())
  window.on('close', (event) => {
    if (!options.mayClose()) event.preventDefault()
  })
  connectPage(electron, window, options)
  watchPage(electron, window, options)
  void window.loadURL(pageUrl('/live'))
  return window
}

/** Nothing that a page shows may lead the window elsewhere, open another one, or be granted anything. */
export function lockDown(electron: ElectronModule, log: Log): void {
  electron.app.on('web-contents-created', (_, contents) => {
    contents.on('will-navigate', (details) => {
      if (isPage(details.url)) return
      details.preventDefault()
      log.warn('shell', `The page tried to open “${details.url}”; that is not allowed.`)
    })
    contents.on('will-redirect', (details) => details.preventDefault())
    contents.on('will-attach-webview', (event) => event.preventDefault())
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
  })
  const session = electron.session.defaultSession
  session.setPermissionRequestHandler((_contents, _permission, callback) => callback(false))
  session.setPermissionCheckHandler(() => false)
  session.setDevicePermissionHandler(() => false)
  session.on('will-download', (_event, item) => {
    // The page saves only what it made itself: reports and pictures.
    if (!item.getURL().startsWith('blob:')) item.cancel()
  })
}

/** Brings the window to the front, wherever it was. */
export function focusWindow(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore()
  window.show()
  window.focus()
}

/** Gives the page a port each time it has loaded. One page has one line: the one before is closed first, so that it holds no control. */
function connectPage(electron: ElectronModule, window: BrowserWindow, { attach }: WindowOptions): void {
  const contents = window.webContents
  let current: Electron.MessagePortMain | null = null

  const give = () => {
    const previous = current
    const { port1, port2 } = new electron.MessageChannelMain()
    current = port1
    previous?.close()
    port1.on('close', () => {
      if (current !== port1) return
      current = null
      // The page lives but its line broke: after a fault of the protocol, say. A page that loads asks by itself.
      setTimeout(() => {
        if (current === null && !window.isDestroyed() && !contents.isCrashed() && !contents.isLoading()) give()
      }, reconnectMs)
    })
    attach(port1)
    contents.postMessage(bridge.port, null, [port2])
  }

  const onConnect = (event: IpcMainEvent) => {
    if (event.sender === contents && fromPage(event, contents)) give()
  }
  electron.ipcMain.on(bridge.connect, onConnect)
  window.once('closed', () => {
    electron.ipcMain.off(bridge.connect, onConnect)
    const last = current
    current = null
    last?.close()
  })
}

/** True for the top frame showing our own page. */
function fromPage(event: IpcMainEvent, contents: WebContents): boolean {
  return event.senderFrame !== null && event.senderFrame === contents.mainFrame && isPage(event.senderFrame.url)
}

/** A page that dies is loaded again; one that hangs is stopped from steering, and the person is asked. */
function watchPage(electron: ElectronModule, window: BrowserWindow, { log, onLost }: WindowOptions): void {
  const contents = window.webContents
  let crashes: number[] = []
  contents.on('render-process-gone', (_, { reason, exitCode }) => {
    if (reason === 'clean-exit') return
    log.error('shell', `The window’s process ended (${reason}, code ${exitCode}).`)
    onLost()
    const now = Date.now()
    crashes = [...crashes.filter((time) => now - time < crashWindowMs), now]
    if (crashes.length <= crashLimit) contents.reload()
    else void askAfterCrash(electron, window)
  })
  let asking = false
  window.on('unresponsive', () => {
    if (asking) return
    asking = true
    log.warn('shell', 'The window does not respond; motion is halted.')
    onLost()
    void electron.dialog
      .showMessageBox(window, {
        type: 'warning',
        message: 'The window does not respond.',
        detail: 'Motion was halted. A recording goes on. You can wait, or load the window again.',
        buttons: ['Wait', 'Load again'],
        defaultId: 0,
        cancelId: 0,
      })
      .then(({ response }) => {
        asking = false
        if (response !== 1 || window.isDestroyed()) return
        // `render-process-gone` loads it again.
        contents.forcefullyCrashRenderer()
      })
  })
}

async function askAfterCrash(electron: ElectronModule, window: BrowserWindow): Promise<void> {
  const { response } = await electron.dialog.showMessageBox(window, {
    type: 'error',
    message: 'The window keeps failing.',
    detail: 'The microscope’s motion was halted. A recording goes on until you quit. The log has the details.',
    buttons: ['Load again', 'Quit'],
    defaultId: 0,
    cancelId: 0,
  })
  if (response === 1) electron.app.quit()
  else if (!window.isDestroyed()) window.webContents.reload()
}
