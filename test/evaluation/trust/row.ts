import type { Figures } from '#main/analysis/trust/foresight.ts'
import type { InstrumentId, TrustLevel } from '#shared/trust.ts'
import type { Kind } from './frames.ts'

/** One judged frame. */
export interface Row {
  readonly kind: Kind
  readonly seed: number
  /** At the brightest, truly. */
  readonly photons: number
  readonly level: TrustLevel
  readonly by: readonly InstrumentId[]
  readonly readings: Readonly<Record<string, number>>
  readonly figures: Figures
  /** Share of the truth that each picture misses (the classical ones in the order of `classicalLacks`); null = not compared. */
  readonly lack: { readonly output: number; readonly input: number; readonly classical: readonly number[] } | null
}
