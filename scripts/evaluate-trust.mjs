/** `npm run evaluate:trust`: builds what is stale, then judges seeded frames of every kind of trouble. Not part of the tests: it takes minutes. */
import { ensureFresh } from './fresh.mjs'
import { loadProgram } from './program.mjs'

await ensureFresh({ only: 'main' })
await loadProgram('test/evaluation/trust/run.ts', 'evaluation', 'trust')
