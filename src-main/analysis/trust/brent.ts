/** Minimum of a function of one variable (Brent 1973, Algorithms for Minimization without Derivatives, ch. 5). */

const golden = (3 - Math.sqrt(5)) / 2

export interface Minimum {
  readonly x: number
  readonly value: number
  readonly evaluations: number
}

/** The minimum in [low, high] to within `tolerance`; a local one where there are several. */
export function minimise(f: (x: number) => number, low: number, high: number, tolerance = 1e-3, limit = 60): Minimum {
  let [a, b] = [low, high]
  let x = a + golden * (b - a)
  let [w, v] = [x, x]
  let fx = f(x)
  let [fw, fv] = [fx, fx]
  let step = 0
  let before = 0
  let evaluations = 1
  while (evaluations < limit) {
    const middle = (a + b) / 2
    const least = tolerance / 2 + 1e-9 * Math.abs(x)
    if (Math.abs(x - middle) <= 2 * least - (b - a) / 2) break
    const move = Math.abs(before) > least ? vertex([x, fx], [w, fw], [v, fv]) : Number.NaN
    const target = x + move
    if (Math.abs(move) < Math.abs(before / 2) && target - a >= 2 * least && b - target >= 2 * least) {
      before = step
      step = move
    } else {
      before = x < middle ? b - x : a - x
      step = golden * before
    }
    const u = x + (Math.abs(step) >= least ? step : Math.sign(step || 1) * least)
    const fu = f(u)
    evaluations++
    if (fu <= fx) {
      if (u < x) b = x
      else a = x
      ;[v, fv, w, fw, x, fx] = [w, fw, x, fx, u, fu]
    } else {
      if (u < x) a = u
      else b = u
      if (fu <= fw || w === x) [v, fv, w, fw] = [w, fw, u, fu]
      else if (fu <= fv || v === x || v === w) [v, fv] = [u, fu]
    }
  }
  return { x, value: fx, evaluations }
}

/** Way from x to the vertex of the parabola through three points; NaN where they lie on a line. */
function vertex([x, fx]: readonly [number, number], [w, fw]: readonly [number, number], [v, fv]: readonly [number, number]): number {
  const r = (x - w) * (fx - fv)
  const q = (x - v) * (fx - fw)
  const denominator = 2 * (q - r)
  return denominator === 0 ? Number.NaN : -((x - v) * q - (x - w) * r) / denominator
}
