/** The desktop application's main process. */
import { join } from 'node:path'
import {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  powerMonitor,
  protocol,
  session,
  shell,
  utilityProcess,
} from 'electron'
import { startShell } from './electron/shell.ts'
import { createHost } from './host.ts'
import { electronPortTransport } from './ipc/message-port.ts'
import { renderPage } from './ipc/page.ts'
import { rootFolder } from './processes.ts'
import { appFolders } from './settings.ts'

const electron = {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  powerMonitor,
  protocol,
  session,
  shell,
  utilityProcess,
}

app.setName('Deepscope')
// The browser's own files (caches, window state) beside the settings, also for tests in a folder of their own.
app.setPath('userData', join(appFolders().config, 'electron'))

const rendererFolder = join(rootFolder, 'build', 'renderer')

// Not awaited: Electron becomes ready only when this module has run to its end.
void startShell(electron, {
  createHost,
  transport: electronPortTransport,
  page: (path) => renderPage(rendererFolder, path),
  preload: join(rootFolder, 'build', 'main', 'preload.cjs'),
  logFolder: appFolders().logs,
})
