/** How close one picture is to another, after one least-squares linear fit of intensity: the definition of the model cards. */

/** Catmull-Rom enlargement by two, aligned by pixel areas, edges repeated: what a viewer would show of the coarser picture at best. */
export function enlargeTwice(data: ArrayLike<number>, width: number, height: number): Float32Array {
  const rows = new Float32Array(2 * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < 2 * width; x++) rows[y * 2 * width + x] = sample((i) => data[y * width + i]!, width, (x + 0.5) / 2 - 0.5)
  }
  const result = new Float32Array(4 * width * height)
  for (let y = 0; y < 2 * height; y++) {
    for (let x = 0; x < 2 * width; x++) result[y * 2 * width + x] = sample((i) => rows[i * 2 * width + x]!, height, (y + 0.5) / 2 - 0.5)
  }
  return result
}

function sample(at: (index: number) => number, length: number, position: number): number {
  const base = Math.floor(position)
  const t = position - base
  const weights = [
    -0.5 * t + t * t - 0.5 * t ** 3,
    1 - 2.5 * t * t + 1.5 * t ** 3,
    0.5 * t + 2 * t * t - 1.5 * t ** 3,
    -0.5 * t * t + 0.5 * t ** 3,
  ]
  return weights.reduce((sum, weight, k) => sum + weight * at(Math.min(length - 1, Math.max(0, base - 1 + k))), 0)
}

/** dB; peak = the target's 0.1–99.9 percentile range. `border` pixels are left out on every side of a `width`-wide picture. */
export function fittedPsnr(candidate: ArrayLike<number>, target: ArrayLike<number>, width: number, border = 16): number {
  const height = target.length / width
  const xs: number[] = []
  const ys: number[] = []
  for (let row = border; row < height - border; row++) {
    for (let column = border; column < width - border; column++) {
      xs.push(candidate[row * width + column]!)
      ys.push(target[row * width + column]!)
    }
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanX = mean(xs)
  const meanY = mean(ys)
  let covariance = 0
  let variance = 0
  for (let i = 0; i < xs.length; i++) {
    covariance += (xs[i]! - meanX) * (ys[i]! - meanY)
    variance += (xs[i]! - meanX) ** 2
  }
  const gain = covariance / variance
  let error = 0
  for (let i = 0; i < xs.length; i++) error += (ys[i]! - meanY - gain * (xs[i]! - meanX)) ** 2
  const sorted = Float64Array.from(ys).sort()
  const range = sorted[Math.floor(0.999 * (sorted.length - 1))]! - sorted[Math.floor(0.001 * (sorted.length - 1))]!
  return 10 * Math.log10(range ** 2 / (error / xs.length))
}
