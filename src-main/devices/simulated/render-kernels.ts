/** The inner loops of rendering, on spectra whose complex numbers lie as re, im, re, im. */
import { assemble, type Expression, type FunctionSource, f32x4, i32 } from '#shared/simd.ts'

const { add, multiply } = f32x4

/** s × x for two complex numbers s, with x given as two vectors (re, re, re', re') and (−im, im, −im', im'). */
const times = (s: Expression, re: Expression, im: Expression) => add(multiply(s, re), multiply(f32x4.shuffle(s, [1, 0, 3, 2]), im))

/**
 * `combine(into, layers, layerBytes, weights, radial, end)`: Σ layers × OTF. `radial` holds for each point the bin of its frequency, `weights`
 * for each bin the transfer of every layer, twice. Two points at a time up to `end` of `into`.
 */
function combine(layers: number): FunctionSource {
  return {
    name: 'combine',
    parameters: 6,
    build: (body, ...[into, first, layerBytes, weights, radial, end]: readonly Expression[]) => {
      const to = body.variable('i32', into!)
      const bins = body.variable('i32', radial!)
      const pointers = Array.from({ length: layers }, (_, l) =>
        body.variable('i32', i32.add(first!, i32.multiply(layerBytes!, i32.constant(l)))),
      )
      const weightsAt = (offset: number) => i32.add(weights!, i32.multiply(i32.load16(bins.get, offset), i32.constant(8 * layers)))
      const a = body.variable('i32', weights!)
      const b = body.variable('i32', weights!)
      body.whileLess(to.get, end!, () => {
        a.set(weightsAt(0))
        b.set(weightsAt(2))
        const terms = pointers.map((pointer, l) =>
          multiply(f32x4.load(pointer.get), f32x4.loadUpper(f32x4.loadPair(a.get, 8 * l), b.get, 8 * l)),
        )
        body.store(to.get, terms.reduce(add))
        for (const pointer of [to, ...pointers]) pointer.set(i32.add(pointer.get, i32.constant(16)))
        bins.set(i32.add(bins.get, i32.constant(4)))
      })
    },
  }
}

/** `fold(into, from, re, im, end)`: adds from × x to `into`; x differs from point to point and lies in two arrays as above. */
const fold: FunctionSource = {
  name: 'fold',
  parameters: 5,
  build: (body, ...[into, from, re, im, end]: readonly Expression[]) => {
    const pointers = [into!, from!, re!, im!].map((value) => body.variable('i32', value))
    const [to, s, a, b] = pointers.map((pointer) => pointer.get)
    body.whileLess(i32.add(to!, i32.constant(8)), end!, () => {
      body.store(to!, add(f32x4.load(to!), times(body.keep(f32x4.load(s!)), f32x4.load(a!), f32x4.load(b!))))
      for (const pointer of pointers) pointer.set(i32.add(pointer.get, i32.constant(16)))
    })
    body.whileLess(to!, end!, () => {
      body.storePair(to!, add(f32x4.loadPair(to!), times(body.keep(f32x4.loadPair(s!)), f32x4.loadPair(a!), f32x4.loadPair(b!))))
      for (const pointer of pointers) pointer.set(i32.add(pointer.get, i32.constant(8)))
    })
  },
}

/** `scale(into, from, x, end)`: adds from × x, the same x for all, to `into`. An even number of points. */
const scale: FunctionSource = {
  name: 'scale',
  parameters: 4,
  build: (body, ...[into, from, x, end]: readonly Expression[]) => {
    const pointers = [into!, from!].map((value) => body.variable('i32', value))
    const [to, s] = pointers.map((pointer) => pointer.get)
    const re = body.keep(f32x4.load(x!))
    const im = body.keep(f32x4.load(x!, 16))
    body.whileLess(to!, end!, () => {
      body.store(to!, add(f32x4.load(to!), times(body.keep(f32x4.load(s!)), re, im)))
      for (const pointer of pointers) pointer.set(i32.add(pointer.get, i32.constant(16)))
    })
  },
}

/** `mirror(into, from, x, end)`: as `scale`, with the points from `end` of `into` downwards while those of `from` go upwards. */
const mirror: FunctionSource = {
  name: 'mirror',
  parameters: 4,
  build: (body, ...[into, from, x, end]: readonly Expression[]) => {
    const to = body.variable('i32', end!)
    const s = body.variable('i32', from!)
    const re = body.keep(f32x4.load(x!))
    const im = body.keep(f32x4.load(x!, 16))
    body.whileLess(into!, to.get, () => {
      to.set(i32.add(to.get, i32.constant(-16)))
      const product = body.keep(times(body.keep(f32x4.load(s.get)), re, im))
      body.store(to.get, add(f32x4.load(to.get), f32x4.shuffle(product, [2, 3, 0, 1])))
      s.set(i32.add(s.get, i32.constant(16)))
    })
  },
}

/** `spot(into, rowBytes, weightsX, weightsY, endY, bytesX)`: adds weightsX × weightsY; whole vectors along x. */
const spot: FunctionSource = {
  name: 'spot',
  parameters: 6,
  build: (body, ...[into, rowBytes, weightsX, weightsY, endY, bytesX]: readonly Expression[]) => {
    const row = body.variable('i32', into!)
    const y = body.variable('i32', weightsY!)
    const to = body.variable('i32', into!)
    const x = body.variable('i32', weightsX!)
    const end = i32.add(weightsX!, bytesX!)
    body.whileLess(y.get, endY!, () => {
      const strength = body.keep(f32x4.loadSplat(y.get))
      to.set(row.get)
      x.set(weightsX!)
      body.whileLess(x.get, end, () => {
        body.store(to.get, add(f32x4.load(to.get), multiply(strength, f32x4.load(x.get))))
        for (const pointer of [to, x]) pointer.set(i32.add(pointer.get, i32.constant(16)))
      })
      row.set(i32.add(row.get, rowBytes!))
      y.set(i32.add(y.get, i32.constant(4)))
    })
  },
}

const modules = new Map<number, WebAssembly.Module>()

export type RenderKernel = 'combine' | 'fold' | 'scale' | 'mirror'

/** Kernels for so many layers. */
export function renderKernels(layers: number): WebAssembly.Module {
  const module = modules.get(layers) ?? assemble([combine(layers), fold, scale, mirror])
  modules.set(layers, module)
  return module
}

let drawing: WebAssembly.Module | undefined

export function drawingKernels(): WebAssembly.Module {
  drawing ??= assemble([spot])
  return drawing
}
