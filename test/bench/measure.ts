/** Words and statistics shared by the benchmarks. */

export interface Measured {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** How it was measured, with the figures it was made of. */
  readonly detail: string
  /** The bar, and on which side of it the value must lie. */
  readonly bar: { readonly atLeast: number } | { readonly atMost: number }
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function holds({ value, bar }: Measured): boolean {
  return 'atLeast' in bar ? value >= bar.atLeast : value <= bar.atMost
}

/** Milliseconds a task takes. */
export async function timed(task: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await task()
  return performance.now() - began
}

/** Runs two ways of doing the same thing in turn, A B B A …, so that whatever else the machine does hits both alike. */
export async function interleaved(
  rounds: number,
  a: () => Promise<number>,
  b: () => Promise<number>,
): Promise<{ a: number[]; b: number[] }> {
  const results = { a: [] as number[], b: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 ? (['b', 'a'] as const) : (['a', 'b'] as const)
    for (const side of order) results[side].push(await (side === 'a' ? a() : b()))
  }
  return results
}

/** For a detail line: a median in ms. */
export function ms(values: readonly number[]): string {
  return `${median(values).toFixed(values.length && median(values) < 10 ? 3 : 1)} ms`
}
