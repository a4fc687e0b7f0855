import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at('src-renderer'),
  base: './',
  plugins: [vue()],
  resolve: { alias: { '#shared': at('src-shared'), '#renderer': at('src-renderer') } },
  build: { outDir: at('build/renderer'), emptyOutDir: true, target: 'chrome140', chunkSizeWarningLimit: 1500, assetsInlineLimit: 0 },
})
