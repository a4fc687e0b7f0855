/** From judged frames to the table in docs/trust.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { frequencyLimit, limits } from '#main/analysis/trust/limits.ts'
import type { InstrumentId, TrustLevel } from '#shared/trust.ts'
import { type Kind, kinds } from './frames.ts'

export interface Row {
  readonly kind: Kind
  readonly seed: number
  readonly level: TrustLevel
  readonly by: readonly InstrumentId[]
  readonly readings: Readonly<Record<string, number>>
  /** Share of the truth that each picture misses; null = not compared. */
  readonly lack: { readonly output: number; readonly input: number; readonly classical: number } | null
}

export interface RealRow {
  readonly source: string
  readonly images: number
  readonly levels: Readonly<Record<TrustLevel, number>>
  readonly reasons: string
}

/** One number for how suspicious a frame is: 1 where the first limit is reached. */
export function suspicion({ readings, by, level }: Row): number {
  const r = (id: string, otherwise: number) => readings[id] ?? otherwise
  const grave = level === 'do-not-use' ? 2 : 0
  return Math.max(
    r('distance', 0) / limits.distance,
    frequencyLimit(readings.photons ?? null) / (Math.max(0.5, r('frequency', 100)) / 100),
    r('noise-only', 0) === 100 ? 3 : 0,
    r('saturated', 0) > 0 ? 1 + r('saturated', 0) : 0,
    (1 - r('rsp-share', 1)) / (1 - limits.rsp),
    Math.abs(r('spot', 0)) / limits.unexplained,
    r('scale-output', 0) / 100 / limits.scale,
    by.includes('metadata') ? 1.5 : 0,
    grave,
  )
}

/** Probability that a frame of the first kind is more suspicious than one of the second (Mann & Whitney 1947). */
export function auroc(positive: readonly number[], negative: readonly number[]): number | null {
  if (positive.length === 0 || negative.length === 0) return null
  let wins = 0
  for (const a of positive) for (const b of negative) wins += a > b ? 1 : a === b ? 0.5 : 0
  return wins / positive.length / negative.length
}

export function calibration(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(({ readings }) => Object.keys(readings)))]
  const at = (values: number[], share: number) => values[Math.round(share * (values.length - 1))]?.toPrecision(4)
  const lines = names.map((name) => {
    const values = rows.flatMap(({ readings }) => readings[name] ?? []).sort((a, b) => a - b)
    return `${name.padEnd(24)} ${[0, 0.01, 0.02, 0.05, 0.5, 0.95, 0.98, 0.99, 1].map((share) => at(values, share)?.padStart(10)).join('')}`
  })
  const flagged = rows.filter(({ level }) => level !== 'fine')
  return [`${rows.length} in-range frames, ${flagged.length} flagged by ${flagged.flatMap(({ by }) => by).join(' ')}`, ...lines].join('\n')
}

const mark = '<!-- measured: written by npm run evaluate:trust -->'
const end = '<!-- end of what was measured -->'

/** Writes the table between its marks and returns it. */
export function writeTable(rows: readonly Row[], real: readonly RealRow[], network: string, path: string): string {
  const table = `Of ${network}.\n\n${tableOf(rows, real)}`
  const text = readFileSync(path, 'utf8')
  const [from, to] = [text.indexOf(mark), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no place for the table: “${mark}” … “${end}”.`)
  writeFileSync(path, `${text.slice(0, from + mark.length)}\n\n${table}\n\n${text.slice(to)}`)
  return table
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`

function tableOf(rows: readonly Row[], real: readonly RealRow[]): string {
  const lines = kinds.map((kind) => {
    const here = rows.filter((row) => row.kind === kind)
    const flagged = here.filter(({ level }) => level !== 'fine')
    const grave = here.filter(({ level }) => level === 'do-not-use').length / here.length
    const rate = flagged.length / here.length
    const bar = kind === 'in range' ? '≤ 5 %' : '≥ 90 %'
    const holds = kind === 'in range' ? rate <= 0.05 : rate >= 0.9
    const tally = new Map<string, number>()
    for (const { by } of flagged) for (const id of by) tally.set(id, (tally.get(id) ?? 0) + 1)
    const told = [...tally].sort((a, b) => b[1] - a[1]).map(([id, n]) => `${id} ${n}`)
    return `| ${kind} | ${here.length} | ${percent(rate)} | ${percent(grave)} | ${bar} | ${holds ? 'holds' : '**missed**'} | ${told.join(', ') || '–'} |`
  })
  const compared = rows.flatMap((row) => (row.lack ? [{ score: suspicion(row), ...row.lack }] : []))
  const worse = ({ output, input, classical }: (typeof compared)[number]) => output > Math.min(input, classical)
  const area = auroc(
    compared.filter(worse).map(({ score }) => score),
    compared.filter((row) => !worse(row)).map(({ score }) => score),
  )
  const thanInput = compared.filter(({ output, input }) => output > input)
  const inputArea = auroc(
    thanInput.map(({ score }) => score),
    compared.filter(({ output, input }) => output <= input).map(({ score }) => score),
  )
  return [
    '| kind of trouble | frames | flagged | of these do not use | bar | | by |',
    '| --- | ---: | ---: | ---: | ---: | --- | --- |',
    ...lines,
    '',
    `${compared.length} frames of all kinds were compared with the truth (1 − r²). The network was worse than the input or than the best classical result in ${compared.filter(worse).length} of them; the area under the curve for predicting that is ${area === null ? 'not defined' : area.toFixed(3)} (bar: ≥ 0.9, ${area !== null && area >= 0.9 ? 'holds' : '**missed**'}). It was worse than the input alone in ${thanInput.length}; for predicting that it is ${inputArea === null ? 'not defined' : inputArea.toFixed(3)}.`,
    '',
    ...(real.length > 0
      ? [
          'Real images, reported apart (nobody knows the truth; their metadata are as in the files):',
          '',
          '| source | images | fine | caution | do not use | reasons |',
          '| --- | ---: | ---: | ---: | ---: | --- |',
          ...real.map(
            ({ source, images, levels, reasons }) =>
              `| ${source} | ${images} | ${levels.fine} | ${levels.caution} | ${levels['do-not-use']} | ${reasons || '–'} |`,
          ),
        ]
      : ['Real images were not at hand for this run.']),
  ].join('\n')
}
