/** Real files that nobody on this project made. They are never copied into it; where they are absent, tests skip and say so. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { rootFolder } from '#main/processes.ts'

export const realData = process.env.DEEPSCOPE_REAL_DATA ?? join(rootFolder, '..', 'shared', 'data')
export const hasRealData = existsSync(join(realData, 'formats'))
export const absent = hasRealData ? '' : ` (skipped: no real data at ${realData}; set DEEPSCOPE_REAL_DATA)`
