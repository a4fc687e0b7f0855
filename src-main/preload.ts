/**
 * The only code with access to Electron inside the window: hands the page its port and tells where a dropped file lies. Runs
 * sandboxed, built as one CommonJS file that requires nothing but `electron`.
 */
import { contextBridge, ipcRenderer, webUtils } from 'electron'
import { bridge } from './electron/module.ts'

contextBridge.exposeInMainWorld('deepscope', {
  pathForFile: (file: File): string => webUtils.getPathForFile(file),
})

// A port cannot cross the context bridge (it would be copied); `window.postMessage` moves it.
ipcRenderer.on(bridge.port, (event) => window.postMessage(bridge.port, '*', [...event.ports]))

// Module scripts have run by then, so the page is listening.
window.addEventListener('DOMContentLoaded', () => ipcRenderer.send(bridge.connect))
