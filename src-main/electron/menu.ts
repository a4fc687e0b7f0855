/** The menu. Its commands work even where the page hangs; what only concerns the picture has its keys in the page. */
import type { MenuItemConstructorOptions } from 'electron'
import type { ElectronModule } from './module.ts'

export interface MenuActions {
  readonly openImages: () => void
  readonly chooseDataFolder: () => void
  readonly openLogFolder: () => void
  readonly show: (view: string) => void
  readonly stop: () => void
}

/** The page's views with their shortcuts, in the order of its rail. */
const views = [
  ['Live', '/live'],
  ['Sessions', '/sessions'],
  ['Files', '/files'],
  ['Models', '/models'],
  ['Devices', '/devices'],
  ['Settings', '/settings'],
] as const

export function installMenu(electron: ElectronModule, actions: MenuActions, platform: NodeJS.Platform = process.platform): void {
  const mac = platform === 'darwin'
  const separator: MenuItemConstructorOptions = { type: 'separator' }
  const template: MenuItemConstructorOptions[] = [
    ...(mac ? [{ role: 'appMenu' } satisfies MenuItemConstructorOptions] : []),
    {
      label: '&File',
      submenu: [
        { label: 'Enhance images …', accelerator: 'CmdOrCtrl+O', click: actions.openImages },
        { label: 'Data folder …', click: actions.chooseDataFolder },
        separator,
        mac ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    {
      label: '&Microscope',
      // Not Esc: as an accelerator it would never reach the page, whose dialogs need it. The page stops on Esc by itself.
      submenu: [{ label: 'Stop motion, light off', accelerator: 'CmdOrCtrl+.', click: actions.stop }],
    },
    {
      label: '&View',
      submenu: [
        ...views.map(
          ([label, view], index): MenuItemConstructorOptions => ({
            label,
            accelerator: `CmdOrCtrl+${index + 1}`,
            click: () => actions.show(view),
          }),
        ),
        separator,
        { role: 'reload' },
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        separator,
        { role: 'togglefullscreen' },
        { role: 'toggleDevTools' },
      ],
    },
    { role: 'windowMenu' },
    {
      role: 'help',
      submenu: [{ label: 'Open the log folder', click: actions.openLogFolder }, ...(mac ? [] : [separator, { role: 'about' } as const])],
    },
  ]
  electron.Menu.setApplicationMenu(electron.Menu.buildFromTemplate(template))
}
