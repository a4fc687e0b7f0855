/** `npm run bench`: builds what is stale, then measures. Not part of the tests: times depend on what else the machine does. */
import { ensureFresh } from './fresh.mjs'
import { loadProgram } from './program.mjs'

await ensureFresh()
await loadProgram('test/bench/main.ts', 'bench', 'main')
