import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { entryPath } from '#main/processes.ts'
import { openTiff } from '#main/storage/tiff/open.ts'
import { loadScript } from '../shell/scripts.ts'
import { temporaryFolder } from './folder.ts'
import { sha256 } from './frames.ts'
import { height, makeTiff, width } from './made.ts'

describe('a TIFF opened in a worker thread', () => {
  beforeAll(async () => {
    if (existsSync(entryPath('image-worker'))) return
    const { buildMain } = await loadScript<{ buildMain(only: readonly string[]): Promise<void> }>('build.mjs')
    await buildMain(['image-worker'])
  })

  it('reads as it does in this one, plane by plane, also when several are asked for at once', async () => {
    const { path, planes } = await makeTiff(await temporaryFolder(), {
      type: '<i2',
      options: { compression: 'zlib' },
      shape: [4, height, width],
    })
    await using source = await openTiff(path)
    expect(source).toMatchObject({
      path,
      width,
      height,
      planes: 4,
      pixelType: 'float32',
      storedType: 'int16',
      notes: ['int16 pixels are read as float32.'],
    })
    const read = await Promise.all([3, 2, 1, 0].map((index) => source.readPlane(index)))
    expect(read.map(sha256).reverse()).toEqual(planes)
    await expect(source.readPlane(4)).rejects.toMatchObject({ kind: 'OutOfRange' })
  })

  it('is refused with the same sentence where it is bad', async () => {
    const path = join(await temporaryFolder(), 'bad file.tif')
    await writeFile(path, 'nothing')
    await expect(openTiff(path)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: 'bad file.tif is not a TIFF file.' })
  })

  it('can be cancelled while opening and reading, and says that it is closed when it is', async () => {
    const { path } = await makeTiff(await temporaryFolder(), { type: '<u2', options: {} })
    await expect(openTiff(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    const opening = new AbortController()
    const opened = openTiff(path, { signal: opening.signal })
    opening.abort()
    await expect(opened).rejects.toMatchObject({ name: 'AbortError' })
    const source = await openTiff(path)
    const reading = new AbortController()
    const plane = source.readPlane(0, reading.signal)
    reading.abort()
    await expect(plane).rejects.toMatchObject({ name: 'AbortError' })
    expect((await source.readPlane(0)).length).toBe(width * height)
    await source[Symbol.asyncDispose]()
    await expect(source.readPlane(0)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: 'made-0.tif was closed.' })
  })
})
