/** Instrument 5: how fine the structure is that input and output hold, side by side. Frequency content, not truth. */
import type { Reading, Reason } from '#shared/trust.ts'
import type { Decorrelation } from './decorrelation.ts'
import type { FourierRing } from './fourier-ring.ts'
import { frequencyLimit, limits } from './limits.ts'
import type { Finding } from './metadata-guard.ts'

export interface ResolutionInput {
  /** null = the picture is too small. */
  readonly input: Decorrelation | null
  /** null = not measured. */
  readonly output: Decorrelation | null
  /** From two frames; null = there was only one. */
  readonly rings: { readonly input: FourierRing; readonly output: FourierRing } | null
  readonly inputPixelUm: number | null
  readonly outputPixelUm: number | null
  /** At the brightest, from the noise; null = not known. */
  readonly photons: number | null
  /** Whether the package's training says what to expect; other networks are shown without judgement. */
  readonly judged: boolean
}

export function resolution({ input, output, rings, inputPixelUm, outputPixelUm, photons, judged }: ResolutionInput): Finding {
  const reasons: Reason[] = []
  const least = frequencyLimit(photons)
  const poor = judged && input !== null && input.frequency < least
  if (poor)
    reasons.push({
      instrument: 'resolution',
      level: input.frequency < limits.frequencyFar ? 'do-not-use' : 'caution',
      message:
        input.frequency === 0
          ? 'The input holds no structure above its noise.'
          : `The input holds structure only up to ${(100 * input.frequency).toFixed(0)} % of the finest its pixels can show: it is out of focus, or far too dim.`,
    })
  const reading = (id: string, label: string, side: 'input' | 'output', pixels: number | null, pixelUm: number | null): Reading => ({
    id,
    label,
    value: pixels === null ? null : pixelUm === null ? pixels : pixels * pixelUm,
    unit: pixelUm === null ? 'pixels' : 'µm',
    side,
    expected: null,
    status: id === 'decorrelation' && side === 'input' && judged ? (poor ? (reasons[0]?.level ?? null) : 'fine') : null,
  })
  const readings = [
    reading('decorrelation', 'Decorrelation', 'input', input?.resolution ?? null, inputPixelUm),
    ...(output ? [reading('decorrelation', 'Decorrelation', 'output', output.resolution, outputPixelUm)] : []),
    ...(rings
      ? [
          reading('frc', 'Fourier ring correlation', 'input', rings.input.resolution, inputPixelUm),
          reading('frc', 'Fourier ring correlation', 'output', rings.output.resolution, outputPixelUm),
        ]
      : []),
    {
      id: 'frequency',
      label: 'Finest structure of the input',
      value: input === null ? null : 100 * input.frequency,
      unit: '% of the sampling limit',
      side: 'input' as const,
      expected: judged ? `at least ${(100 * least).toFixed(0)}, for this much light` : null,
      status: judged ? (poor ? (reasons[0]?.level ?? null) : ('fine' as const)) : null,
    },
  ]
  return {
    reasons,
    instrument: {
      id: 'resolution',
      label: 'Resolution',
      status: reasons[0]?.level ?? (judged && input ? 'fine' : 'not-measured'),
      summary: reasons[0]?.message ?? 'How fine the structure is that each picture holds above its noise.',
      blindTo: 'It measures frequency content, not truth: invented detail counts as detail.',
      readings,
    },
  }
}
