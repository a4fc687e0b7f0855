import { appendFile, mkdir, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as zarr from 'zarrita'
import type { NewSession } from '#main/storage/dataset.ts'
import { openSessionStore } from '#main/storage/session.ts'
import { bytesOf, pixelTypes } from '#shared/image/frame.ts'
import { brokenDemands } from './demands.ts'
import { temporaryFolder } from './folder.ts'
import { frame, metadata, newSession, sha256 } from './frames.ts'
import { pythonInput, runPython } from './python.ts'

const noon = () => new Date(2026, 4, 17, 12, 0, 0)

async function record(folder: string, frames: number, changes: Partial<NewSession> = {}) {
  await using store = await openSessionStore(folder, { now: noon, software: { Deepscope: '0.1.0' } })
  const session = newSession(changes)
  const writer = await store.create(session)
  await Promise.all(Array.from({ length: frames }, (_, index) => writer.append(frame(index, session))))
  return writer.finish()
}

/** As a death leaves it: not marked complete, and untouched for a while. */
async function interrupt(folder: string): Promise<void> {
  const path = join(folder, 'session.json')
  const document = JSON.parse(await readFile(path, 'utf8'))
  await writeFile(path, JSON.stringify({ ...document, complete: false, frames: 0 }))
  const before = new Date(Date.now() - 60_000)
  await utimes(join(folder, 'frames.jsonl'), before, before)
}

async function readJson(...path: string[]) {
  return JSON.parse(await readFile(join(...path), 'utf8'))
}

describe('a session', () => {
  it.each(pixelTypes.flatMap((pixelType) => (['0.5', '0.4'] as const).map((omeZarrVersion) => ({ pixelType, omeZarrVersion }))))(
    'of $pixelType frames in OME-Zarr $omeZarrVersion opens again bit for bit, with every frame’s metadata',
    async (changes) => {
      const folder = await temporaryFolder()
      const { id, complete, frames, bytes } = await record(folder, 5, changes)
      await using store = await openSessionStore(folder)
      const session = await store.open(id)
      expect({ complete, frames, bytes }).toEqual({
        complete: true,
        frames: 5,
        bytes: 5 * 48 * 32 * { uint8: 1, uint16: 2, float32: 4 }[changes.pixelType],
      })
      expect(session.notes).toEqual([])
      expect(session.frames).toEqual(Array.from({ length: 5 }, (_, index) => metadata(index)))
      for (let index = 0; index < 5; index++) {
        const read = await session.read(index)
        expect(read.data.constructor).toBe(frame(index, changes).data.constructor)
        expect(sha256(read.data)).toBe(sha256(frame(index, changes).data))
      }
    },
  )

  it('in OME-Zarr 0.4 opens in Debian’s python3-zarr with the same pixels, axes and scale', async () => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 3, { omeZarrVersion: '0.4' })
    const script = `${pythonInput}
import zarr
group = zarr.open_group(given, mode='r')
array = group['0']
print(json.dumps({
    'shape': array.shape, 'type': str(array.dtype),
    'frames': [hashlib.sha256(np.ascontiguousarray(array[t]).tobytes()).hexdigest() for t in range(array.shape[0])],
    'attributes': group.attrs.asdict(),
}))`
    const read = await runPython<Record<string, unknown>>(script, join(folder, id, 'image.ome.zarr'))
    expect(read).toMatchObject({ shape: [3, 32, 48], type: 'uint16', frames: [0, 1, 2].map((index) => sha256(frame(index).data)) })
    expect(read.attributes).toMatchObject({
      multiscales: [
        {
          version: '0.4',
          axes: [
            { name: 't', type: 'time', unit: 'second' },
            { name: 'y', type: 'space', unit: 'micrometer' },
            { name: 'x', type: 'space', unit: 'micrometer' },
          ],
          // The frames are 40 ms apart.
          datasets: [{ path: '0', coordinateTransformations: [{ type: 'scale', scale: [0.04, 0.65, 0.65] }] }],
        },
      ],
      omero: { channels: [{ label: 'FITC', color: '00FF00' }] },
    })
  })

  it.each(pixelTypes)('in OME-Zarr 0.5 (%s) meets every demand of the two specifications and opens in zarrita', async (pixelType) => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 3, { pixelType })
    const image = join(folder, id, 'image.ome.zarr')
    expect(await brokenDemands({ group: await readJson(image, 'zarr.json'), array: await readJson(image, '0', 'zarr.json') })).toEqual([])
    const group = await zarr.open({ get: (key: string) => readFile(join(image, key)).catch(() => undefined) }, { kind: 'group' })
    const array = await zarr.open(group.resolve('0'), { kind: 'array' })
    expect([array.shape, array.chunks, array.dtype]).toEqual([[3, 32, 48], [1, 32, 48], pixelType])
    for (let index = 0; index < 3; index++) {
      const { data } = await array.getChunk([index, 0, 0])
      expect(Buffer.from(bytesOf(frame(index, { pixelType }).data)).equals(bytesOf(data as Uint16Array))).toBe(true)
    }
  })

  it('would be caught by the table of demands if it named other axes or lacked the byte order', async () => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 1)
    const image = join(folder, id, 'image.ome.zarr')
    const array = { ...(await readJson(image, '0', 'zarr.json')), codecs: [{ name: 'bytes' }], dimension_names: ['z', 'y', 'x'] }
    const broken = await brokenDemands({ group: await readJson(image, 'zarr.json'), array })
    expect(broken).toHaveLength(2)
  })

  it('without a known pixel size names no unit and invents no scale', async () => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 2, { pixelSizeUm: null })
    const { attributes } = await readJson(folder, id, 'image.ome.zarr', 'zarr.json')
    const [multiscale] = attributes.ome.multiscales
    expect(multiscale.axes.slice(1)).toEqual([
      { name: 'y', type: 'space' },
      { name: 'x', type: 'space' },
    ])
    expect(multiscale.datasets[0].coordinateTransformations[0].scale.slice(1)).toEqual([1, 1])
  })

  it('made by a network says so, in the session and in the image that other programs read', async () => {
    const folder = await temporaryFolder()
    const provenance = {
      model: 'sr',
      modelName: 'SR',
      version: '1.0',
      sha256: 'ab',
      provider: 'cpu',
      warnings: ['The pixel size is unknown.'],
    }
    const { id } = await record(folder, 1, { kind: 'enhanced', pixelType: 'float32', provenance })
    await using store = await openSessionStore(folder)
    expect((await store.open(id)).provenance).toEqual(provenance)
    expect((await readJson(folder, id, 'image.ome.zarr', 'zarr.json')).attributes.deepscope.provenance).toEqual(provenance)
  })
})

describe('after a death', () => {
  it('the frames of an interrupted session are all there, a line that was being written is dropped, and the shape is repaired', async () => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 4)
    const path = join(folder, id)
    const shape = join(path, 'image.ome.zarr', '0', 'zarr.json')
    const array = await readJson(shape)
    await writeFile(shape, JSON.stringify({ ...array, shape: [2, 32, 48] }))
    await appendFile(join(path, 'frames.jsonl'), '{"index":4,"frame":4,"ti')
    await writeFile(join(path, 'frame-4.partial'), 'half')
    await interrupt(path)
    await using store = await openSessionStore(folder)
    expect(store.sessions.value).toMatchObject([{ id, complete: false, frames: 4 }])
    const session = await store.open(id)
    expect(session.frames).toHaveLength(4)
    expect(sha256((await session.read(3)).data)).toBe(sha256(frame(3).data))
    expect(session.notes[0]).toContain('interrupted')
    expect((await readJson(shape)).shape).toEqual([4, 32, 48])
  })

  it('frames whose chunk is missing or too short are left out, and the session says so', async () => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 4)
    const chunk = (index: number) => join(folder, id, 'image.ome.zarr', '0', `c.${index}.0.0`)
    await rm(chunk(1))
    await truncate(chunk(3), 100)
    await using store = await openSessionStore(folder)
    const session = await store.open(id)
    expect(session.frames.map((one) => one.frame)).toEqual([0, 2])
    expect(sha256((await session.read(1)).data)).toBe(sha256(frame(2).data))
    expect(session.notes).toEqual(['2 frames are missing or cut short and are left out.'])
  })

  it('a session that is still being recorded opens with what is finished', async () => {
    const folder = await temporaryFolder()
    await using store = await openSessionStore(folder)
    const writer = await store.create(newSession())
    await writer.append(frame(0))
    const session = await store.open(writer.id)
    expect(session.frames).toHaveLength(1)
    expect(session.notes[0]).toContain('still being recorded')
    await writer.append(frame(1))
    expect((await writer.finish()).frames).toBe(2)
  })
})

describe('names and ids from outside', () => {
  it.each([
    ['../../etc/passwd', 'etc-passwd'],
    ['C:\\Users\\x', 'C-Users-x'],
    ['con', 'con'],
    ['aux.txt', 'aux-txt'],
    ['...', 'recording'],
    ['  ', 'recording'],
    ['a\u0000b\nc', 'a-b-c'],
    ['Zellen im Dunkeln, 3 µm', 'Zellen-im-Dunkeln-3-µm'],
    ['細胞', '細胞'],
    ['x'.repeat(300), 'x'.repeat(60)],
  ])('the session name %j becomes the folder %s_<time>', async (name, expected) => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 1, { name })
    expect(id).toBe(`${expected}_20260517-120000`)
    expect(await readdir(folder)).toEqual([id])
  })

  it('two sessions of the same name in the same second get folders of their own', async () => {
    const folder = await temporaryFolder()
    const ids = [(await record(folder, 1)).id, (await record(folder, 2)).id]
    await using store = await openSessionStore(folder)
    expect(new Set(ids).size).toBe(2)
    expect(store.sessions.value.map((session) => session.frames).sort()).toEqual([1, 2])
  })

  it.each(['../outside', '/etc', '', '.', 'absent_20260517-120000', '__proto__'])('the id %j is refused', async (id) => {
    const folder = await temporaryFolder()
    await record(join(folder, 'data'), 1)
    await record(folder, 1, { name: 'outside' })
    await using store = await openSessionStore(join(folder, 'data'))
    await expect(store.open(id)).rejects.toMatchObject({ kind: 'DatasetInvalid' })
    await expect(store.exportTiff(id)).rejects.toMatchObject({ kind: 'DatasetInvalid' })
  })

  it('a damaged session is listed with the reason, keeps the others from nothing, and opening it says why', async () => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 1)
    const damaged: Record<string, string> = {
      'cut-short': '{"format": "deepsc',
      'too-large': JSON.stringify({ ...(await readJson(folder, id, 'session.json')), width: 1e9 }),
      newer: JSON.stringify({ ...(await readJson(folder, id, 'session.json')), formatVersion: 2 }),
    }
    for (const [name, text] of Object.entries(damaged)) {
      await mkdir(join(folder, name))
      await writeFile(join(folder, name, 'session.json'), text)
    }
    await mkdir(join(folder, 'holiday pictures'))
    await using store = await openSessionStore(folder)
    expect(store.sessions.value.map((session) => session.id)).toEqual([id])
    const reasons = Object.fromEntries(store.unreadable.value.map((session) => [session.id, session.problem]))
    expect(reasons).toEqual({
      'cut-short': expect.stringContaining('is damaged'),
      'too-large': expect.stringContaining('width'),
      newer: expect.stringContaining('formatVersion'),
    })
    await expect(store.open('cut-short')).rejects.toMatchObject({
      kind: 'DatasetInvalid',
      message: expect.stringContaining('session.json is damaged'),
    })
  })
})

describe('the writer', () => {
  it('refuses frames of another size or type and frames after the end', async () => {
    await using store = await openSessionStore(await temporaryFolder())
    const writer = await store.create(newSession())
    await expect(writer.append(frame(0, { width: 47 }))).rejects.toMatchObject({ kind: 'BadRequest' })
    await expect(writer.append(frame(0, { pixelType: 'uint8' }))).rejects.toMatchObject({ kind: 'BadRequest' })
    await writer.append(frame(0))
    const summary = await writer.finish()
    await expect(writer.append(frame(1))).rejects.toMatchObject({ kind: 'BadRequest' })
    expect(await writer.finish()).toEqual(summary)
  })

  it('keeps the frames’ order however many are waiting, and disposing the store closes it complete', async () => {
    const folder = await temporaryFolder()
    const store = await openSessionStore(folder)
    const writer = await store.create(newSession())
    const order: number[] = []
    const appended = Array.from({ length: 40 }, (_, index) => writer.append(frame(index)).then(() => order.push(index)))
    await store[Symbol.asyncDispose]()
    await Promise.all(appended)
    expect(order).toEqual(Array.from({ length: 40 }, (_, index) => index))
    await using again = await openSessionStore(folder)
    expect(again.sessions.value).toMatchObject([{ frames: 40, complete: true }])
  })

  it('announces sessions as they begin and end', async () => {
    await using store = await openSessionStore(await temporaryFolder())
    const seen: string[] = []
    store.sessions.watch((sessions) =>
      seen.push(sessions.map((session) => `${session.frames}${session.complete ? ' complete' : ''}`).join()),
    )
    const writer = await store.create(newSession())
    await writer.append(frame(0))
    await writer.finish()
    expect(seen).toEqual(['', '0', '1 complete'])
  })
})

describe('exporting a session', () => {
  it('writes an OME-TIFF that tifffile reads with pixels, scale, positions and provenance', async () => {
    const folder = await temporaryFolder()
    const provenance = { model: 'sr', modelName: 'SR', version: '1.0', sha256: 'ab', provider: 'cpu', warnings: ['No scale & <no> trust'] }
    const { id } = await record(folder, 3, { pixelType: 'float32', provenance })
    await using store = await openSessionStore(folder)
    const path = await store.exportTiff(id)
    expect(path).toBe(join(folder, `${id}.ome.tif`))
    const script = `${pythonInput}
import tifffile
with tifffile.TiffFile(given) as tif:
    ome = tifffile.xml2dict(tif.ome_metadata)['OME']
    print(json.dumps({
        'ome': tif.is_ome, 'shape': tif.series[0].shape, 'axes': tif.series[0].axes, 'type': str(tif.series[0].dtype),
        'frames': [hashlib.sha256(page.asarray().tobytes()).hexdigest() for page in tif.pages],
        'size': ome['Image']['Pixels']['PhysicalSizeX'], 'plane': ome['Image']['Pixels']['Plane'][2],
        'map': {m['K']: m['value'] for m in ome['StructuredAnnotations']['MapAnnotation']['Value']['M']},
    }))`
    const read = await runPython<Record<string, unknown>>(script, path)
    expect(read).toMatchObject({
      ome: true,
      shape: [3, 32, 48],
      axes: 'TYX',
      type: 'float32',
      frames: [0, 1, 2].map((index) => sha256(frame(index, { pixelType: 'float32' }).data)),
      size: 0.65,
      plane: { TheT: 2, DeltaT: 0.08, ExposureTime: 20, ExposureTimeUnit: 'ms', PositionX: 102, PositionY: -50.5, PositionZ: 3.25 },
      map: { Model: 'sr', 'Execution provider': 'cpu', 'Warning 1': 'No scale & <no> trust', Objective: '10x' },
    })
  })

  it('leaves nothing behind when it is cancelled', async () => {
    const folder = await temporaryFolder()
    const { id } = await record(folder, 3)
    await using store = await openSessionStore(folder)
    await expect(store.exportTiff(id, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    expect(await readdir(folder)).toEqual([id])
  })
})
