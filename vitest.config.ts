import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: { alias: { '#shared': at('src-shared'), '#main': at('src-main'), '#renderer': at('src-renderer'), '#test': at('test') } },
  test: {
    include: ['test/**/*.test.ts'],
    // How long a failure may take: a busy machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    pool: 'forks',
    maxWorkers: 2,
  },
})
