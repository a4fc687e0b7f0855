/** The programs in `scripts/` are plain JavaScript, because they run before anything is built. */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Imports a script; the caller says what it expects of it. */
export async function loadScript<T>(name: string): Promise<T> {
  return (await import(/* @vite-ignore */ pathToFileURL(join(projectRoot, 'scripts', name)).href)) as T
}
