/** Brings every plane of an image to a network's grid. */
import { AppError } from '#shared/errors.ts'
import { resampledLength } from '../resample.ts'
import { Workbench } from '../workbench.ts'
import { allocate, type NdArray } from './nd-array.ts'

/** 1 GiB of float32. */
const largestValues = 2 ** 28
/** Rows worked on at once. */
const stripRows = 32

/** `image`: [t, c, z, y, x], float32 data. `ratio`: grid pixel / image pixel. Depths and times stay as they are. */
export function resampledImage(image: NdArray, ratio: number): NdArray {
  if (ratio === 1) return image
  const [t = 1, c = 1, z = 1, height = 1, width = 1] = image.dims
  const size = { width: resampledLength(width, ratio), height: resampledLength(height, ratio) }
  if (t * c * z * size.width * size.height > largestValues) {
    const count = Math.round((t * c * z * size.width * size.height) / 1e6)
    throw new AppError(
      'OutOfRange',
      `On the network's grid this image would have ${count} million values, which is too many. Check its pixel size, or crop it.`,
    )
  }
  const result = allocate('float32', [t, c, z, size.height, size.width])
  const data = image.data as Float32Array
  const [pixels, gridPixels] = [width * height, size.width * size.height]
  for (let y = 0; y < size.height; y += stripRows) {
    const rows = Math.min(stripRows, size.height - y)
    const bench = new Workbench({ width: size.width, height: rows, channels: 0 }, { width, height, ratio })
    for (let plane = 0; plane < t * c * z; plane++) {
      const source = { width, height, data: data.subarray(plane * pixels, (plane + 1) * pixels), firstRow: 0 }
      bench.fill(source, y, 0, { offset: 0, scale: 1 })
      ;(result.data as Float32Array).set(bench.input, plane * gridPixels + y * size.width)
    }
  }
  return result
}
