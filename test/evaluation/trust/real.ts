/** Verdicts on real images, where there are any: figures only. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { judge } from '#main/analysis/trust/judge.ts'
import type { Training } from '#main/analysis/trust/training.ts'
import type { Inference } from '#main/inference/inference.ts'
import { rootFolder } from '#main/processes.ts'
import { fileFacts } from '#main/processing/file-facts.ts'
import { openTiffFile } from '#main/storage/tiff/reader.ts'
import type { TrustLevel } from '#shared/trust.ts'
import type { RealRow } from './table.ts'

const folders = ['superres/wang2019', 'superres/biosr', 'localization/opencell', 'refocus']

/** The first plane of every TIFF that can be read in these folders of the real data. */
export async function judgeRealImages(inference: Inference, training: Training, model: string): Promise<RealRow[]> {
  const root = process.env.DEEPSCOPE_REAL_DATA ?? join(rootFolder, '..', 'shared', 'data')
  const rows: RealRow[] = []
  for (const folder of folders) {
    const levels: Record<TrustLevel, number> = { fine: 0, caution: 0, 'do-not-use': 0 }
    const reasons = new Map<string, number>()
    const names = existsSync(join(root, folder)) ? readdirSync(join(root, folder)).filter((name) => /\.tiff?$/i.test(name)) : []
    let images = 0
    for (const name of names) {
      const source = await openTiffFile(join(root, folder, name)).catch(() => null)
      if (!source) continue
      try {
        const { width, height, pixelSizeUm } = source
        const data = await source.readPlane(0)
        const prediction = await inference.predict({ model, width, height, data, pixelSizeUm, priority: 'batch' })
        const { report } = judge({
          facts: fileFacts(source, pixelSizeUm),
          training,
          input: { width, height, data },
          output: { width: prediction.width, height: prediction.height, data: prediction.image },
          outputPixelUm: prediction.pixelSizeUm,
          ...(prediction.scale ? { scale: prediction.scale } : {}),
          depth: 'plane',
        })
        images++
        levels[report.verdict.level]++
        for (const id of new Set(report.verdict.reasons.map(({ instrument }) => instrument))) reasons.set(id, (reasons.get(id) ?? 0) + 1)
      } finally {
        await source[Symbol.asyncDispose]()
      }
    }
    if (images > 0) rows.push({ source: folder, images, levels, reasons: [...reasons].map(([id, n]) => `${id} ${n}`).join(', ') })
  }
  return rows
}
