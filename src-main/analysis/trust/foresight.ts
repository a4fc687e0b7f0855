/**
 * Was the input, or what smoothing or deconvolution makes of it, nearer to the truth than the network? Nobody knows of a single picture; but of simulated ones the truth is known,
 * and a logistic regression (Cox 1958) on figures of input and output tells how often it was so of pictures like this one. Its weights are
 * written by `npm run evaluate:trust -- --calibrate`, for one network each, from other specimens and troubles than those it is judged by.
 */
import type { Reading } from '#shared/trust.ts'

export interface Foresight {
  /** SHA-256 of the weights of the network that was watched. */
  readonly network: string
  readonly bias: number
  /** Of each figure: what is taken off it, what it is then divided by, and its weight. */
  readonly terms: readonly { readonly figure: string; readonly mean: number; readonly deviation: number; readonly weight: number }[]
}

/** Figures by name; those in decades are logarithms. */
export type Figures = Readonly<Record<string, number>>

/** Beyond so many deviations a figure tells no more than there: a straight line must not be trusted far outside what it was fitted to. */
const farthest = 3

/** 0 … 1; null where a figure is missing. */
export function foretold({ bias, terms }: Foresight, figures: Figures): number | null {
  let sum = bias
  for (const { figure, mean, deviation, weight } of terms) {
    const value = figures[figure]
    if (value === undefined || !Number.isFinite(value)) return null
    sum += weight * standard(value, mean, deviation)
  }
  return 1 / (1 + Math.exp(-sum))
}

export function standard(value: number, mean: number, deviation: number): number {
  return Math.min(farthest, Math.max(-farthest, (value - mean) / deviation))
}

/** What the regression may look at: readings that every judgement has, and the features of the input's tiles. */
export function figuresOf(readings: readonly Reading[], tile: ArrayLike<number> | null): Figures {
  const value = (id: string) => {
    const found = readings.find((reading) => reading.id === id && reading.side !== 'output')?.value
    return typeof found === 'number' ? found : Number.NaN
  }
  const read = {
    photons: Math.log10(Math.max(1, value('photons'))),
    frequency: value('frequency') / 100,
    odd: value('odd'),
    blurred: value('blurred'),
    explained: Math.log10(Math.max(1e-4, 1 - value('rsp-share'))),
    blur: value('blur'),
    spot: Math.log10(Math.max(0.1, Math.abs(value('spot')))),
  }
  return { ...read, ...Object.fromEntries(Array.from(tile ?? [], (feature, i) => [`tile ${i}`, feature])) }
}
