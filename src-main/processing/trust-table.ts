/** The verdicts on the planes of a file, as a table that any spreadsheet reads: one row a plane. */
import { instrumentIds, type Reason, type TrustReport, trustLevels, type Verdict } from '#shared/trust.ts'
import type { TiffSource } from '../storage/tiff/source.ts'
import { csv, writeTable } from './csv.ts'
import { beside } from './output-names.ts'

export interface JudgedPlane {
  /** From 0. */
  readonly plane: number
  readonly c: number
  readonly z: number
  readonly t: number
  readonly report: TrustReport
}

/** Where a plane stands in its file: C fastest, then Z, then T. */
export function placeOf({ sizeC, sizeZ }: Pick<TiffSource, 'sizeC' | 'sizeZ'>, plane: number): Omit<JudgedPlane, 'report'> {
  return { plane, c: plane % sizeC, z: Math.floor(plane / sizeC) % sizeZ, t: Math.floor(plane / sizeC / sizeZ) }
}

/** Columns: place, verdict, a status for each instrument, then every figure that any plane has, and the reasons. */
export function trustTable(planes: readonly JudgedPlane[]): string {
  const keys = new Set<string>()
  const figures = planes.map(({ report }) => {
    const found = new Map<string, string>()
    for (const { id, readings } of report.instruments)
      for (const { id: name, side, value, unit } of readings) {
        const key = [id, name, side, unit && `(${unit})`].filter(Boolean).join(' ')
        keys.add(key)
        found.set(key, value === null ? '' : String(value))
      }
    return found
  })
  const header = ['plane', 'c', 'z', 't', 'verdict', ...instrumentIds, ...keys, 'units', 'reasons']
  const rows = planes.map(({ plane, c, z, t, report }, i) => {
    const status = new Map(report.instruments.map((instrument) => [instrument.id, instrument.status]))
    return [
      plane,
      c,
      z,
      t,
      report.verdict.level,
      ...instrumentIds.map((id) => status.get(id) ?? ''),
      ...[...keys].map((key) => figures[i]?.get(key) ?? ''),
      report.units,
      report.verdict.reasons.map(({ message }) => message).join(' '),
    ]
  })
  return csv([header, ...rows])
}

/** Writes the table that goes with a result of several planes and resolves to its path; null: there is one plane. Rejects as `writeTable` does. */
export async function writeTrustTable(output: string, planes: readonly JudgedPlane[]): Promise<string | null> {
  if (planes.length < 2) return null
  const path = beside(output, '-trust.csv')
  await writeTable(path, trustTable(planes))
  return path
}

/** Numbers differ from plane to plane; what is said does not. */
const saying = ({ instrument, level, message }: Reason) => `${instrument} ${level} ${message.replace(/[-−]?[\d.]+/g, '')}`

/** The gravest verdict of all planes; each reason once. */
export function gravestVerdict(planes: readonly JudgedPlane[]): Verdict {
  const level = trustLevels[Math.max(...planes.map(({ report }) => trustLevels.indexOf(report.verdict.level)))] ?? 'fine'
  const reasons = planes
    .flatMap(({ report }) => report.verdict.reasons)
    .filter((reason, i, all) => all.findIndex((other) => saying(other) === saying(reason)) === i)
    .sort((a, b) => trustLevels.indexOf(b.level) - trustLevels.indexOf(a.level))
  return { level, reasons }
}

const words = { fine: 'fine', caution: 'caution', 'do-not-use': 'do not use' } as const

/** One line for a person: "verdict: caution – reason". `judged`: what was, or why nothing was, as a sentence. */
export function verdictLine(verdict: Verdict | null, judged: string): string {
  if (!verdict) return `verdict: none – ${judged}`
  const { level, reasons } = verdict
  return `verdict: ${words[level]}${reasons.length > 0 ? ` – ${reasons.map(({ message }) => message).join(' ')}` : ''} (${judged.replace(/\.$/, '')})`
}
