/** From judged frames to the table in docs/trust.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { foretold } from '#main/analysis/trust/foresight.ts'
import { foresight } from '#main/analysis/trust/limits.ts'
import type { TrustLevel } from '#shared/trust.ts'
import { type Choice, levels, methodName, worseThan } from './classical.ts'
import { kinds } from './frames.ts'
import type { Row } from './row.ts'

export interface RealRow {
  readonly source: string
  readonly images: number
  readonly levels: Readonly<Record<TrustLevel, number>>
  readonly reasons: string
}

/** Probability that a frame of the first kind is more suspicious than one of the second (Mann & Whitney 1947). */
export function auroc(positive: readonly number[], negative: readonly number[]): number | null {
  if (positive.length === 0 || negative.length === 0) return null
  let wins = 0
  for (const a of positive) for (const b of negative) wins += a > b ? 1 : a === b ? 0.5 : 0
  return wins / positive.length / negative.length
}

const mark = '<!-- measured: written by npm run evaluate:trust -->'
const end = '<!-- end of what was measured -->'

/** Writes the table between its marks and returns it. */
export function writeTable(rows: readonly Row[], choice: Choice, real: readonly RealRow[], network: string, path: string): string {
  const table = `Of ${network}.\n\n${tableOf(rows, choice, real)}`
  writeBetween(path, mark, end, table)
  return table
}

/** Replaces what stands between two marks of a document. */
export function writeBetween(path: string, mark: string, end: string, table: string): void {
  const text = readFileSync(path, 'utf8')
  const [from, to] = [text.indexOf(mark), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no place for the table: “${mark}” … “${end}”.`)
  writeFileSync(path, `${text.slice(0, from + mark.length)}\n\n${table}\n\n${text.slice(to)}`)
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`

function tableOf(rows: readonly Row[], choice: Choice, real: readonly RealRow[]): string {
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
  return [
    '| kind of trouble | frames | flagged | of these do not use | bar | | by |',
    '| --- | ---: | ---: | ---: | ---: | --- | --- |',
    ...lines,
    '',
    ...foreseen(rows, choice),
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

/** How well the foresight tells where the network was worse. */
function foreseen(rows: readonly Row[], choice: Choice): string[] {
  const compared = rows.flatMap((row) => {
    const chance = row.lack ? foretold(foresight, row.figures) : null
    return chance === null ? [] : [{ row, chance }]
  })
  const line = (of: string, worse: (row: Row) => boolean, bar: boolean) => {
    const [yes, no] = [true, false].map((wanted) => compared.filter(({ row }) => worse(row) === wanted).map(({ chance }) => chance))
    const area = auroc(yes as number[], no as number[])
    const holds = !bar ? '' : area !== null && area >= 0.9 ? 'holds' : '**missed**'
    return `| ${of} | ${yes?.length} of ${compared.length} | ${area === null ? 'not defined' : area.toFixed(3)} | ${bar ? '≥ 0.9' : ''} | ${holds} |`
  }
  const settings = choice.map((method, i) => {
    const range = i < levels.length ? `below ${levels[i]} photons` : 'above'
    return `${methodName(method)} ${range}`
  })
  return [
    'Frames of all kinds, compared with the truth (1 − r²):',
    '',
    '| the network was worse than | frames | area under the curve of the foresight | bar | |',
    '| --- | ---: | ---: | ---: | --- |',
    line('the input or the best classical result', (row) => worseThan(row, choice), true),
    line('the same, each classical setting chosen with the truth in hand', (row) => worseThan(row, null), false),
    line('the input', ({ lack }) => lack !== null && lack.output > lack.input, false),
    '',
    `The classical results, by the rehearsal: ${settings.join(', ')}.`,
  ]
}
