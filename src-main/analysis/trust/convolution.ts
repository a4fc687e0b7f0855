/** 3 × 3 convolutions with edges of zeros, then max(0, ·): all that a lookout is made of. Four places at a time. */
import { assemble, type Expression, type FunctionSource, f32x4, i32, KernelMemory } from '#shared/simd.ts'

export interface Layer {
  readonly stride: 1 | 2
  readonly inputs: number
  readonly outputs: number
  /** outputs × inputs × 3 × 3 */
  readonly weights: Float32Array
  readonly bias: Float32Array
}

/** Channels one after the other, each row by row. */
export interface Stack {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** Outputs that are summed up side by side: a number that was loaded serves all of them, and no sum waits for the one before. */
const together = 4

/**
 * `rows(into, end, from, weights, weightsEnd, plane, line, second, third, apart)`: one row of four outputs, `apart` bytes from one to the next.
 * `weights` → their four biases, then nine times four weights for each input. `from` → the upper left neighbour of the first place in the first input;
 * the next input lies `plane` bytes on, the next row `line`; a place's second and third column lie `second` and `third` bytes from its first.
 */
const rows: FunctionSource = {
  name: 'rows',
  parameters: 10,
  build: (body, ...[start, end, corner, weights, weightsEnd, plane, line, second, third, apart]: readonly Expression[]) => {
    const into = body.variable('i32', start!)
    const from = body.variable('i32', corner!)
    const sums = Array.from({ length: together }, () => body.variable('v128', f32x4.constant(0)))
    const value = body.variable('v128', f32x4.constant(0))
    const weight = body.variable('i32', i32.constant(0))
    const at = body.variable('i32', i32.constant(0))
    const upper = body.variable('i32', i32.constant(0))
    const to = body.variable('i32', i32.constant(0))
    const zero = body.keep(f32x4.constant(0))
    body.whileLess(into.get, end!, () => {
      for (const [k, sum] of sums.entries()) sum.set(f32x4.loadSplat(weights!, 4 * k))
      weight.set(i32.add(weights!, i32.constant(4 * together)))
      at.set(from.get)
      body.whileLess(weight.get, weightsEnd!, () => {
        upper.set(at.get)
        for (let y = 0; y < 3; y++) {
          const columns = [upper.get, i32.add(upper.get, second!), i32.add(upper.get, third!)]
          for (const [x, column] of columns.entries()) {
            value.set(f32x4.load(column))
            for (const [k, sum] of sums.entries())
              sum.set(f32x4.add(sum.get, f32x4.multiply(f32x4.loadSplat(weight.get, 4 * (together * (3 * y + x) + k)), value.get)))
          }
          upper.set(i32.add(upper.get, line!))
        }
        at.set(i32.add(at.get, plane!))
        weight.set(i32.add(weight.get, i32.constant(36 * together)))
      })
      to.set(into.get)
      for (const sum of sums) {
        body.store(to.get, f32x4.maximum(sum.get, zero))
        to.set(i32.add(to.get, apart!))
      }
      into.set(i32.add(into.get, i32.constant(16)))
      from.set(i32.add(from.get, i32.constant(16)))
    })
  },
}

let module: WebAssembly.Module | undefined

/** What a layer makes of a stack; with a stride of two, half as wide and high (rounded up). */
export function convolved({ width, height, data }: Stack, { stride, inputs, outputs, weights, bias }: Layer): Stack {
  const [w, h] = [Math.ceil(width / stride), Math.ceil(height / stride)]
  // Zeros around, and every line cut into as many parts as the stride has steps, so that neighbours of neighbouring places lie side by side.
  const part = Math.ceil(w / 4) * 4 + 4
  const line = part * stride
  const plane = line * (height + 2)
  const blocks = Math.ceil(outputs / together)
  const each = together * (1 + 9 * inputs)
  const memory = new KernelMemory(4 * (inputs * plane + blocks * each + together * part) + 64)
  const input = memory.floats(inputs * plane)
  for (let c = 0; c < inputs; c++)
    for (let y = 0; y < height; y++) {
      const [from, to] = [(c * height + y) * width, c * plane + (y + 1) * line]
      if (stride === 1) input.set(data.subarray(from, from + width), to + 1)
      else for (let x = 0; x < width; x++) input[to + ((x + 1) & 1) * part + ((x + 1) >> 1)] = data[from + x] as number
    }
  const table = memory.floats(blocks * each)
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor(o / together) * each + (o % together)
    table[first] = bias[o] as number
    for (let i = 0; i < 9 * inputs; i++) table[first + together * (1 + i)] = weights[o * 9 * inputs + i] as number
  }
  const made = memory.floats(together * part)
  module ??= assemble([rows])
  const kernels = memory.kernels<'rows'>(module)
  const result = new Float32Array(outputs * w * h)
  const [second, third] = stride === 1 ? [4, 8] : [4 * part, 4]
  const [into, end, apart] = [made.byteOffset, made.byteOffset + 4 * w, 4 * part]
  for (let block = 0; block < blocks; block++) {
    const first = table.byteOffset + 4 * block * each
    for (let y = 0; y < h; y++) {
      const from = input.byteOffset + 4 * y * stride * line
      kernels.rows(into, end, from, first, first + 4 * each, 4 * plane, 4 * line, second, third, apart)
      for (let o = block * together; o < Math.min(outputs, (block + 1) * together); o++) {
        const start = (o % together) * part
        result.set(made.subarray(start, start + w), (o * h + y) * w)
      }
    }
  }
  return { width: w, height: h, data: result }
}
