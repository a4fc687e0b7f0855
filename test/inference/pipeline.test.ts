import { describe, expect, test } from 'vitest'
import { planBands } from '#main/inference/bands.ts'
import type { Normalisation } from '#main/inference/inference.ts'
import type { RunnableModel } from '#main/inference/package.ts'
import { gridPixels, gridStep, type PipelineResult, type PlaneResult, type RunTile, runPipeline } from '#main/inference/pipeline.ts'

const model: RunnableModel = {
  id: 'm',
  name: 'M',
  version: '1',
  weights: { path: '', source: '', sha256: '', external: null },
  sha256: '',
  preprocessing: [{ id: 'scale_range', axes: null, minPercentile: 0, maxPercentile: 100, eps: 1e-6, reference: null }],
  postprocessing: [],
  sizeY: { min: 16, step: 8 },
  sizeX: { min: 16, step: 8 },
  batches: true,
  halo: 8,
  channels: 2,
  imageChannel: 0,
  scaleChannel: 1,
  inverse: true,
  gridUm: 0.325,
  trainedUm: [0.65, 0.325],
}
/** Image = what came in, scale = 0.5. */
const echo: RunTile = ({ width, height, planes, data }) => {
  const output = new Float32Array(2 * data.length).fill(0.5)
  const pixels = width * height
  for (let plane = 0; plane < planes; plane++) output.set(data.subarray(plane * pixels, (plane + 1) * pixels), 2 * plane * pixels)
  return Promise.resolve({ dims: [planes, 2, height, width], data: output })
}
const options = { normalisations: null, scale: true, largestTile: 32 }
const ramp = (width: number, height: number) => Float32Array.from({ length: width * height }, (_, i) => 100 + (i % 61))

/** The first plane of the result, and all of them. */
async function finish(steps: AsyncGenerator<number, PipelineResult>) {
  const fractions: number[] = []
  for (;;) {
    const step = await steps.next()
    if (step.done) return { result: { ...step.value, ...(step.value.planes[0] as PlaneResult) }, fractions }
    fractions.push(step.value)
  }
}

describe('the grid', () => {
  test.each([
    ['the source pixel size is doubled', 0.65, 0.5, 0.325, 0],
    ['the grid itself is left alone', 0.325, 1, 0.325, 0],
    ['two percent off is left alone and keeps its own size', 0.331, 1, 0.331, 0],
    ['another size is resampled with a warning', 0.5, 0.65, 0.325, 1],
    ['a finer size too', 0.1, 3.25, 0.325, 1],
    ['an unknown size is taken as the grid, with a warning, and stays unknown', null, 1, null, 1],
  ])('%s', (_name, pixelSizeUm, ratio, result, warnings) => {
    const step = gridStep(model, pixelSizeUm)
    expect(step.ratio).toBeCloseTo(ratio, 9)
    expect(step.pixelSizeUm).toBe(result)
    expect(step.warnings).toHaveLength(warnings)
  })

  test('a network without a grid takes every image as it is', () => {
    expect(gridStep({ gridUm: null, trainedUm: [] }, 3)).toEqual({ ratio: 1, pixelSizeUm: 3, warnings: [] })
  })
})

describe('a plane in bands', () => {
  test.each([
    ['on its own grid', 0.325, 100, 150],
    ['on a coarser one', 0.65, 50, 75],
    ['on a finer one', 0.2, 160, 200],
  ])('%s gives every row once, exactly as the whole does, and the same statistics', async (_name, pixelSizeUm, width, height) => {
    const data = Uint16Array.from({ length: width * height }, (_, i) => 100 + ((i * 7919) % 1009))
    const normalisation = { offset: 90, scale: 1000 }
    // A 3 × 3 mean, so that a seam would show: its reach of one pixel is within the halo.
    const mean: RunTile = ({ width: columns, height: rows, data: values }) => {
      const output = new Float32Array(2 * columns * rows).fill(0.5)
      for (let y = 1; y < rows - 1; y++)
        for (let x = 1; x < columns - 1; x++) {
          let sum = 0
          for (let dy = -1; dy <= 1; dy++) for (let dx = -1; dx <= 1; dx++) sum += values[(y + dy) * columns + x + dx] as number
          output[y * columns + x] = sum / 9
        }
      return Promise.resolve({ dims: [1, 2, rows, columns], data: output })
    }
    const whole = (
      await finish(runPipeline(model, { width, height, data, pixelSizeUm }, mean, { ...options, normalisations: [normalisation] }))
    ).result
    const bands = planBands(model, { width, height, pixelSizeUm }, options.largestTile)
    expect(bands.length).toBeGreaterThan(3)
    const { ratio } = gridStep(model, pixelSizeUm)
    const pieces = [...gridPixels({ width, height, data, pixelSizeUm }, ratio)].map((piece) => Float32Array.from(piece))
    const seen: number[] = []
    let at = 0
    for (const band of bands) {
      expect(band.from).toBe(at)
      at = band.to
      const rows = data.subarray(band.firstRow * width, (band.firstRow + band.rows) * width)
      const input = { width, height: band.rows, data: rows, pixelSizeUm, band }
      const { result } = await finish(runPipeline(model, input, mean, { ...options, normalisations: [normalisation] }))
      expect([...result.image]).toEqual([...whole.image.subarray(band.from * whole.width, band.to * whole.width)])
      for (const piece of gridPixels(input, ratio)) seen.push(...piece)
    }
    expect(at).toBe(whole.height)
    expect(seen).toEqual(pieces.flatMap((piece) => [...piece]))
  })
})

describe('one image', () => {
  test('comes back in its own units, tile by tile, with the scale in the same units', async () => {
    const data = ramp(100, 70)
    const { result, fractions } = await finish(runPipeline(model, { width: 100, height: 70, data, pixelSizeUm: 0.325 }, echo, options))
    expect(fractions.length).toBeGreaterThan(4)
    expect(fractions.at(-1)).toBe(1)
    data.forEach((value, i) => {
      expect(result.image[i]).toBeCloseTo(value, 3)
    })
    // 0.5 of the range 100…160.
    expect(result.scale?.every((value) => Math.abs(value - 30) < 1e-3)).toBe(true)
  })

  test('is normalised once: every tile sees the same scale', async () => {
    const data = new Float32Array(128 * 64)
    data.forEach((_, i) => {
      data[i] = i % 128 < 64 ? i % 2 : 1000 * (i % 2)
    })
    const seen: number[] = []
    const watch: RunTile = (tile, memory) => {
      seen.push(Math.max(...tile.data))
      return echo(tile, memory)
    }
    await finish(runPipeline(model, { width: 128, height: 64, data, pixelSizeUm: null }, watch, options))
    expect(Math.min(...seen)).toBeCloseTo(0.001, 6)
    expect(Math.max(...seen)).toBeCloseTo(1, 6)
  })

  test('uses the normalisation it is given', async () => {
    const image = { width: 16, height: 16, data: new Uint8Array(256).fill(30), pixelSizeUm: null }
    let seen = 0
    const watch: RunTile = (tile, memory) => {
      seen = tile.data[0] as number
      return echo(tile, memory)
    }
    const { result } = await finish(runPipeline(model, image, watch, { ...options, normalisations: [{ offset: 10, scale: 40 }] }))
    expect(seen).toBeCloseTo(0.5, 6)
    expect(result.image[0]).toBeCloseTo(30, 4)
  })

  test.each([
    [1, 1],
    [3, 200],
    [17, 16],
  ])('of %i × %i pixels fits the network, which sees it mirrored beyond its edges', async (width, height) => {
    const data = Uint16Array.from({ length: width * height }, (_, i) => 5 * i)
    const there = (at: number, length: number) => (at < length ? at : Math.max(0, 2 * (length - 1) - at))
    const watch: RunTile = (tile, memory) => {
      const seen = (y: number, x: number) => tile.data[y * tile.width + x] as number
      // As far as one reflection reaches.
      for (let y = 0; y < Math.min(tile.height, 2 * height - 1); y++)
        for (let x = 0; x < Math.min(tile.width, 2 * width - 1); x++) expect(seen(y, x)).toBe(seen(there(y, height), there(x, width)))
      return echo(tile, memory)
    }
    const { result } = await finish(runPipeline(model, { width, height, data, pixelSizeUm: null }, watch, options))
    data.forEach((value, i) => {
      expect(Math.abs((result.image[i] as number) - value)).toBeLessThan(1e-2)
    })
  })

  test('that is flat stays flat', async () => {
    const data = new Uint16Array(400).fill(7)
    const { result } = await finish(runPipeline(model, { width: 20, height: 20, data, pixelSizeUm: 0.65 }, echo, options))
    expect(result.width).toBe(40)
    expect(result.image.every((value) => Math.abs(value - 7) < 1e-3)).toBe(true)
  })

  test('with values that are not finite is refused', async () => {
    const data = Float32Array.from({ length: 256 }, (_, i) => (i === 5 ? Number.NaN : i))
    await expect(finish(runPipeline(model, { width: 16, height: 16, data, pixelSizeUm: null }, echo, options))).rejects.toMatchObject({
      kind: 'OutOfRange',
    })
  })

  test('whose data does not fit its size is refused', async () => {
    await expect(
      finish(runPipeline(model, { width: 16, height: 17, data: new Uint8Array(256), pixelSizeUm: null }, echo, options)),
    ).rejects.toMatchObject({ kind: 'OutOfRange' })
  })
})

describe('planes together', () => {
  const count = 5
  const planes = (side: number) =>
    Array.from({ length: count }, (_, plane) =>
      Uint16Array.from({ length: side * side }, (_, i) => 100 * (plane + 1) + ((i * 7919 + plane * 31) % 997)),
    )
  const normalisations = Array.from({ length: count }, (_, plane) => ({ offset: 90 * plane, scale: 500 + plane }))

  test.each([
    ['on the grid, in one tile', 24, 0.325],
    ['that must be resampled', 16, 0.65],
    ['in several tiles', 70, 0.325],
    ['smaller than the network takes', 9, 0.325],
  ])('%s: each comes back as by itself, exactly', async (_name, side, pixelSizeUm) => {
    const all = planes(side)
    const data = Uint16Array.from(all.flatMap((plane) => [...plane]))
    const runs: number[] = []
    const watch: RunTile = (tile, memory) => {
      runs.push(tile.planes)
      return echo(tile, memory)
    }
    for (const batch of [1, 2, 5, 16]) {
      runs.length = 0
      const input = { width: side, height: side, data, planes: count, pixelSizeUm }
      const { result } = await finish(runPipeline(model, input, watch, { ...options, normalisations, batch: () => batch }))
      expect(Math.max(...runs)).toBe(Math.min(batch, count))
      expect(result.planes).toHaveLength(count)
      for (const [index, plane] of all.entries()) {
        const alone = { width: side, height: side, data: plane, pixelSizeUm }
        const normalisation = normalisations[index] as Normalisation
        const expected = (await finish(runPipeline(model, alone, echo, { ...options, normalisations: [normalisation] }))).result
        expect(result.planes[index]?.normalisation).toBe(normalisation)
        expect(result.planes[index]?.image).toEqual(expected.image)
        expect(result.planes[index]?.scale).toEqual(expected.scale)
      }
    }
  })

  test('without a normalisation for each are refused', async () => {
    const input = { width: 16, height: 16, data: new Uint8Array(512), planes: 2, pixelSizeUm: null }
    await expect(finish(runPipeline(model, input, echo, options))).rejects.toMatchObject({ kind: 'OutOfRange' })
  })
})
