/**
 * The instruments on a picture of which a network told what it shows. Three of the six can speak of a name: metadata, distribution, and how sure and how
 * much at home the network is; there is no picture to explain, resolve or measure. Pure arithmetic: runs in the thread of the others.
 */
import type { Reading, Reason, TrustReport } from '#shared/trust.ts'
import { distribution, saturatedShare, unfamiliarity } from './distribution.ts'
import { noExplanation } from './explanation.ts'
import type { Picture } from './judge.ts'
import { type Finding, metadataGuard } from './metadata-guard.ts'
import { cut, planeOf } from './plane.ts'
import type { PictureFacts, Training } from './training.ts'
import { reportOf } from './verdict.ts'

export interface AnswerRequest {
  readonly facts: PictureFacts
  readonly training: Training
  /** As the camera took it, and on the network's grid, whose pixels have `gridUm`. */
  readonly input: Picture
  readonly grid: Picture
  readonly gridUm: number | null
  readonly classes: readonly string[]
  readonly noveltyLimit: number | null
  /** Parts of the grid, and what the network says of each. */
  readonly windows: readonly AnsweredWindow[]
}

export interface AnsweredWindow {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly probabilities: readonly number[]
  readonly novelty: number | null
}

export interface AnswerJudgement {
  readonly report: TrustReport
  /** For each window whether it holds nothing but noise. */
  readonly empty: readonly boolean[]
}

/** Below this the network is more likely wrong than right, if it is calibrated. */
const sure = 0.5
const tilesAlong = 6

export function judgeAnswer({ facts, training, input, grid, gridUm, classes, noveltyLimit, windows }: AnswerRequest): AnswerJudgement {
  const begun = performance.now()
  const plane = planeOf(grid.width, grid.height, grid.data)
  const statistics = training.statistics.find(({ pixelSizeUm }) => gridUm !== null && Math.abs(pixelSizeUm / gridUm - 1) < 0.02) ?? null
  const empty = windows.map(({ x, y, width, height }) => unfamiliarity(cut(plane, x, y, width, height), null, 2)?.flat === 1)
  const top = facts.bitDepth === null ? null : 2 ** facts.bitDepth - 1
  const seen = distribution({
    unfamiliarity: unfamiliarity(plane, statistics, tilesAlong),
    saturated: saturatedShare(input.data, top),
    photons: null,
    training,
    known: statistics !== null,
    sighting: null,
    watched: false,
  })
  const answers = windows.filter((_, i) => !empty[i])
  const findings = [
    metadataGuard(facts, training),
    seen,
    sureness(answers, classes, noveltyLimit),
    noExplanation('The network gives a name, and no picture that could explain the input.', 'not-applicable'),
    silent('resolution', 'Resolution', 'The network gives a name, and no picture that could have a resolution.'),
    silent('intensity', 'Intensity', 'The network gives a name, and no intensities.'),
  ]
  return { report: reportOf(findings, 'arbitrary', performance.now() - begun), empty }
}

function sureness(windows: readonly AnsweredWindow[], classes: readonly string[], limit: number | null): Finding {
  const count = windows.length
  const strange = limit === null ? 0 : windows.filter(({ novelty }) => (novelty ?? 0) > limit).length
  const best = windows.map(({ probabilities }) => Math.max(...probabilities))
  const unsure = best.filter((probability) => probability < sure).length
  const of = (n: number) => (count === 1 ? 'The picture' : `${n} of ${count} windows`)
  const reasons: Reason[] = []
  const caution = (message: string) => reasons.push({ instrument: 'uncertainty', level: 'caution', message })
  if (count === 0) caution('There is nothing in the picture but noise, so no place can be named.')
  if (strange > 0)
    caution(
      `${of(strange)} ${count === 1 || strange === 1 ? 'looks' : 'look'} like none of the ${classes.length} places that the network knows.`,
    )
  if (unsure > strange && unsure > 0)
    caution(`${of(unsure)} may as well show another place: the first is less than ${100 * sure} % probable.`)
  const mean = (values: readonly number[]) => (values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : null)
  const novelties = windows.flatMap(({ novelty }) => novelty ?? [])
  const readings: Reading[] = [
    {
      id: 'probability',
      label: 'Probability of the named place',
      value: mean(best),
      unit: '',
      side: 'output',
      expected: `at least ${sure}`,
      status: count === 0 ? 'not-measured' : unsure > 0 ? 'caution' : 'fine',
    },
    {
      id: 'novelty',
      label: 'How unlike every place it knows',
      value: mean(novelties),
      unit: '',
      side: 'output',
      expected: limit === null ? null : `at most ${limit.toPrecision(3)}`,
      status: novelties.length === 0 || limit === null ? 'not-measured' : strange > 0 ? 'caution' : 'fine',
    },
  ]
  return {
    reasons,
    instrument: {
      id: 'uncertainty',
      label: 'Uncertainty',
      status: reasons[0]?.level ?? 'fine',
      summary: reasons[0]?.message ?? 'The network is sure, and the picture looks like a place that it knows.',
      blindTo:
        'A place that the network was never taught can look like one that it knows, and a probability is calibrated on simulated cells only.',
      readings,
    },
  }
}

function silent(id: 'resolution' | 'intensity', label: string, summary: string): Finding {
  return { reasons: [], instrument: { id, label, status: 'not-applicable', summary, blindTo: summary, readings: [] } }
}
