/**
 * The best classical result that a user can have. Nobody sees the truth of his own picture, so its settings are chosen once for each level of
 * light on the rehearsal's frames in range: that one of all smoothings and deconvolutions which misses least on average. What the best setting for each
 * single picture would have reached, chosen with its truth in hand, is reported beside it.
 */
import { iterations, smoothings } from './restore.ts'
import type { Row } from './row.ts'

/** Photons at the brightest: the upper bound of each level but the last. */
export const levels = [100, 400, 1500] as const

/** For each level the index of the method, as `classicalLacks` orders them. */
export type Choice = readonly number[]

const levelOf = (photons: number) => levels.filter((bound) => photons >= bound).length

/** @param rows in range */
export function choose(rows: readonly Row[]): Choice {
  return [0, 1, 2, 3].map((level) => {
    const here = rows.flatMap(({ lack, photons }) => (lack && levelOf(photons) === level ? [lack.classical] : []))
    const mean = (method: number) => here.reduce((sum, lacks) => sum + (lacks[method] as number), 0) / here.length
    const methods = here[0]?.map((_, method) => method) ?? []
    return methods.reduce((best, method) => (mean(method) < mean(best) ? method : best), 0)
  })
}

export function methodName(method: number): string {
  return method < smoothings.length
    ? `smoothing by ${smoothings[method]} pixels`
    : `Richardson–Lucy, ${iterations[method - smoothings.length]} iterations`
}

/** Whether the network's picture misses more of the truth than the input or than the classical result; `choice` null: than the best of all. */
export function worseThan({ lack, photons }: Row, choice: Choice | null): boolean {
  if (!lack) throw new RangeError('The frame was not compared.')
  const classical = choice ? (lack.classical[choice[levelOf(photons)] as number] as number) : Math.min(...lack.classical)
  return lack.output > Math.min(lack.input, classical)
}
