/** Distances from the plane in focus to the surfaces that a network is asked to refocus to, µm, positive away from the objective. */
import { AppError } from './errors.ts'

/** One stack holds no more planes than this. */
const mostSurfaces = 401

export interface Surfaces {
  readonly fromUm: number
  readonly toUm: number
  /** Ignored where `fromUm` is `toUm`. */
  readonly stepUm: number
}

/** From `fromUm` to `toUm`, both included where the step leads there. Throws OutOfRange. */
export function distancesOf({ fromUm, toUm, stepUm }: Surfaces): number[] {
  if (fromUm === toUm) return [fromUm]
  if (!(stepUm > 0)) throw new AppError('OutOfRange', `A step of ${stepUm} µm leads nowhere; it must be larger than 0.`)
  const count = Math.floor(Math.abs(toUm - fromUm) / stepUm + 1e-6) + 1
  if (count > mostSurfaces)
    throw new AppError('OutOfRange', `${count} surfaces are too many for one stack; at most ${mostSurfaces} are made. Widen the step.`)
  const direction = Math.sign(toUm - fromUm)
  return Array.from({ length: count }, (_, i) => Math.round((fromUm + direction * i * stepUm) * 1e6) / 1e6)
}

/** "4" is one surface, "-10:10:0.5" a stack from -10 to 10 µm in steps of 0.5. null: neither. */
export function surfacesFrom(text: string): Surfaces | null {
  const numbers = text.split(':').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (!numbers.every(Number.isFinite)) return null
  const [fromUm = 0, toUm = fromUm, stepUm = 1] = numbers
  return numbers.length === 1 || numbers.length === 3 ? { fromUm, toUm, stepUm } : null
}
