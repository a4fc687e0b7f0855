/** What the instruments of trust say, in words and signs. Only a measured “fine” is a tick: what is not known is never a good sign. */
import { Ban, CircleCheck, CircleDashed, CircleMinus, CircleQuestionMark, Ruler, TriangleAlert } from '@lucide/vue'
import type { Component } from 'vue'
import type { Instrument, InstrumentStatus, Reading, TrustReport, Verdict } from '#shared/trust.ts'
import { fixed } from './format.ts'

export interface Sign {
  readonly word: string
  readonly icon: Component
  readonly tone: 'good' | 'warn' | 'bad' | 'neutral'
}

const signs: Readonly<Record<InstrumentStatus | 'unknown' | 'not-judged' | 'arbitrary', Sign>> = {
  fine: { word: 'Fine', icon: CircleCheck, tone: 'good' },
  caution: { word: 'Caution', icon: TriangleAlert, tone: 'warn' },
  'do-not-use': { word: 'Do not use', icon: Ban, tone: 'bad' },
  'not-applicable': { word: 'Not applicable', icon: CircleMinus, tone: 'neutral' },
  'not-measured': { word: 'Not measured', icon: CircleDashed, tone: 'neutral' },
  unknown: { word: 'Unknown', icon: CircleQuestionMark, tone: 'neutral' },
  arbitrary: { word: 'Arbitrary units', icon: Ruler, tone: 'neutral' },
  'not-judged': { word: 'Not judged', icon: CircleDashed, tone: 'neutral' },
}

/** `null`: nobody has judged it. */
export function signOfVerdict(verdict: Verdict | null): Sign {
  return signs[verdict?.level ?? 'not-judged']
}

export function signOfLevel(level: Verdict['level']): Sign {
  return signs[level]
}

/**
 * Facts that nobody stated are unknown; figures that nobody asked for are not measured. Values that are no intensities say nothing
 * against the picture, but it must be said of them.
 */
export function signOfInstrument({ id, status }: Pick<Instrument, 'id' | 'status'>): Sign {
  if (id === 'metadata' && status === 'not-measured') return signs.unknown
  if (id === 'intensity' && status === 'not-applicable') return signs.arbitrary
  return signs[status]
}

/** null: the figure stands for itself and is not judged. */
export function signOfReading({ status, value }: Pick<Reading, 'status' | 'value'>): Sign | null {
  if (status === null) return null
  if (status === 'not-measured') return value === null ? null : signs['not-judged']
  return signs[status]
}

/** Three significant digits, with the unit; words where there is no value. */
export function readingText({ value, unit, status }: Pick<Reading, 'value' | 'unit' | 'status'>, instrument: Instrument['id']): string {
  if (value === null) {
    if (status === 'not-applicable') return 'not applicable'
    return instrument === 'metadata' || status !== 'not-measured' ? 'unknown' : 'not measured'
  }
  return [typeof value === 'number' ? significant(value) : value, unit].filter(Boolean).join(' ')
}

/** A number with at most three significant digits (large ones whole), without an exponent. */
export function significant(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : value < 0 ? '−∞' : '–'
  if (value === 0 || Number.isInteger(value)) return fixed(value, 0)
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))))
  const text = fixed(value, digits)
  return digits > 0 ? text.replace(/\.?0+$/, '') : text
}

export interface ReadingRow {
  readonly id: string
  readonly label: string
  readonly expected: string | null
  /** One cell for each column. */
  readonly cells: readonly (Reading | null)[]
}

/** One row for each kind of figure: input and output side by side where both have one; otherwise a single column. */
export function readingRows(readings: readonly Reading[]): { readonly columns: readonly string[]; readonly rows: readonly ReadingRow[] } {
  const sideBySide = ['input', 'output'].every((side) => readings.some((reading) => reading.side === side))
  const ids = [...new Set(readings.map(({ id }) => id))]
  const rows = ids.map((id) => {
    const same = readings.filter((reading) => reading.id === id)
    const cells = sideBySide
      ? [same.find(({ side }) => side !== 'output') ?? null, same.find(({ side }) => side === 'output') ?? null]
      : same.slice(0, 1)
    return { id, label: same[0]?.label ?? id, expected: same.find(({ expected }) => expected)?.expected ?? null, cells }
  })
  return { columns: sideBySide ? ['Input', 'Output'] : ['Value'], rows }
}

/** How far a verdict reaches, so that “fine” is not read as more than it is. */
export function reachOf({ instruments }: TrustReport): string {
  const silent = instruments.filter((each) => signOfInstrument(each).tone === 'neutral' && each.id !== 'intensity')
  if (silent.length === 0) return `All ${instruments.length} instruments have spoken.`
  return `Only ${instruments.length - silent.length} of ${instruments.length} instruments have spoken; the others say nothing, good or bad.`
}

/** For a tooltip: the verdict with its reasons, or why there is none. */
export function verdictText(verdict: Verdict | null): string {
  const { word } = signOfVerdict(verdict)
  if (!verdict) return `${word}: no instrument has looked at this picture yet.`
  const reasons = verdict.reasons.map(({ message }) => message)
  return [`${word}${reasons.length > 0 ? ':' : ': nothing that was measured speaks against this picture.'}`, ...reasons].join('\n')
}
