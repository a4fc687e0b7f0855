/** The part of Electron that the shell uses. The functions here get it as a parameter, so that tests can lend a stand-in. */
import type * as Electron from 'electron'

export type ElectronModule = Pick<
  typeof Electron,
  | 'app'
  | 'BrowserWindow'
  | 'dialog'
  | 'ipcMain'
  | 'Menu'
  | 'MessageChannelMain'
  | 'powerMonitor'
  | 'protocol'
  | 'session'
  | 'shell'
  | 'utilityProcess'
>

/** Messages between preload and main. The page itself sees neither. */
export const bridge = {
  /** preload → main: the page has loaded and listens. */
  connect: 'deepscope:connect',
  /** main → preload, with one port; and preload → page by `window.postMessage`. */
  port: 'deepscope:port',
} as const
