/** Six instruments, one verdict. */
import { instrumentIds, type Reason, type TrustReport, trustLevels, type Verdict } from '#shared/trust.ts'
import type { Finding } from './metadata-guard.ts'

/** The worst that any instrument says, with every reason, the gravest first. */
export function verdictOf(reasons: readonly Reason[]): Verdict {
  const gravity = ({ level }: Reason) => trustLevels.indexOf(level)
  const sorted = [...reasons].sort((a, b) => gravity(b) - gravity(a))
  return { level: sorted[0]?.level ?? 'fine', reasons: sorted }
}

export function reportOf(findings: readonly Finding[], units: TrustReport['units'], elapsedMs: number): TrustReport {
  const instruments = findings.map(({ instrument }) => instrument)
  return {
    verdict: verdictOf(findings.flatMap(({ reasons }) => reasons)),
    instruments: instrumentIds.flatMap((id) => instruments.filter((instrument) => instrument.id === id)),
    units,
    elapsedMs,
  }
}
