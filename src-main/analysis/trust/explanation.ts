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

/** How an output is made comparable with its input, and what is said when it is not alike. */
interface Way {
  /** Begins a sentence. */
  readonly again: string
  readonly rsp: number
  readonly rspFar: number
  readonly unexplained: number
  /** Where to look. */
  readonly look: string
  readonly blindTo: string
}

/** @param spot largest unexplained value in standard deviations, with its sign */
export function explanation(fit: Explanation, spot: number): Finding {
  return finding(fit, spot, {
    again: 'Blurred again, the output',
    rsp: limits.rsp,
    rspFar: limits.rspFar,
    unexplained: limits.unexplained,
    look: 'look at the error map',
    blindTo,
  })
}

/** For a stack that a network refocused, see `explainStack`. */
export function stackExplanation(fit: Explanation, spot: number): Finding {
  return finding(fit, spot, {
    again: 'Brought back through the optics, the refocused stack',
    rsp: limits.stackRsp,
    rspFar: limits.stackRspFar,
    unexplained: limits.stackUnexplained,
    look: 'compare the surfaces with the picture',
    blindTo:
      'It compares what is coarser than a micrometre, since little else of planes out of focus reaches the input; structure put at the wrong depth, or on the wrong side of focus, can pass.',
  })
}

function finding({ rse, rsp, ceiling, sigma, atBound, factor }: Explanation, spot: number, way: Way): Finding {
  const reasons: Reason[] = []
  const say = (level: Reason['level'], message: string) => reasons.push({ instrument: 'explanation', level, message })
  const share = ceiling > 0 ? rsp / ceiling : 0
  const noisy = ceiling < limits.ceiling
  const percent = `${(100 * Math.max(0, share)).toFixed(0)} %`
  if (!noisy && (share < way.rspFar || factor <= 0))
    say('do-not-use', `${way.again} is not the input: it reaches ${percent} of the correlation that noise allows.`)
  else if (!noisy && share < way.rsp)
    say('caution', `${way.again} reaches only ${percent} of the correlation with the input that noise allows.`)
  if (!noisy && atBound) say('caution', 'The output must be blurred more than any optics would to resemble the input.')
  const large = Math.abs(spot) > way.unexplained
  if (large)
    say(
      'caution',
      spot > 0
        ? `Somewhere the input has light that the output does not account for: ${way.look}.`
        : `Somewhere the output has light that the input does not have: ${way.look}.`,
    )
  const rspStatus = noisy ? 'not-measured' : share < way.rspFar ? 'do-not-use' : share < way.rsp ? 'caution' : 'fine'
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
      expected: `at least ${way.rsp}`,
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
      expected: `within ±${way.unexplained}`,
      status: large ? 'caution' : 'fine',
    },
  ]
  const worst = (['do-not-use', 'caution'] as const).find((level) => reasons.some((reason) => reason.level === level))
  const quiet = noisy
    ? 'The input is too noisy for the comparison to tell anything.'
    : `${way.again} explains the input as far as noise allows.`
  return {
    reasons,
    instrument: {
      id: 'explanation',
      label,
      status: worst ?? (noisy ? 'not-measured' : 'fine'),
      summary: reasons[0]?.message ?? quiet,
      blindTo: way.blindTo,
      readings,
    },
  }
}
