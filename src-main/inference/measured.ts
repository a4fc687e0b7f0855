/** What a package's own evaluation (`metrics.json`) says of its bars: how many there are, and which are missed. */
import type { Measured } from '#shared/api.ts'
import { z } from '#shared/zod.ts'
import { type PackageFiles, readBytes } from './bioimage-io/package-files.ts'

const source = 'metrics.json'
const largest = 1 << 20

const text = z.string().transform((words) => words.slice(0, 300))
const value = z.union([z.number(), text]).catch('not measurable')
const metricsSchema = z.object({
  bars: z
    .array(z.object({ name: text, value, holds: z.boolean(), must: text.catch('') }))
    .min(1)
    .max(200),
})

/** null where there is no such file, or another program's. It is for reading only: a package without one works all the same. */
export async function measuredOf(files: PackageFiles): Promise<Measured | null> {
  try {
    if (!(await files.has(source, source))) return null
    const { bars } = metricsSchema.parse(JSON.parse((await readBytes(files, source, source, largest)).toString('utf8')))
    return {
      bars: bars.length,
      missed: bars.filter(({ holds }) => !holds).map(({ name, value, must }) => ({ name, value: String(value), must })),
    }
  } catch {
    return null
  }
}
