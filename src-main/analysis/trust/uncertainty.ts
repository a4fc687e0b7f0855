/** Instrument 3: the error that the network itself predicts, and how far its answer depends on what should not matter. */
import type { Reading, Reason } from '#shared/trust.ts'
import { limits } from './limits.ts'
import type { Finding } from './metadata-guard.ts'
import { percentileOf } from './plane.ts'

/** Mean and standard deviation, pixel by pixel, of answers to the same question. */
export interface Disagreement {
  readonly std: Float32Array
  /** Root mean square of `std` over the standard deviation of the mean answer. */
  readonly share: number
  readonly answers: number
}

/** All of one size. Throws RangeError for fewer than two. */
export function disagreementOf(answers: readonly Float32Array[]): Disagreement {
  const [first] = answers
  if (!first || answers.length < 2) throw new RangeError('Disagreement needs two answers at least.')
  const std = new Float32Array(first.length)
  const n = answers.length
  let [sum, squares, spread] = [0, 0, 0]
  for (let i = 0; i < first.length; i++) {
    let middle = 0
    for (const answer of answers) middle += answer[i] as number
    middle /= n
    let variance = 0
    for (const answer of answers) variance += ((answer[i] as number) - middle) ** 2
    variance /= n - 1
    std[i] = Math.sqrt(variance)
    spread += variance
    sum += middle
    squares += middle * middle
  }
  const signal = squares / first.length - (sum / first.length) ** 2
  return { std, answers: n, share: signal > 0 ? Math.sqrt(spread / first.length / signal) : Number.POSITIVE_INFINITY }
}

/** Predicted error where the picture is bright (brightest tenth) as a share of its range: 99.9th − 1st percentile. */
export function relativeScale(image: Float32Array, scale: Float32Array): number {
  const sorted = image.slice().sort()
  const bright = percentileOf(sorted, 90)
  const range = percentileOf(sorted, 99.9) - percentileOf(sorted, 1)
  const there = Float64Array.from(scale.filter((_, i) => (image[i] as number) >= bright)).sort()
  return range > 0 && there.length > 0 ? percentileOf(there, 50) / range : Number.POSITIVE_INFINITY
}

/** @param worse chance that deconvolution would be nearer to the truth, 0 … 1; null = nobody measured that of this network */
export function uncertainty(scale: number | null, disagreement: Disagreement | null, worse: number | null): Finding {
  const reasons: Reason[] = []
  const uncertain = scale !== null && scale > limits.scale
  if (uncertain)
    reasons.push({
      instrument: 'uncertainty',
      level: 'caution',
      message: `The network itself expects errors of ${(100 * scale).toFixed(0)} % of the picture’s range: the input tells it too little.`,
    })
  const divided = disagreement !== null && disagreement.share > limits.disagreement
  if (divided)
    reasons.push({
      instrument: 'uncertainty',
      level: 'caution',
      message: `Shifted, mirrored or noisier copies of the input give answers that differ by ${(100 * disagreement.share).toFixed(0)} %: what differs is not in the data.`,
    })
  const readings: Reading[] = [
    {
      id: 'scale',
      label: 'Error the network predicts',
      value: scale === null ? null : 100 * scale,
      unit: '% of the range',
      side: 'output',
      expected: `at most ${100 * limits.scale}`,
      status: scale === null ? 'not-measured' : uncertain ? 'caution' : 'fine',
    },
    {
      id: 'disagreement',
      label: disagreement ? `Disagreement of ${disagreement.answers} answers` : 'Disagreement',
      value: disagreement === null ? null : 100 * disagreement.share,
      unit: '% of the contrast',
      side: 'output',
      expected: `at most ${100 * limits.disagreement}`,
      status: disagreement === null ? 'not-measured' : divided ? 'caution' : 'fine',
    },
    {
      id: 'deconvolution',
      label: 'Similar pictures that were nearer to the truth before, or simply restored',
      value: worse === null ? null : 100 * worse,
      unit: '%',
      side: 'output',
      expected: null,
      status: worse === null ? 'not-measured' : null,
    },
  ]
  const silent = scale === null && disagreement === null
  return {
    reasons,
    instrument: {
      id: 'uncertainty',
      label: 'Uncertainty',
      status: reasons[0]?.level ?? (silent ? 'not-measured' : 'fine'),
      summary: reasons[0]?.message ?? (silent ? 'Not measured yet: inspect the picture.' : 'The network’s answer is stable.'),
      blindTo:
        'The predicted error knows noise only: it is blind to hallucination. A network may also be wrong in the same way every time.',
      readings,
    },
  }
}
