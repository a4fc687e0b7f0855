import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTiff } from '#main/storage/tiff/open.ts'
import { openTiffFile } from '#main/storage/tiff/reader.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { temporaryFolder } from './folder.ts'
import { pixels, sha256 } from './frames.ts'
import { pythonInput, runPython } from './python.ts'

const width = 83
const height = 61

/** tifffile writes a file of each kind and says what is in it. Pixels are smooth, so that predictors have something to do. */
const writeWithTifffile = `${pythonInput}
import tifffile
path, kind, shape, options = given['path'], given['type'], given['shape'], given['options']
count = int(np.prod(shape))
values = (np.arange(count) * 37 % 251 + np.arange(count) // 7).reshape(shape)
data = (values / 3).astype(kind) if kind[-2] == 'f' else values.astype(kind)
if 'metadata' not in options: options['metadata'] = None
if 'resolution' in options: options['resolution'] = tuple(options['resolution'])
if 'tile' in options: options['tile'] = tuple(options['tile'])
imagej = options.get('imagej', False)
byteorder = options.pop('byteorder', '<')
bigtiff = options.pop('bigtiff', False)
ome = options.pop('ome', False)
options.pop('imagej', None)
with tifffile.TiffWriter(path, byteorder=byteorder, bigtiff=bigtiff, imagej=imagej, ome=ome) as tif:
    tif.write(data, **options)
out = {'|u1': 'u1', '<u1': 'u1', '<u2': '<u2'}.get(kind, '<f4')
flat = data.reshape((-1,) + data.shape[-2:])
print(json.dumps([hashlib.sha256(np.ascontiguousarray(plane.astype(out)).tobytes()).hexdigest() for plane in flat]))
`

interface Made {
  readonly path: string
  readonly planes: readonly string[]
}

async function made(type: string, options: Record<string, unknown>, shape: readonly number[] = [height, width]): Promise<Made> {
  const path = join(await temporaryFolder(), 'made.tif')
  return { path, planes: await runPython<string[]>(writeWithTifffile, { path, type, shape, options }) }
}

async function hashes(path: string): Promise<string[]> {
  await using source = await openTiffFile(path)
  const planes: string[] = []
  for (let index = 0; index < source.planes; index++) planes.push(sha256(await source.readPlane(index)))
  return planes
}

describe('TIFF files that tifffile writes', () => {
  it.each([
    ['<u1', { rowsperstrip: 8 }],
    ['<u2', { rowsperstrip: 8 }],
    ['<u2', { byteorder: '>', rowsperstrip: 1 }],
    ['<u2', { tile: [16, 32] }],
    ['<u2', { byteorder: '>', tile: [32, 16], bigtiff: true }],
    ['<f4', { byteorder: '>' }],
    ['<f4', { bigtiff: true, rowsperstrip: 5 }],
    ['<i1', {}],
    ['<i2', { byteorder: '>' }],
    ['<i4', {}],
    ['<u4', { byteorder: '>' }],
    ['<f8', { byteorder: '>' }],
    ['<u1', { compression: 'zlib', tile: [16, 16] }],
    ['<u2', { compression: 'zlib', predictor: true, rowsperstrip: 9 }],
    ['<u2', { compression: 'zlib', predictor: true, byteorder: '>' }],
    ['<i2', { compression: 'zlib', predictor: true, byteorder: '>' }],
    ['<u1', { photometric: 'miniswhite' }],
  ])('%s with %j read as they were', async (type, options) => {
    const { path, planes } = await made(type, options)
    if (options.photometric) {
      await using source = await openTiffFile(path)
      const shown = (await source.readPlane(0)) as Uint8Array
      // Stored as 255 − what is shown.
      expect(sha256(shown.map((value) => 255 - value))).toBe(planes[0])
      expect(source.notes).toEqual([expect.stringContaining('exchanged')])
    } else expect(await hashes(path)).toEqual(planes)
  })

  it('an ImageJ hyperstack has its axes, scale and planes', async () => {
    const options = { imagej: true, resolution: [1 / 0.65, 1 / 0.65], metadata: { axes: 'TZCYX', unit: 'um', spacing: 2 } }
    const { path, planes } = await made('<u2', options, [2, 3, 2, 24, 32])
    await using source = await openTiffFile(path)
    expect(source).toMatchObject({ flavour: 'ImageJ TIFF', sizeT: 2, sizeZ: 3, sizeC: 2, planes: 12 })
    expect(source.pixelSizeUm).toBeCloseTo(0.65, 6)
    expect(await hashes(path)).toEqual(planes)
  })

  it('a stack that ImageJ wrote with one directory for all planes is read whole, and one that ends too early is refused', async () => {
    const { path, planes } = await made('<u2', { imagej: true, metadata: { axes: 'ZYX' } }, [5, 24, 32])
    const bytes = await readFile(path)
    // tifffile writes ImageJ stacks in one piece after the first directory; without the link to the second one only the description tells.
    const littleEndian = bytes.readUInt16LE(0) === 0x4949
    const [read16, read32] = littleEndian
      ? [(at: number) => bytes.readUInt16LE(at), (at: number) => bytes.readUInt32LE(at)]
      : [(at: number) => bytes.readUInt16BE(at), (at: number) => bytes.readUInt32BE(at)]
    const first = read32(4)
    bytes.fill(0, first + 2 + 12 * read16(first), first + 2 + 12 * read16(first) + 4)
    await writeFile(path, bytes)
    expect(await hashes(path)).toEqual(planes)
    await writeFile(path, bytes.subarray(0, bytes.length - 4 * 24 * 32 * 2))
    await expect(openTiffFile(path)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: expect.stringContaining('cut short') })
  })

  it('an OME-TIFF with another order of its dimensions is put in order', async () => {
    // ZCT order in the file: tifffile writes the axes as given, the last one fastest.
    const options = {
      ome: true,
      metadata: { axes: 'TCZYX', PhysicalSizeX: 110, PhysicalSizeXUnit: 'nm', PhysicalSizeY: 110, PhysicalSizeYUnit: 'nm' },
    }
    const { path, planes } = await made('<u2', options, [2, 3, 4, 16, 20])
    await using source = await openTiffFile(path)
    expect(source).toMatchObject({ flavour: 'OME-TIFF', sizeT: 2, sizeC: 3, sizeZ: 4 })
    expect(source.pixelSizeUm).toBeCloseTo(0.11, 9)
    const at = (t: number, c: number, z: number) => planes[(t * 3 + c) * 4 + z]
    const wanted = [0, 1].flatMap((t) => [0, 1, 2, 3].flatMap((z) => [0, 1, 2].map((c) => at(t, c, z))))
    expect(await hashes(path)).toEqual(wanted)
  })
})

describe('TIFF files that libtiff writes', () => {
  const gray = Uint8Array.from({ length: width * height }, (_, i) => ((i * 37) % 251) / 2 + i / 80)
  it.each([
    { compression: 'lzw' },
    { compression: 'lzw', predictor: 'horizontal', tile: true, tileWidth: 32, tileHeight: 16 },
    { compression: 'deflate', predictor: 'horizontal' },
    { compression: 'packbits' },
    { compression: 'zstd' },
    { compression: 'none', tile: true, tileWidth: 16, tileHeight: 16, bigtiff: true },
  ] as const)('with %j read as they were', async (options) => {
    const path = join(await temporaryFolder(), 'made.tif')
    await sharp(gray, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .tiff(options)
      .toFile(path)
    expect(await hashes(path)).toEqual([sha256(gray)])
  })

  it('with 16 bits in LZW with differences read as they were', async () => {
    const path = join(await temporaryFolder(), 'made.tif')
    const values = Uint16Array.from({ length: width * height }, (_, i) => i * 11)
    await sharp(values, { raw: { width, height, channels: 1 } })
      .toColourspace('grey16')
      .tiff({ compression: 'lzw', predictor: 'horizontal' })
      .toFile(path)
    expect(await hashes(path)).toEqual([sha256(values)])
  })

  it('in colour give their samples as channels, and say so', async () => {
    const path = join(await temporaryFolder(), 'made.tif')
    const rgb = pixels('uint8', width * height * 3, 5) as Uint8Array
    await sharp(rgb, { raw: { width, height, channels: 3 } })
      .tiff({ compression: 'none' })
      .toFile(path)
    await using source = await openTiffFile(path)
    expect(source).toMatchObject({
      planes: 3,
      sizeC: 3,
      channels: ['Red', 'Green', 'Blue'],
      notes: [expect.stringContaining('read as channels')],
    })
    for (const sample of [0, 1, 2]) {
      expect(sha256(await source.readPlane(sample))).toBe(sha256(rgb.filter((_, index) => index % 3 === sample)))
    }
  })

  it('with two values a pixel’s byte are unpacked', async () => {
    const path = join(await temporaryFolder(), 'made.tif')
    const steps = Uint8Array.from({ length: width * height }, (_, i) => (i % 16) * 17)
    await sharp(steps, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .tiff({ compression: 'none', bitdepth: 4 })
      .toFile(path)
    await using source = await openTiffFile(path)
    expect(source.storedType).toBe('uint4')
    expect(sha256(await source.readPlane(0))).toBe(sha256(steps.map((value) => value / 17)))
  })
})

describe('a file that is no good', () => {
  let whole: Uint8Array

  beforeAll(async () => {
    const { mkdtemp, rm } = await import('node:fs/promises')
    const { tmpdir } = await import('node:os')
    const folder = await mkdtemp(join(tmpdir(), 'deepscope-whole-'))
    const path = join(folder, 'whole.tif')
    const channels = [{ name: 'c', color: '#ffffff' }]
    const writer = await createOmeTiff(path, {
      name: 'x',
      width: 40,
      height: 30,
      pixelType: 'uint16',
      sizeZ: 1,
      sizeC: 1,
      sizeT: 3,
      pixelSizeUm: 1,
      channels,
    })
    for (let index = 0; index < 3; index++) await writer.writePlane(pixels('uint16', 1200, index))
    await writer.close()
    whole = await readFile(path)
    await rm(folder, { recursive: true })
  })

  async function file(bytes: Uint8Array | string): Promise<string> {
    const path = join(await temporaryFolder(), 'bad file.tif')
    await writeFile(path, bytes)
    return path
  }

  /** A little-endian TIFF with one directory of the given entries: tag, type, count, value. */
  function tiff(entries: readonly (readonly [number, number, number, number])[], tail = new Uint8Array()): Uint8Array {
    const view = new DataView(new ArrayBuffer(8 + 2 + 12 * entries.length + 4))
    view.setUint32(0, 0x49492a00)
    view.setUint32(4, 8, true)
    view.setUint16(8, entries.length, true)
    for (const [i, [tag, type, count, value]] of entries.entries()) {
      const at = 10 + 12 * i
      view.setUint16(at, tag, true)
      view.setUint16(at + 2, type, true)
      view.setUint32(at + 4, count, true)
      view.setUint32(at + 8, value, true)
    }
    return Buffer.concat([new Uint8Array(view.buffer), tail])
  }
  const picture = (width: number, height: number, more: readonly (readonly [number, number, number, number])[] = []) =>
    tiff([[256, 4, 1, width], [257, 4, 1, height], [258, 3, 1, 8], [259, 3, 1, 1], [273, 4, 1, 8], [279, 4, 1, 64], ...more])

  it.each([
    ['of 0 bytes', () => '', /^bad file\.tif is empty/],
    ['of text', () => 'this is not a picture at all', /^bad file\.tif is not a TIFF file/],
    ['that is a PNG', () => Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'), /is not a TIFF file/],
    ['of four bytes', () => Buffer.from('49492a00', 'hex'), /is not a TIFF file/],
    ['with a million pixels a side', () => picture(1e6, 1e6), /claims a picture of 1000000 × 1000000 pixels/],
    ['with no width', () => picture(0, 10), /has no size/],
    ['whose strip lies outside', () => picture(1000, 1000), /strip or tile|cut short|damaged/],
    [
      'whose directories go in a circle',
      () => {
        const bytes = picture(4, 4)
        new DataView(bytes.buffer, bytes.byteOffset).setUint32(bytes.length - 4, 8, true)
        return bytes
      },
      /circle/,
    ],
    ['whose tag claims four thousand million values', () => picture(8, 8, [[270, 2, 0xffffffff, 8]]), /description of 4294967295 bytes/],
    [
      'whose strip table claims to be huge',
      () =>
        tiff([
          [256, 4, 1, 8],
          [257, 4, 1, 8],
          [258, 3, 1, 8],
          [273, 4, 0x7fffffff, 8],
        ]),
      /tag 273/,
    ],
    ['with a directory of 60000 entries', () => Buffer.from(`49492a0008000000${'60ea'}`, 'hex'), /directory/],
    [
      'in a compression nobody knows',
      () =>
        tiff([
          [256, 4, 1, 8],
          [257, 4, 1, 8],
          [258, 3, 1, 8],
          [259, 3, 1, 34712],
          [273, 4, 1, 8],
          [279, 4, 1, 8],
        ]),
      /compression 34712/,
    ],
    [
      'of 24-bit floating-point numbers',
      () =>
        tiff([
          [256, 4, 1, 8],
          [257, 4, 1, 8],
          [258, 3, 1, 24],
          [339, 3, 1, 3],
          [273, 4, 1, 8],
        ]),
      /24-bit/,
    ],
    ['of CMYK print', () => picture(4, 4, [[262, 3, 1, 5]]), /photograph or print/],
  ] as const)('%s is refused with a sentence', async (_, bytes, sentence) => {
    const path = await file(bytes())
    const opened = openTiffFile(path).then(async (source) => {
      await source.readPlane(0)
    })
    await expect(opened).rejects.toMatchObject({ kind: 'DatasetInvalid', message: expect.stringMatching(sentence) })
    await expect(opened).rejects.toMatchObject({ message: expect.stringContaining('bad file.tif') })
  })

  it('that is cut short anywhere is refused, never read as zeros', async () => {
    for (let part = 1; part < 16; part++) {
      const path = await file(whole.subarray(0, Math.floor((whole.length * part) / 16)))
      await expect(openTiffFile(path)).rejects.toMatchObject({ kind: 'DatasetInvalid' })
    }
  })

  it('that is absent or a folder is refused', async () => {
    const folder = await temporaryFolder()
    await expect(openTiffFile(join(folder, 'absent.tif'))).rejects.toMatchObject({
      kind: 'DatasetInvalid',
      message: 'absent.tif is not there.',
    })
    await expect(openTiffFile(folder)).rejects.toMatchObject({ kind: 'DatasetInvalid' })
  })

  it('whose OME-XML holds entities or a document type is refused before they are expanded', async () => {
    const xml =
      '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><OME><Image><Pixels SizeX="&b;"/></Image></OME>'
    const offset = 10 + 12 * 7 + 4
    const path = await file(Buffer.concat([picture(8, 8, [[270, 2, xml.length, offset]]), Buffer.from(xml)]))
    await expect(openTiffFile(path)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: expect.stringContaining('entities') })
  })

  it('whose OME-XML is cut off is refused', async () => {
    const xml = '<OME><Image><Pixels SizeX="8'
    const path = await file(Buffer.concat([picture(8, 8, [[270, 2, xml.length, 98]]), Buffer.from(xml)]))
    await expect(openTiffFile(path)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: expect.stringContaining('cut short') })
  })

  it('whose small strip unpacks to gigabytes is stopped', async () => {
    const { deflateSync } = await import('node:zlib')
    const bomb = deflateSync(new Uint8Array(64 * 2 ** 20))
    const head = (offset: number) =>
      tiff(
        [
          [256, 4, 1, 8],
          [257, 4, 1, 8],
          [258, 3, 1, 8],
          [259, 3, 1, 8],
          [273, 4, 1, offset],
          [279, 4, 1, bomb.length],
        ],
        bomb,
      )
    await using source = await openTiffFile(await file(head(8 + 2 + 12 * 6 + 4)))
    await expect(source.readPlane(0)).rejects.toMatchObject({
      kind: 'DatasetInvalid',
      message: expect.stringContaining('cannot be unpacked'),
    })
  })

  it('with a plane that is asked for but not there says how many there are', async () => {
    await using source = await openTiffFile(await file(whole))
    await expect(source.readPlane(3)).rejects.toMatchObject({ kind: 'OutOfRange', message: expect.stringContaining('3 planes') })
  })

  it('that grows a hole after it was opened is refused when the plane is read', async () => {
    const path = await file(whole)
    await using source = await openTiffFile(path)
    const handle = await open(path, 'r+')
    await handle.truncate(100)
    await handle.close()
    await expect(source.readPlane(2)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: expect.stringContaining('cut short') })
  })
})

describe('in a worker thread', () => {
  beforeAll(async () => {
    const { buildMain } = (await import('../../scripts/build.mjs')) as { buildMain(only: string[]): Promise<void> }
    await buildMain(['image-worker'])
  })

  it('a file reads as it does in this one, plane by plane, also when several are asked for at once', async () => {
    const { path, planes } = await made('<i2', { compression: 'zlib' }, [4, height, width])
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

  it('a bad file is refused with the same sentence, and no thread stays behind', async () => {
    const path = join(await temporaryFolder(), 'bad file.tif')
    await writeFile(path, 'nothing')
    await expect(openTiff(path)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: 'bad file.tif is not a TIFF file.' })
  })

  it('opening and reading can be cancelled, and a closed source says that it is closed', async () => {
    const { path } = await made('<u2', {})
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
    await expect(source.readPlane(0)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: 'made.tif was closed.' })
  })
})
