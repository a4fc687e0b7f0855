/** Surfaces of one picture through the refocusing networks in models/: the picture goes in once for several maps of distances, and the answers are the same. */
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { gather, type NdArray } from '#main/inference/tensors/nd-array.ts'
import { type RunTensors, runImage } from '#main/inference/tensors/run-image.ts'
import { mapsAtOnce } from '#main/inference/tiling.ts'
import { rootFolder } from '#main/processes.ts'
import { finish, openNetwork } from './network.ts'

vi.setConfig({ testTimeout: 60_000 })

const [height, width] = [64, 400]
const steps = (count: number, step: number) => Array.from({ length: count }, (_, i) => i * step)
const largest = { t: 1, z: 1, y: 512, x: 320 }

/** Planes of picture and map: what is shown, and the distance over ten µm. */
function planes(pairs: readonly (readonly [shown: number, distance: number])[]): NdArray {
  const pixels = width * height
  const data = new Float32Array(2 * pixels * pairs.length)
  for (const [plane, [shown, distance]] of pairs.entries()) {
    for (let i = 0; i < pixels; i++) data[2 * plane * pixels + i] = 100 + ((i * 7919 * (1 + shown)) % 251) + (i % 977 > 900 ? 800 : 0)
    data.fill(distance, (2 * plane + 1) * pixels, (2 * plane + 2) * pixels)
  }
  return { dtype: 'float32', dims: [pairs.length, 2, 1, height, width], data }
}

describe.each(['deep-z', 'deep-z-plus'])('%s', async (name) => {
  const { model, run } = await openNetwork(join(rootFolder, 'models', name))
  const refocused = async (shared: boolean, image: NdArray, maps: number) => {
    const batches: (readonly (number | undefined)[])[] = []
    const watching: RunTensors = (inputs) => {
      batches.push(inputs.map(({ dims }) => dims[0]))
      return run(inputs)
    }
    const asked = { ...model, distance: model.distance && { ...model.distance, shared } }
    const { results, fractions } = await finish(runImage(asked, image, watching, largest, () => maps))
    return { image: results[0]?.image as NdArray, batches, fractions }
  }
  // Three surfaces of one picture, one of another.
  const image = planes([
    [0, -0.5],
    [0, 0],
    [0, 0.7],
    [1, 0.2],
  ])

  test('says that sharing pays', () => {
    expect(model.distance?.shared).toBe(true)
  })

  test('a picture goes in once for as many of its maps as may go together, block by block', async () => {
    const { batches, fractions } = await refocused(true, image, 2)
    const blocks = batches.length / 3
    expect(blocks).toBeGreaterThan(1)
    const times = (...counts: readonly number[]) => Array.from({ length: blocks }, () => counts)
    expect(batches).toEqual([...times(1, 2), ...times(1, 1), ...times(1, 1)])
    expect(fractions[blocks - 1]).toBe(0.5)
    expect(fractions.at(-1)).toBe(1)
  })

  test('each surface is as if it had been asked for alone', async () => {
    const [together, alone] = [await refocused(true, image, 16), await refocused(false, image, 16)]
    expect(new Set(alone.batches.map(String))).toEqual(new Set(['1,1']))
    expect(together.image.dims).toEqual([4, 2, 1, height, width])
    expect(together.image.dims).toEqual(alone.image.dims)
    let [worst, range] = [0, 0]
    for (let i = 0; i < alone.image.data.length; i++) {
      worst = Math.max(worst, Math.abs((together.image.data[i] as number) - (alone.image.data[i] as number)))
      range = Math.max(range, alone.image.data[i] as number)
    }
    expect(worst).toBeLessThan(1e-4 * range)
  })
})

test('where a side is no multiple of what the network takes, it sees the picture mirrored beyond its right and lower edge', async () => {
  const { model, run } = await openNetwork(join(rootFolder, 'models', 'deep-z'))
  const image = planes([[0, 0.3]])
  const dims = [1, 2, 1, height - 3, width - 7] as const
  const part = gather(
    image,
    [[0], [0, height * width], [0], steps(dims[3], width), steps(dims[4], 1)].map((each) => Int32Array.from(each)),
  )
  const seen: NdArray[] = []
  const watching: RunTensors = (inputs) => {
    seen.push(inputs[0] as NdArray)
    return run(inputs)
  }
  await finish(runImage(model, part, watching, { ...largest, x: 512 }))
  expect(seen).toHaveLength(1)
  const [{ data, dims: size }] = seen as [NdArray]
  expect(size).toEqual([1, 1, height, width])
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [row, column] = [Math.min(y, 2 * (dims[3] - 1) - y), Math.min(x, 2 * (dims[4] - 1) - x)]
      expect(data[y * width + x]).toBe(data[row * width + column])
    }
})

test('so many maps go with a picture as a quarter of the free memory has room for, at least one, and no more than a cancel can wait for', () => {
  const gibibyte = 2 ** 30
  expect(mapsAtOnce(256 * 256, 16 * gibibyte)).toBe(16)
  expect(mapsAtOnce(1024 * 1024, 16 * gibibyte)).toBe(2)
  expect(mapsAtOnce(512 * 512, 2 * gibibyte)).toBe(4)
  expect(mapsAtOnce(1024 * 1024, gibibyte)).toBe(1)
})
