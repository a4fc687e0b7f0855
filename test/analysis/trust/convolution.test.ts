/** Convolutions four places at a time, against the sum that defines them. */
import { expect, test } from 'vitest'
import { convolved } from '#main/analysis/trust/convolution.ts'

const noise = (count: number, step: number) => Float32Array.from({ length: count }, (_, i) => ((i * step) % 97) / 48.5 - 1)

test.each([
  [1, 9, 7],
  [1, 16, 5],
  [2, 9, 7],
  [2, 11, 6],
  [2, 16, 8],
] as const)(
  'stride %i, %i × %i: every place is max(0, bias + Σ weight · neighbour), with zeros beyond the edge',
  (stride, width, height) => {
    const [inputs, outputs] = [3, 6]
    const data = noise(inputs * width * height, 31)
    const layer = { stride, inputs, outputs, weights: noise(outputs * inputs * 9, 17), bias: noise(outputs, 5) }
    const found = convolved({ width, height, data }, layer)
    expect([found.width, found.height]).toEqual([Math.ceil(width / stride), Math.ceil(height / stride)])
    for (let o = 0; o < outputs; o++)
      for (let y = 0; y < found.height; y++)
        for (let x = 0; x < found.width; x++) {
          let sum = layer.bias[o]!
          for (let c = 0; c < inputs; c++)
            for (let k = 0; k < 9; k++) {
              const [u, v] = [x * stride + (k % 3) - 1, y * stride + Math.floor(k / 3) - 1]
              if (u >= 0 && u < width && v >= 0 && v < height)
                sum += layer.weights[(o * inputs + c) * 9 + k]! * data[(c * height + v) * width + u]!
            }
          expect(found.data[(o * found.height + y) * found.width + x]).toBeCloseTo(Math.max(0, sum), 4)
        }
  },
)
