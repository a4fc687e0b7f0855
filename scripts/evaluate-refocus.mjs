/** `npm run evaluate:refocus`: builds what is stale, then judges seeded refocused stacks. Not part of the tests: it takes minutes. */
import { ensureFresh } from './fresh.mjs'
import { loadProgram } from './program.mjs'

await ensureFresh({ only: 'main' })
await loadProgram('test/evaluation/refocus/run.ts', 'evaluation', 'refocus')
