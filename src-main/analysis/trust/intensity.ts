/** Instrument 6: whether the output's values may be read as intensities. */
import type { Reading } from '#shared/trust.ts'
import { limits } from './limits.ts'
import type { Finding } from './metadata-guard.ts'
import type { Training } from './training.ts'

/** A package's flux slope must be 1 ± 0.05 at every level of light it was measured at, those spanning a tenfold range at least. */
export function intensityHonesty({ flux }: Training): Finding & { readonly units: 'input' | 'arbitrary' } {
  const levels = flux.map(({ photons }) => photons)
  const spans = levels.length > 0 && Math.max(...levels) >= limits.fluxRange * Math.min(...levels)
  const honest = ({ slope }: { slope: number | null }) => slope !== null && Math.abs(slope - 1) <= limits.fluxSlope
  const units = spans && flux.every(honest) ? 'input' : 'arbitrary'
  const summary =
    units === 'input'
      ? 'Values are in the input’s units: across a tenfold range twice the light is shown as twice the light.'
      : flux.length === 0
        ? 'Values are in arbitrary units: the package has no flux slope. Measure intensities on the raw picture.'
        : 'Values are in arbitrary units: the package’s flux slope is not 1 ± 0.05 everywhere. Measure intensities on the raw picture.'
  const readings = flux.map(
    (level): Reading => ({
      id: `flux-${level.photons}`,
      label: `Flux slope at ${level.photons} photons`,
      value: level.slope,
      unit: '',
      side: 'output',
      expected: '0.95 … 1.05',
      status: honest(level) ? 'fine' : 'caution',
    }),
  )
  return {
    units,
    reasons: [],
    instrument: {
      id: 'intensity',
      label: 'Intensity',
      // What is wrong with the values as measurements is not wrong with the picture.
      status: units === 'input' ? 'fine' : 'not-applicable',
      summary,
      blindTo: 'It was measured once, on isolated simulated beads, not on this picture.',
      readings: [{ id: 'units', label: 'Units', value: units, unit: '', side: 'output', expected: null, status: null }, ...readings],
    },
  }
}
