/** All instruments on one picture and what a network made of it. Pure arithmetic: runs in a thread of its own, see worker.ts. */
import type { Pixels } from '#shared/image/frame.ts'
import { cut, type Plane } from '#shared/image/plane.ts'
import type { TrustMap, TrustReport } from '#shared/trust.ts'
import { decorrelation } from './decorrelation.ts'
import { distribution, saturatedShare, type Unfamiliarity, unfamiliarity } from './distribution.ts'
import { explanation, explanationApplies, noExplanation, stackExplanation } from './explanation.ts'
import { type Figures, figuresOf, foretold } from './foresight.ts'
import { fourierRing } from './fourier-ring.ts'
import { intensityHonesty } from './intensity.ts'
import { foresight, limits, planeSide } from './limits.ts'
import { lookAt, type Sighting } from './lookout.ts'
import { disagreementMap, errorMap, oddMap, repetitionMap, scaleMap, unexplainedMap, unfamiliarMap } from './maps.ts'
import { type AskedSurface, type Finding, metadataGuard } from './metadata-guard.ts'
import { type NoiseModel, noiseOf, noiseOfPair } from './noise.ts'
import { percentileOf, planeOf } from './plane.ts'
import { type Repetition, repetition } from './repetition.ts'
import { resolution } from './resolution.ts'
import { type Explanation, explain, unexplained } from './squirrel.ts'
import { explainStack, type FocusOptics, type RefocusedStack } from './through-focus.ts'
import type { InputStatistics, PictureFacts, Training } from './training.ts'
import { type Disagreement, disagreementOf, relativeScale, uncertainty } from './uncertainty.ts'
import { reportOf } from './verdict.ts'

export interface Picture {
  readonly width: number
  readonly height: number
  readonly data: Pixels
}

export interface JudgeRequest {
  readonly facts: PictureFacts
  readonly training: Training
  /** What the network was given, on the camera's grid. */
  readonly input: Picture
  /** What it made of it. */
  readonly output: Picture
  readonly outputPixelUm: number | null
  /** Its predicted error, on the output's grid. */
  readonly scale?: Float32Array
  /** The next frame of the same thing, and what the network made of that. */
  readonly second?: { readonly input: Picture; readonly output: Picture }
  /** Answers to shifted, mirrored and noisier copies of the input, brought back to the output's place. */
  readonly answers?: readonly Float32Array[]
  /** Of a network that refocuses: which surface the output shows. */
  readonly surface?: AskedSurface
  /** What a network that refocuses made of this input at `judgedDistances`, by which it is seen whether it explains the input. */
  readonly stack?: RefocusedStack
  /** What was found by such a stack when another of its planes was judged. */
  readonly explained?: Finding
  /**
   * light: the middle `lightSide` pixels and no output resolution, for live view. plane: the middle `planeSide` pixels, for the planes of a
   * file. full: everything there is, with maps.
   */
  readonly depth: 'light' | 'plane' | 'full'
}

export interface Judgement {
  readonly report: TrustReport
  readonly maps: TrustMap[]
  /** What `foretold` looked at. */
  readonly figures: Figures
}

/** Side of the part that is judged in live view (two tiles), camera pixels. */
const lightSide = 256
/** Tiles along a side that are compared with the training at most: of a large picture, some. */
const tilesAlong = { light: 2, plane: 6, full: 16 }

export function judge(request: JudgeRequest): Judgement {
  const begun = performance.now()
  const { facts, training, depth, second } = request
  const result = planeOf(request.output.width, request.output.height, request.output.data)
  const whole = planeOf(request.input.width, request.input.height, request.input.data)
  const { input, output } =
    depth === 'full' ? { input: whole, output: result } : middle(whole, result, depth === 'light' ? lightSide : planeSide)
  const next = second && depth === 'full' ? planeOf(second.input.width, second.input.height, second.input.data) : null
  const noise = next ? noiseOfPair(input, next) : noiseOf(input)
  const photons = photonsOf(input, noise)
  const statistics = statisticsFor(training, facts.pixelSizeUm)
  const found = unfamiliarity(depth === 'light' ? input : whole, statistics, tilesAlong[depth])
  const { sighting, watched } = sightingOf(request, input)
  const repeating = repetition(input)
  const fit = explanationApplies(training) ? explain(input, output, noise) : null
  const spots = fit ? unexplained(fit, noise) : null
  const answers = request.answers ?? []
  const disagreement = answers.length > 1 ? disagreementOf(answers) : null
  const { units, ...intensity } = intensityHonesty(training)
  const seen = [
    distribution({
      unfamiliarity: found,
      saturated: saturation(request),
      photons,
      training,
      known: statistics !== null,
      sighting,
      watched,
      repetition: repeating,
    }),
    fit && spots ? explanation(fit, extreme(spots)) : ofStack(request, noise),
    resolutions(request, input, output, next, photons),
  ]
  const figures = figuresOf(
    seen.flatMap(({ instrument }) => instrument.readings),
    found?.mean ?? null,
  )
  const worse = training.weights === foresight.network ? foretold(foresight, figures) : null
  const scale = request.scale ? relativeScale(result.data, request.scale) : null
  const findings = [metadataGuard(facts, training, request.surface), ...seen, uncertainty(scale, disagreement, worse), intensity]
  const maps =
    depth === 'full'
      ? mapsOf({
          fit,
          spots,
          result,
          scale: request.scale,
          disagreement,
          found: statistics && found,
          sighting: watched ? sighting : null,
          repeating,
        })
      : []
  return { report: reportOf(findings, units, performance.now() - begun), maps, figures }
}

/** Instrument 4 where the output need not look like the input. */
function ofStack({ training: { refocusing }, stack, explained }: JudgeRequest, noise: NoiseModel): Finding {
  if (explained) return explained
  if (!refocusing) return noExplanation('This network’s output is not meant to look like its input.', 'not-applicable')
  return stack ? judgeStack(stack, refocusing, noise) : noStack
}

const noStack = noExplanation('It takes a stack refocused from a picture that is wider than its blur.', 'not-measured')

/** Whether a refocused stack explains the picture that it was made of, whose noise is given. */
export function judgeStack(stack: RefocusedStack, optics: FocusOptics, noise: NoiseModel): Finding {
  const found = explainStack(stack, optics, noise)
  if (!found) return noStack
  return stackExplanation(found.fit, extreme(unexplained(found.fit, found.noise, limits.stackTolerance)))
}

/** What the package's lookout sees; `watched`: whether it was taught pictures with such pixels, so that it may speak. */
function sightingOf(
  { facts, training: { lookout } }: JudgeRequest,
  looked: Plane,
): { readonly sighting: Sighting | null; readonly watched: boolean } {
  if (!lookout) return { sighting: null, watched: false }
  return { sighting: lookAt(lookout, looked), watched: facts.pixelSizeUm === null || near(lookout.pixelSizeUm, facts.pixelSizeUm) }
}

interface Mapped {
  readonly fit: Explanation | null
  readonly spots: Float32Array | null
  readonly result: Plane
  readonly scale: Float32Array | undefined
  readonly disagreement: Disagreement | null
  readonly found: Unfamiliarity | null
  readonly sighting: Sighting | null
  readonly repeating: Repetition | null
}

function mapsOf({ fit, spots, result, scale, disagreement, found, sighting, repeating }: Mapped): TrustMap[] {
  return [
    ...(fit && spots ? [errorMap(fit), unexplainedMap(fit, spots)] : []),
    ...(scale ? [scaleMap(result, scale)] : []),
    ...(disagreement ? [disagreementMap(result, disagreement.std)] : []),
    ...(found ? [unfamiliarMap(found)] : []),
    ...(sighting ? [oddMap(sighting)] : []),
    ...(repeating ? [repetitionMap(repeating)] : []),
  ]
}

/** The request with only the part that a light judgement looks at, so that no more is copied to the thread. */
export function lightPart(request: JudgeRequest): JudgeRequest {
  const { width, height } = request.input
  if (width <= lightSide && height <= lightSide) return request
  const plane = (picture: Picture) => planeOf(picture.width, picture.height, picture.data)
  return { ...request, ...middle(plane(request.input), plane(request.output), lightSide) }
}

/** What the package knows of inputs with pixels of this size, µm; null = nothing. */
export function statisticsFor({ statistics }: Training, pixelUm: number | null): InputStatistics | null {
  return statistics.find(({ pixelSizeUm }) => near(pixelSizeUm, pixelUm)) ?? null
}

export function saturation({ facts, input }: Pick<JudgeRequest, 'facts' | 'input'>): number {
  const top = facts.bitDepth === null ? null : 2 ** facts.bitDepth - 1
  return saturatedShare(input.data, top)
}

/** Shot noise has one unit of variance for each photon: the brightest structure's photons are its range over the slope of the noise. */
function photonsOf({ data }: Plane, { slope }: NoiseModel): number | null {
  const sorted = data.slice().sort()
  return slope > 0 ? (percentileOf(sorted, 99.9) - percentileOf(sorted, 1)) / slope : null
}

/** Pictures smaller than this tell nothing of their resolution. */
const smallest = 32

function resolutions(request: JudgeRequest, input: Plane, output: Plane, next: Plane | null, photons: number | null) {
  const { depth, second, facts, training, outputPixelUm } = request
  const large = Math.min(input.width, input.height) >= smallest
  const nextOutput = second ? planeOf(second.output.width, second.output.height, second.output.data) : null
  return resolution({
    input: large ? decorrelation(input) : null,
    output: large && depth !== 'light' ? decorrelation(output) : null,
    rings: large && next && nextOutput ? { input: fourierRing(input, next), output: fourierRing(output, nextOutput) } : null,
    inputPixelUm: facts.pixelSizeUm,
    outputPixelUm,
    photons,
    judged: explanationApplies(training),
  })
}

/** The same middle of both pictures, at most `longest` camera pixels wide and high. */
function middle(input: Plane, output: Plane, longest: number): { readonly input: Plane; readonly output: Plane } {
  const side = (length: number) => Math.min(length, longest)
  const [width, height] = [side(input.width), side(input.height)]
  const part = (picture: Plane) => {
    const [sx, sy] = [picture.width / input.width, picture.height / input.height]
    const left = Math.round(((input.width - width) >> 1) * sx)
    const top = Math.round(((input.height - height) >> 1) * sy)
    return cut(picture, left, top, Math.round(width * sx), Math.round(height * sy))
  }
  return { input: part(input), output: part(output) }
}

function extreme(values: Float32Array): number {
  let largest = 0
  for (const value of values) if (Math.abs(value) > Math.abs(largest)) largest = value
  return largest
}

function near(a: number, b: number | null): boolean {
  return b !== null && Math.abs(a / b - 1) < 0.02
}
