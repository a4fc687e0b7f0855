/**
 * The instruments on a picture of which a network told what it shows. Three of the six can speak of a name: metadata, distribution, and how sure and how
 * much at home the network is; there is no picture to explain, resolve or measure. Pure arithmetic: runs in the thread of the others.
 */
import { cut, type Plane } from '#shared/image/plane.ts'
import type { Reading, Reason, TrustReport } from '#shared/trust.ts'
import { distribution, unfamiliarity } from './distribution.ts'
import { noExplanation } from './explanation.ts'
import { tileSide } from './features.ts'
import { type Picture, saturation, statisticsFor } from './judge.ts'
import { planeSide } from './limits.ts'
import { type Finding, metadataGuard } from './metadata-guard.ts'
import { middleOf, planeOf } from './plane.ts'
import { repetition } from './repetition.ts'
import type { PictureFacts, Training } from './training.ts'
import { reportOf } from './verdict.ts'

export interface AnswerRequest {
  readonly facts: PictureFacts
  readonly training: Training
  /** As the camera took it, and on the network's grid, whose pixels have `gridUm`. */
  readonly input: Picture
  readonly grid: Picture
  readonly gridUm: number | null
  /** How many classes there are, and above which novelty a window shows none of them; null = the network names no limit. */
  readonly classes: number
  readonly noveltyLimit: number | null
  /** Parts of `input`, and what the network says of each. */
  readonly windows: readonly AnsweredWindow[]
}

export interface AnsweredWindow {
  /** Pixels of `input`. */
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** Of the most probable class. */
  readonly probability: number
  readonly novelty: number | null
}

export interface AnswerJudgement {
  readonly report: TrustReport
  /** For each window what it is to the instruments: nothing but noise, unlike every class, or one of them. */
  readonly kinds: readonly ('empty' | 'strange' | 'known')[]
}

/** Below this the network is more likely wrong than right, if it is calibrated. */
const sure = 0.5
const tilesAlong = 6

export function judgeAnswer({ facts, training, input, grid, gridUm, classes, noveltyLimit, windows }: AnswerRequest): AnswerJudgement {
  const begun = performance.now()
  const [camera, plane] = [input, grid].map(({ width, height, data }) => planeOf(width, height, data)) as [Plane, Plane]
  const statistics = statisticsFor(training, gridUm)
  const kinds = windows.map((window) => {
    if (isEmpty(camera, window)) return 'empty'
    return noveltyLimit !== null && (window.novelty ?? 0) > noveltyLimit ? 'strange' : 'known'
  })
  const found = unfamiliarity(plane, statistics, tilesAlong)
  const looked = found ?? unfamiliarity(camera, null, tilesAlong)
  const seen = distribution({
    unfamiliarity: looked && { ...looked, flat: kinds.filter((kind) => kind === 'empty').length / kinds.length },
    saturated: saturation({ facts, input }),
    photons: null,
    training,
    known: statistics !== null && found !== null,
    sighting: null,
    watched: false,
    repetition: repetition(middleOf(camera, planeSide)),
  })
  const findings = [
    metadataGuard(facts, training),
    seen,
    sureness(windows, kinds, classes, noveltyLimit),
    noExplanation('The network gives a name, and no picture that could explain the input.', 'not-applicable'),
    silent('resolution', 'Resolution', 'The network gives a name, and no picture that could have a resolution.'),
    silent('intensity', 'Intensity', 'The network gives a name, and no intensities.'),
  ]
  return { report: reportOf(findings, 'arbitrary', performance.now() - begun), kinds }
}

/** Whether every part of a window holds nothing but noise, by the even spectrum that it has on the camera's own pixels; of a picture smaller than a tile nobody can say. */
function isEmpty(camera: Plane, { x, y, width, height }: AnsweredWindow): boolean {
  if (Math.min(camera.width, camera.height) < tileSide) return false
  const [columns, rows] = [Math.min(camera.width, Math.max(width, tileSide)), Math.min(camera.height, Math.max(height, tileSide))]
  const within = (start: number, length: number, taken: number, whole: number) =>
    Math.max(0, Math.min(whole - taken, Math.round(start + (length - taken) / 2)))
  const [left, top] = [within(x, width, columns, camera.width), within(y, height, rows, camera.height)]
  return unfamiliarity(cut(camera, left, top, columns, rows), null)?.flat === 1
}

/** In words without numbers: the verdict on a file is that of its gravest plane, and a count would be of the first. */
function sureness(windows: readonly AnsweredWindow[], kinds: AnswerJudgement['kinds'], classes: number, limit: number | null): Finding {
  const filled = windows.filter((_, i) => kinds[i] !== 'empty')
  const known = windows.filter((_, i) => kinds[i] === 'known')
  const unsure = known.filter(({ probability }) => probability < sure)
  const of = (part: number, verb: 'looks' | 'shows') => {
    if (windows.length === 1) return `The picture ${verb}`
    return `${part === filled.length ? 'All' : 'Some'} windows ${verb.slice(0, -1)}`
  }
  const reasons: Reason[] = []
  const caution = (message: string) => reasons.push({ instrument: 'uncertainty', level: 'caution', message })
  if (filled.length === 0) caution('There is nothing in the picture but noise, so nothing can be named.')
  if (known.length < filled.length)
    caution(`${of(filled.length - known.length, 'looks')} like none of what the network was taught to tell apart (${classes}).`)
  if (unsure.length > 0)
    caution(
      `${of(unsure.length, 'shows')} something that the network may as well call by another name: the first is less than ${100 * sure} % probable.`,
    )
  const novelties = filled.flatMap(({ novelty }) => novelty ?? [])
  const readings: Reading[] = [
    {
      id: 'probability',
      label: windows.length > 1 ? 'Probability of the named class, the least of all windows' : 'Probability of the named class',
      value: known.length > 0 ? Math.min(...known.map(({ probability }) => probability)) : null,
      unit: '',
      side: 'output',
      expected: `at least ${sure}`,
      status: known.length === 0 ? 'not-measured' : unsure.length > 0 ? 'caution' : 'fine',
    },
    {
      id: 'novelty',
      label: windows.length > 1 ? 'Unlike everything it knows, the most of all windows' : 'Unlike everything it knows',
      value: novelties.length > 0 ? Math.max(...novelties) : null,
      unit: '',
      side: 'output',
      expected: limit === null ? null : `at most ${limit.toPrecision(3)}`,
      status: novelties.length === 0 || limit === null ? 'not-measured' : known.length < filled.length ? 'caution' : 'fine',
    },
  ]
  return {
    reasons,
    instrument: {
      id: 'uncertainty',
      label: 'Uncertainty',
      status: reasons[0]?.level ?? 'fine',
      summary: reasons[0]?.message ?? 'The network is sure, and the picture looks like something that it knows.',
      blindTo:
        'What the network was never taught can look like something that it knows, and its probabilities are calibrated on its own training’s kind of pictures only.',
      readings,
    },
  }
}

function silent(id: 'resolution' | 'intensity', label: string, summary: string): Finding {
  return { reasons: [], instrument: { id, label, status: 'not-applicable', summary, blindTo: summary, readings: [] } }
}
