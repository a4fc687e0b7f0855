/** Discrete Fourier transforms of many columns at once, for lengths 2^a·3^b·5^c. */
import { assemble, type Expression, type FunctionBody, type FunctionSource, f32x4, i32, KernelMemory } from '#shared/simd.ts'

const { add, subtract, multiply } = f32x4
const radices = [4, 2, 3, 5] as const

/** The smallest length ≥ `minimum` that is a multiple of `multiple` and has no prime factor above 5. */
export function goodLength(minimum: number, multiple: number): number {
  for (let n = Math.ceil(minimum / multiple) * multiple; ; n += multiple) {
    let rest = n
    for (const prime of [2, 3, 5]) while (rest % prime === 0) rest /= prime
    if (rest === 1) return n
  }
}

interface Complex {
  readonly re: Expression
  readonly im: Expression
}

/** Direct transforms of 2, 3, 4 and 5 complex numbers, X_k = Σ x_j exp(−2πi jk / r), each written with the fewest products. */
const butterflies: Readonly<Record<(typeof radices)[number], (body: FunctionBody, x: readonly Complex[]) => Complex[]>> = {
  2: (body, [a, b]) => [sum(body, a!, b!), difference(body, a!, b!)],
  3: (body, [a, b, c]) => {
    const outer = sum(body, b!, c!)
    const middle = difference(body, a!, scaled(outer, 0.5))
    const turn = turned(body, scaled(difference(body, b!, c!), Math.sqrt(3) / 2))
    return [sum(body, a!, outer), sum(body, middle, turn), difference(body, middle, turn)]
  },
  4: (body, [a, b, c, d]) => {
    const even = sum(body, a!, c!)
    const odd = sum(body, b!, d!)
    const middle = difference(body, a!, c!)
    const turn = turned(body, difference(body, b!, d!))
    return [sum(body, even, odd), sum(body, middle, turn), difference(body, even, odd), difference(body, middle, turn)]
  },
  5: (body, [a, b, c, d, e]) => {
    const [outer, inner] = [sum(body, b!, e!), sum(body, c!, d!)]
    const [far, near] = [difference(body, b!, e!), difference(body, c!, d!)]
    const cos = (turns: number) => Math.cos((2 * Math.PI * turns) / 5)
    const sin = (turns: number) => Math.sin((2 * Math.PI * turns) / 5)
    const middle1 = sum(body, a!, sum(body, scaled(outer, cos(1)), scaled(inner, cos(2))))
    const middle2 = sum(body, a!, sum(body, scaled(outer, cos(2)), scaled(inner, cos(1))))
    const turn1 = turned(body, sum(body, scaled(far, sin(1)), scaled(near, sin(2))))
    const turn2 = turned(body, difference(body, scaled(far, sin(2)), scaled(near, sin(1))))
    return [
      sum(body, a!, sum(body, outer, inner)),
      sum(body, middle1, turn1),
      sum(body, middle2, turn2),
      difference(body, middle2, turn2),
      difference(body, middle1, turn1),
    ]
  },
}

function sum(body: FunctionBody, a: Complex, b: Complex): Complex {
  return { re: body.keep(add(a.re, b.re)), im: body.keep(add(a.im, b.im)) }
}

function difference(body: FunctionBody, a: Complex, b: Complex): Complex {
  return { re: body.keep(subtract(a.re, b.re)), im: body.keep(subtract(a.im, b.im)) }
}

function scaled(a: Complex, factor: number): Complex {
  return { re: multiply(a.re, f32x4.constant(factor)), im: multiply(a.im, f32x4.constant(factor)) }
}

/** −i·a */
function turned(body: FunctionBody, a: Complex): Complex {
  return { re: body.keep(a.im), im: body.keep(subtract(f32x4.constant(0), a.re)) }
}

/**
 * One pass of Stockham's autosort algorithm (Cochran et al. 1967): y[q + s(rp + k)] = DFT_r(x[q + s(p + j·rest)])_k · w^(pk).
 * Parameters: input re, im, output re, im, twiddles (addresses), s (bytes), rest.
 */
function pass(radix: (typeof radices)[number]): FunctionSource {
  const build = (body: FunctionBody, ...[re, im, toRe, toIm, twiddles, s, rest]: readonly Expression[]) => {
    const step = body.variable('i32', i32.multiply(s!, rest!)).get
    const a = body.variable('i32', re!)
    const b = body.variable('i32', im!)
    const c = body.variable('i32', toRe!)
    const d = body.variable('i32', toIm!)
    const w = body.variable('i32', twiddles!)
    const times = (distance: Expression) =>
      Array.from({ length: radix }, (_, k) => body.variable('i32', i32.multiply(distance, i32.constant(k))).get)
    const inputs = times(step)
    const outputs = times(s!)
    const end = body.variable('i32', re!)
    body.whileLess(end.get, i32.add(re!, step), () => {
      const factors = Array.from({ length: radix - 1 }, (_, k) => ({
        re: body.keep(f32x4.loadSplat(w.get, 8 * k)),
        im: body.keep(f32x4.loadSplat(w.get, 8 * k + 4)),
      }))
      end.set(i32.add(a.get, s!))
      body.whileLess(a.get, end.get, () => {
        const x = inputs.map((distance) => ({
          re: body.keep(f32x4.load(i32.add(a.get, distance))),
          im: body.keep(f32x4.load(i32.add(b.get, distance))),
        }))
        for (const [k, y] of butterflies[radix](body, x).entries()) {
          const factor = factors[k - 1]
          const turn = (one: Expression, other: Expression, combine: typeof add) =>
            factor ? combine(multiply(one, factor.re), multiply(other, factor.im)) : one
          body.store(i32.add(c.get, outputs[k]!), turn(y.re, y.im, subtract))
          body.store(i32.add(d.get, outputs[k]!), turn(y.im, y.re, add))
        }
        for (const pointer of [a, b, c, d]) pointer.set(i32.add(pointer.get, i32.constant(16)))
      })
      for (const pointer of [c, d]) pointer.set(i32.add(pointer.get, outputs[radix - 1]!))
      w.set(i32.add(w.get, i32.constant(8 * (radix - 1))))
    })
  }
  return { name: `pass${radix}`, parameters: 7, build }
}

let compiled: WebAssembly.Module | undefined

interface Stage {
  readonly radix: (typeof radices)[number]
  /** Length of the sub-transforms that remain. */
  readonly rest: number
}

function stagesOf(length: number): Stage[] {
  const stages: Stage[] = []
  for (let n = length; n > 1; ) {
    const radix = radices.find((candidate) => n % candidate === 0)
    if (radix === undefined) throw new RangeError(`No transform of length ${length}: it has a prime factor above 5.`)
    n /= radix
    stages.push({ radix, rest: n })
  }
  return stages
}

/**
 * Transforms `batch` columns of `length` complex numbers together: X_k = Σ x_j exp(−2πi jk / length), unscaled. Element j of column b
 * lies at j·batch + b. Fill `inRe`, `inIm`, call `run()`, read `outRe`, `outIm` (the input is overwritten). For the inverse exchange
 * real and imaginary parts on both sides. The stride of the algorithm starts at `batch`, so that it fills whole vectors.
 */
export class BatchFft {
  readonly inRe: Float32Array
  readonly inIm: Float32Array
  readonly outRe: Float32Array
  readonly outIm: Float32Array
  readonly #run: () => void

  /** @param batch a multiple of 4 */
  constructor(length: number, batch: number) {
    if (batch % 4 !== 0) throw new RangeError(`A batch of ${batch} columns does not fill vectors of four.`)
    const stages = stagesOf(length)
    const size = length * batch
    const memory = new KernelMemory(4 * (4 * size + 3 * length * stages.length) + 64 * stages.length)
    const [re, im, otherRe, otherIm] = [memory.floats(size), memory.floats(size), memory.floats(size), memory.floats(size)]
    this.inRe = re
    this.inIm = im
    this.outRe = stages.length % 2 === 0 ? re : otherRe
    this.outIm = stages.length % 2 === 0 ? im : otherIm
    compiled ??= assemble(radices.map(pass))
    const kernels = memory.kernels<`pass${(typeof radices)[number]}`>(compiled)
    let stride = 4 * batch
    const calls = stages.map(({ radix, rest }, n) => {
      const twiddles = memory.floats(2 * rest * (radix - 1))
      for (let p = 0, i = 0; p < rest; p++)
        for (let k = 1; k < radix; k++, i += 2) {
          const angle = (-2 * Math.PI * p * k) / (rest * radix)
          twiddles[i] = Math.cos(angle)
          twiddles[i + 1] = Math.sin(angle)
        }
      const from = n % 2 === 0 ? [re, im, otherRe, otherIm] : [otherRe, otherIm, re, im]
      const parameters = [...from.map((array) => array.byteOffset), twiddles.byteOffset, stride, rest]
      stride *= radix
      return () => kernels[`pass${radix}`](...parameters)
    })
    this.#run = () => {
      for (const call of calls) call()
    }
  }

  run(): void {
    this.#run()
  }
}
