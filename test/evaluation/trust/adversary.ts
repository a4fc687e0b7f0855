/**
 * The adversary of the rare structure: of several structures that the training never had, in several places, it takes the one that the network
 * draws most wrongly. Measured on the truth: the root mean square error of the network's picture (scaled to the truth over the whole frame by least
 * squares) in the 16 µm around the structure, as a share of the truth's range.
 */
import { moments, percentileOf } from '#main/analysis/trust/plane.ts'
import { cut } from '#shared/image/plane.ts'
import { type Kind, type Rarity, rarities, type Sample, sample, truthSide } from './frames.ts'
import { middle } from './restore.ts'

/** µm around a structure. */
const reach = 8

export interface Answer {
  readonly image: Float32Array
  readonly width: number
  readonly height: number
}

export async function cruellest(kind: Kind, seed: number, ask: (made: Sample) => Promise<Answer>): Promise<Rarity> {
  let worst: { readonly rarity: Rarity; readonly harm: number } | null = null
  for (const rarity of rarities(kind, seed)) {
    const made = sample(kind, seed, rarity)
    const harm = harmOf(await ask(made), made, rarity)
    if (!worst || harm > worst.harm) worst = { rarity, harm }
  }
  return (worst as NonNullable<typeof worst>).rarity
}

function harmOf({ image, width, height }: Answer, made: Sample, { x, y }: Rarity): number {
  const outputUm = made.trueUm / 2
  const truth = made.truth(outputUm)
  const shown = middle({ width, height, data: image }, truthSide)
  const { meanA, meanB, varianceB, covariance } = moments(truth, shown)
  const factor = varianceB > 0 ? covariance / varianceB : 0
  const wrong = truth.map((value, i) => value - meanA - factor * ((shown[i] as number) - meanB))
  const sorted = truth.slice().sort()
  const range = percentileOf(sorted, 99.9) - percentileOf(sorted, 1)
  const half = Math.round(reach / outputUm)
  const corner = (at: number) => Math.min(truthSide - 2 * half, Math.max(0, Math.round(at / outputUm + truthSide / 2) - half))
  const there = cut({ width: truthSide, height: truthSide, data: wrong }, corner(x), corner(y), 2 * half, 2 * half).data
  return Math.sqrt(there.reduce((sum, value) => sum + value * value, 0) / there.length) / range
}
