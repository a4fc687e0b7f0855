/** Verdicts that the fake host gives: one instrument of every kind of answer, and maps with known values. */
import type { Api } from '#shared/api.ts'
import { bytesOf } from '#shared/image/frame.ts'
import type { CallOutput } from '#shared/rpc/contract.ts'
import type { Instrument, Reading, Reason, TrustLevel, TrustMap, TrustReport } from '#shared/trust.ts'
import { fakeProvenance } from './fake-states.ts'

type Inspection = CallOutput<Api, 'trust.inspect'>

const reading = (id: string, label: string, value: Reading['value'], unit: string, rest: Partial<Reading> = {}): Reading => ({
  id,
  label,
  value,
  unit,
  side: null,
  expected: null,
  status: null,
  ...rest,
})

const metadata: Instrument = {
  id: 'metadata',
  label: 'Metadata',
  status: 'not-measured',
  summary: 'Unknown: pixel size. What is known fits.',
  blindTo: 'It believes what the file or the microscope says; wrong metadata passes.',
  readings: [
    reading('pixel-size', 'Pixel size', null, 'µm', { expected: '0.65 µm', status: 'not-measured' }),
    reading('na', 'Numerical aperture', 0.4, '', { expected: '0.4', status: 'fine' }),
  ],
}

const distribution: Instrument = {
  id: 'distribution',
  label: 'Distribution',
  status: 'caution',
  summary: 'The picture looks unlike most of what the network was trained on.',
  blindTo: 'One small unusual thing among many usual ones passes.',
  readings: [
    reading('distance', 'Distance from the training inputs', 1.4, '× limit', { side: 'input', expected: 'at most 1', status: 'caution' }),
  ],
}

const uncertainty: Instrument = {
  id: 'uncertainty',
  label: 'Uncertainty',
  status: 'not-measured',
  summary: 'Not measured yet: inspect the picture.',
  blindTo: 'The predicted error knows noise only: it is blind to hallucination.',
  readings: [reading('disagreement', 'Disagreement', null, '%', { side: 'output', expected: 'at most 10', status: 'not-measured' })],
}

const explanation: Instrument = {
  id: 'explanation',
  label: 'Explanation',
  status: 'not-applicable',
  summary: 'This network does not restore its input, so its output cannot be blurred into it.',
  blindTo: 'It sees nothing finer than the input’s own optics.',
  readings: [],
}

const resolution: Instrument = {
  id: 'resolution',
  label: 'Resolution',
  status: 'fine',
  summary: 'How fine the structure is that each picture holds above its noise.',
  blindTo: 'It measures frequency content, not truth: invented detail counts as detail.',
  readings: [
    reading('decorrelation', 'Decorrelation', 1.234, 'µm', { side: 'input', status: 'fine' }),
    reading('decorrelation', 'Decorrelation', 0.5678, 'µm', { side: 'output' }),
  ],
}

const intensity: Instrument = {
  id: 'intensity',
  label: 'Intensity',
  status: 'not-applicable',
  summary: 'Values are in arbitrary units: the package has no flux slope. Measure intensities on the raw picture.',
  blindTo: 'It was measured once, on simulated beads, not on this picture.',
  readings: [reading('units', 'Units', 'arbitrary', '', { side: 'output' })],
}

const reasons: Readonly<Record<TrustLevel, readonly Reason[]>> = {
  fine: [],
  caution: [{ instrument: 'distribution', level: 'caution', message: 'The picture looks unlike most of what the network was trained on.' }],
  'do-not-use': [
    { instrument: 'distribution', level: 'do-not-use', message: '9 % of the pixels are saturated. Expose shorter.' },
    { instrument: 'distribution', level: 'caution', message: 'The picture looks unlike most of what the network was trained on.' },
  ],
}

export function fakeReport(level: TrustLevel, units: TrustReport['units'] = 'arbitrary'): TrustReport {
  return {
    verdict: { level, reasons: [...reasons[level]] },
    instruments: [metadata, { ...distribution, status: level }, uncertainty, explanation, resolution, intensity],
    units,
    elapsedMs: 12,
  }
}

/** Left half `left`, right half `right`. */
function halves(left: number, right: number): Uint8Array {
  return bytesOf(Float32Array.from({ length: 8 * 8 }, (_, i) => (i % 8 < 4 ? left : right)))
}

export const fakeMaps: readonly TrustMap[] = [
  {
    id: 'error',
    instrument: 'explanation',
    label: 'Error map',
    meaning: 'Where it is bright, the output blurred again differs from the input.',
    unit: 'input units',
    width: 8,
    height: 8,
    low: 0,
    high: 200,
    bytes: halves(0, 200),
  },
  {
    id: 'disagreement',
    instrument: 'uncertainty',
    label: 'Disagreement',
    meaning: 'Where answers to shifted, mirrored and noisier copies of the input differ.',
    unit: '%',
    width: 8,
    height: 8,
    low: 0,
    high: 50,
    bytes: halves(50, 0),
  },
]

/** `before` and `after` of this very picture; the maps are 0 on one half and at their upper limit on the other. */
export function fakeInspection(before: Inspection['before'], after: Inspection['after']): Inspection {
  const report = fakeReport('do-not-use')
  return { report, maps: [...fakeMaps], provenance: fakeProvenance, before, after }
}
