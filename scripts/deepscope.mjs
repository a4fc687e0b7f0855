/** `npm run -s deepscope -- …`: the command line, built first where the sources have changed. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureFresh, root } from './fresh.mjs'

const [command] = process.argv.slice(2)
try {
  // Only the server shows the page.
  await ensureFresh(command === 'serve' ? {} : { only: 'main' })
} catch (error) {
  console.error(`Deepscope cannot be built: ${error.message}`)
  process.exit(1)
}
const { main } = await import(pathToFileURL(join(root, 'build/main/cli.js')).href)
// Not `process.exit`: it would cut off output that a pipe has not taken yet.
process.exitCode = await main(process.argv.slice(2))
