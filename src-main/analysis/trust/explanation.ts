/** Instrument 4: what the output, seen through the input's optics, leaves unexplained. */
import type { Reading, Reason } from '#shared/trust.ts'
import { limits } from './limits.ts'
import type { Finding } from './metadata-guard.ts'
import type { Explanation } from './squirrel.ts'
import type { Training } from './training.ts'

/** Networks whose output, blurred, should give their input. */
const restoring = ['super-resolution', 'restoration', 'denoising', 'deconvolution']

export function explanationApplies({ task }: Training): boolean {
  return task !== null && restoring.includes(task)
}

const label = 'Explanation'
const blindTo =
  'It sees nothing finer than the input’s own optics: structure invented below that passes, and so do errors of the input itself.'

export function noExplanation(why: string, status: 'not-applicable' | 'not-measured'): Finding {
  return { reasons: [], instrument: { id: 'explanation', label, status, summary: why, blindTo, readings: [] } }
}

/** @param spot largest unexplained value in standard deviations, with its sign */
export function explanation({ rse, rsp, ceiling, sigma, atBound, factor }: Explanation, spot: number): Finding {
  const reasons: Reason[] = []
  const say = (level: Reason['level'], message: string) => reasons.push({ instrument: 'explanation', level, message })
  const share = ceiling > 0 ? rsp / ceiling : 0
  const noisy = ceiling < limits.ceiling
  const percent = `${(100 * Math.max(0, share)).toFixed(0)} %`
  if (!noisy && (share < limits.rspFar || factor <= 0))
    say('do-not-use', `Blurred again, the output is not the input: it reaches ${percent} of the correlation that noise allows.`)
  else if (!noisy && share < limits.rsp)
    say('caution', `Blurred again, the output reaches only ${percent} of the correlation with the input that noise allows.`)
  if (!noisy && atBound) say('caution', 'The output must be blurred more than any optics would to resemble the input.')
  const large = Math.abs(spot) > limits.unexplained
  if (large)
    say(
      'caution',
      spot > 0
        ? 'Somewhere the input has light that the output does not account for: look at the error map.'
        : 'Somewhere the output has light that the input does not have: look at the error map.',
    )
  const rspStatus = noisy ? 'not-measured' : share < limits.rspFar ? 'do-not-use' : share < limits.rsp ? 'caution' : 'fine'
  const readings: Reading[] = [
    {
      id: 'rsp',
      label: 'RSP (correlation)',
      value: rsp,
      unit: '',
      side: null,
      expected: `noise allows ${ceiling.toFixed(3)}`,
      status: rspStatus,
    },
    {
      id: 'rsp-share',
      label: 'RSP over its ceiling',
      value: share,
      unit: '',
      side: null,
      expected: `at least ${limits.rsp}`,
      status: rspStatus,
    },
    { id: 'rse', label: 'RSE (error)', value: rse, unit: 'input units', side: null, expected: null, status: null },
    { id: 'blur', label: 'Blur that fits', value: sigma, unit: 'pixels', side: null, expected: null, status: atBound ? 'caution' : 'fine' },
    {
      id: 'spot',
      label: 'Largest unexplained spot',
      value: spot,
      unit: 'σ',
      side: null,
      expected: `within ±${limits.unexplained}`,
      status: large ? 'caution' : 'fine',
    },
  ]
  const worst = (['do-not-use', 'caution'] as const).find((level) => reasons.some((reason) => reason.level === level))
  const quiet = noisy
    ? 'The input is too noisy for the comparison to tell anything.'
    : 'Blurred again, the output explains the input as far as noise allows.'
  return {
    reasons,
    instrument: {
      id: 'explanation',
      label,
      status: worst ?? (noisy ? 'not-measured' : 'fine'),
      summary: reasons[0]?.message ?? quiet,
      blindTo,
      readings,
    },
  }
}
