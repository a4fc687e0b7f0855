/** The instruments' results as pictures to lay over the field. */
import { bytesOf } from '#shared/image/frame.ts'
import type { Plane } from '#shared/image/plane.ts'
import type { TrustMap } from '#shared/trust.ts'
import type { Unfamiliarity } from './distribution.ts'
import { limits, oddLimit, repetitionLimit } from './limits.ts'
import { placesThatCount, type Sighting } from './lookout.ts'
import { percentileOf } from './plane.ts'
import { margin, type Repetition } from './repetition.ts'
import type { Explanation } from './squirrel.ts'

function map(of: Pick<TrustMap, 'id' | 'instrument' | 'label' | 'meaning' | 'unit'>, picture: Plane, low: number, high: number): TrustMap {
  const { width, height, data } = picture
  return { ...of, width, height, low, high: high > low ? high : low + 1, bytes: bytesOf(data) }
}

function top(data: Float32Array): number {
  return percentileOf(data.slice().sort(), 99.9)
}

export function errorMap({ width, height, residual }: Explanation): TrustMap {
  const data = residual.map(Math.abs)
  const meaning = 'Where it is bright, the output blurred again differs from the input; noise differs everywhere a little.'
  return map(
    { id: 'error', instrument: 'explanation', label: 'Error map', meaning, unit: 'input units' },
    { width, height, data },
    0,
    top(data),
  )
}

export function unexplainedMap({ width, height }: Explanation, spots: Float32Array): TrustMap {
  const data = spots.map(Math.abs)
  const meaning = 'Light that noise cannot explain: present in the input and missing in the output, or the reverse.'
  const of = { id: 'unexplained', instrument: 'explanation', label: 'Unexplained', meaning, unit: 'σ' } as const
  return map(of, { width, height, data }, 0, limits.unexplained)
}

export function scaleMap({ width, height }: Plane, scale: Float32Array): TrustMap {
  const meaning = 'The error the network expects because of noise. It does not know what it has invented.'
  const of = { id: 'scale', instrument: 'uncertainty', label: 'Predicted error', meaning, unit: 'input units' } as const
  return map(of, { width, height, data: scale }, 0, top(scale))
}

export function disagreementMap({ width, height }: Plane, std: Float32Array): TrustMap {
  const meaning = 'Where answers to shifted, mirrored and noisier copies of the input differ.'
  const of = { id: 'disagreement', instrument: 'uncertainty', label: 'Disagreement', meaning, unit: 'input units' } as const
  return map(of, { width, height, data: std }, 0, top(std))
}

/** Tiles of noise alone have no distance: they are shown as 0. */
export function unfamiliarMap({ columns, rows, ratios }: Unfamiliarity): TrustMap {
  const data = ratios.map((ratio) => (Number.isNaN(ratio) ? 0 : ratio))
  const meaning = `Tiles of 128 pixels that look unlike the training inputs, over the training’s own limit; more than ${limits.distance} is unusual.`
  const of = { id: 'unfamiliar', instrument: 'distribution', label: 'Unfamiliar', meaning, unit: '× limit' } as const
  return map(of, { width: columns, height: rows, data }, 0, 2 * limits.distance)
}

/** The log odds that there is structure unlike any of the training, above even. */
export function oddMap(sighting: Sighting): TrustMap {
  const { columns, rows, odd } = sighting
  const data = odd.map((value) => Math.max(0, value))
  const meaning =
    'Where structure looks unlike any that the network was trained on. The outermost squares do not count: half of their surroundings are missing.'
  const of = { id: 'odd', instrument: 'distribution', label: 'Odd structure', meaning, unit: 'log odds' } as const
  return map(of, { width: columns, height: rows, data }, 0, 2 * oddLimit(placesThatCount(sighting)))
}

/** How much fine structure repeats around every 4 × 4 pixels; 0 at the edge, around which no whole place lies. */
export function repetitionMap(repetition: Repetition): TrustMap {
  const { columns, rows, prominence } = repetition
  const [width, height] = [columns + 2 * margin, rows + 2 * margin]
  const data = new Float32Array(width * height)
  for (let row = 0; row < rows; row++) data.set(prominence.subarray(row * columns, (row + 1) * columns), (row + margin) * width + margin)
  const meaning =
    'Where fine structure repeats regularly in two directions: what stands out there does so by this factor. The outermost eight pixels are not looked at.'
  const of = { id: 'repetition', instrument: 'distribution', label: 'Repetition', meaning, unit: '× surroundings' } as const
  return map(of, { width, height, data }, 0, 2 * repetitionLimit(columns * rows))
}
