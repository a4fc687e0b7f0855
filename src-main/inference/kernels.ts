/** The inner loops around a network: pixels to normalised floats, resampling, and back to the image's units. */
import { assemble, type Expression, type FunctionBody, type FunctionSource, f32x4, i32 } from '#shared/simd.ts'

const { add, multiply, subtract } = f32x4
const vectorBytes = 16

/** Repeats `step` for four values at a time until `to` reaches `end`; whole vectors, so up to three values beyond are written too. */
function everyFour(
  body: FunctionBody,
  end: Expression,
  pointers: readonly (readonly [start: Expression, bytes: number])[],
  step: (...at: Expression[]) => void,
): void {
  const variables = pointers.map(([start, bytes]) => ({ bytes, ...body.variable('i32', start) }))
  const [to] = variables
  body.whileLess(to!.get, end, () => {
    step(...variables.map(({ get }) => get))
    for (const { get, set, bytes } of variables) set(i32.add(get, i32.constant(bytes)))
  })
}

/** `name(into, from, end, affine)`: (value − offset) × factor, with `affine` → offset, factor. */
function convert(name: string, bytes: number, load: (at: Expression) => Expression): FunctionSource {
  return {
    name,
    parameters: 4,
    build: (body, ...[into, from, end, affine]: readonly Expression[]) => {
      const offset = body.keep(f32x4.loadSplat(affine!))
      const factor = body.keep(f32x4.loadSplat(affine!, 4))
      everyFour(
        body,
        end!,
        [
          [into!, vectorBytes],
          [from!, 4 * bytes],
        ],
        (to, at) => body.store(to!, multiply(subtract(load(at!), offset), factor)),
      )
    },
  }
}

/** Bytes of one entry of the table that `across` reads, for four results: where their first tap begins, which lanes, four weights. */
export const acrossEntryBytes = 6 * vectorBytes

/** `across(into, from, table, end)`: each result from four neighbours, where four results reach over no more than seven of them. */
const across: FunctionSource = {
  name: 'across',
  parameters: 4,
  build: (body, ...[into, from, table, end]: readonly Expression[]) => {
    const start = body.variable('i32', from!)
    everyFour(
      body,
      end!,
      [
        [into!, vectorBytes],
        [table!, acrossEntryBytes],
      ],
      (to, entry) => {
        start.set(i32.add(from!, i32.load(entry!)))
        const lanes = body.keep(f32x4.load(entry!, vectorBytes))
        const tap = (j: number) => multiply(f32x4.pick(f32x4.load(start.get, 4 * j), lanes), f32x4.load(entry!, (2 + j) * vectorBytes))
        body.store(to!, add(add(tap(0), tap(1)), add(tap(2), tap(3))))
      },
    )
  },
}

/** `down(into, a, b, c, d, weights, end)`: the weighted sum of four rows. */
const down: FunctionSource = {
  name: 'down',
  parameters: 7,
  build: (body, ...[into, a, b, c, d, weights, end]: readonly Expression[]) => {
    const weight = [0, 4, 8, 12].map((offset) => body.keep(f32x4.loadSplat(weights!, offset)))
    everyFour(
      body,
      end!,
      [into!, a!, b!, c!, d!].map((start) => [start, vectorBytes] as const),
      (to, ...rows) => {
        const [p, q, r, s] = rows.map((row, j) => multiply(f32x4.load(row), weight[j]!))
        body.store(to!, add(add(p!, q!), add(r!, s!)))
      },
    )
  },
}

/**
 * `restore(values, end, affine, check)`: value × factor + offset in place, with `affine` → offset, factor. What is not finite makes the
 * four floats at `check` NaN for good.
 */
const restore: FunctionSource = {
  name: 'restore',
  parameters: 4,
  build: (body, ...[values, end, affine, check]: readonly Expression[]) => {
    const offset = body.keep(f32x4.loadSplat(affine!))
    const factor = body.keep(f32x4.loadSplat(affine!, 4))
    const zero = body.keep(f32x4.constant(0))
    const odd = body.variable('v128', f32x4.load(check!))
    const value = body.variable('v128', zero)
    everyFour(body, end!, [[values!, vectorBytes]], (at) => {
      value.set(f32x4.load(at!))
      odd.set(add(odd.get, multiply(value.get, zero)))
      body.store(at!, add(multiply(value.get, factor), offset))
    })
    body.store(check!, odd.get)
  },
}

export type PixelKernel = 'convert8' | 'convert16' | 'convert32' | 'across' | 'down' | 'restore'

let module: WebAssembly.Module | undefined

export function pixelKernels(): WebAssembly.Module {
  module ??= assemble([
    convert('convert8', 1, (at) => f32x4.from8(at)),
    convert('convert16', 2, (at) => f32x4.from16(at)),
    convert('convert32', 4, (at) => f32x4.load(at)),
    across,
    down,
    restore,
  ])
  return module
}
