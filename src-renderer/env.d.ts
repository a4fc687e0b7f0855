/// <reference types="vite/client" />

declare module '*.vue' {
  import type { DefineComponent } from 'vue'

  const component: DefineComponent
  export default component
}

declare module '@fontsource-variable/inter'

interface Window {
  /** What the Electron preload lends the page; absent in a browser. */
  readonly deepscope?: {
    /** Where a dropped file lies on this computer. */
    pathForFile(file: File): string
  }
}
