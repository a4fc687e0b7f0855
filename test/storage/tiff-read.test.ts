import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import { openTiffFile } from '#main/storage/tiff/reader.ts'
import { temporaryFolder } from './folder.ts'
import { pixels, sha256 } from './frames.ts'
import { tinyTiff } from './hand-made.ts'
import { height, makeTiff, makeTiffs, width } from './made.ts'

async function hashes(path: string): Promise<string[]> {
  await using source = await openTiffFile(path)
  const planes: string[] = []
  for (let index = 0; index < source.planes; index++) {
    const plane = await source.readPlane(index)
    planes.push(sha256(plane))
    // The same plane comes in pieces of rows, wherever they are cut.
    for (let top = 0; top < source.height; top += 7) {
      const rows = Math.min(7, source.height - top)
      const piece = await source.readRows(index, top, rows)
      expect(sha256(piece)).toBe(sha256(plane.subarray(top * source.width, (top + rows) * source.width)))
    }
  }
  return planes
}

describe('TIFF files that tifffile writes', () => {
  it('in every type, byte order and layout read as they were', async () => {
    const orders = [
      { type: '<u1', options: { rowsperstrip: 8 } },
      { type: '<u2', options: { rowsperstrip: 8 } },
      { type: '<u2', options: { byteorder: '>', rowsperstrip: 1 } },
      { type: '<u2', options: { tile: [16, 32] } },
      { type: '<u2', options: { byteorder: '>', tile: [32, 16], bigtiff: true } },
      { type: '<f4', options: { byteorder: '>' } },
      { type: '<f4', options: { bigtiff: true, rowsperstrip: 5 } },
      { type: '<i1', options: {} },
      { type: '<i2', options: { byteorder: '>' } },
      { type: '<i4', options: {} },
      { type: '<u4', options: { byteorder: '>' } },
      { type: '<f8', options: { byteorder: '>' } },
      { type: '<u1', options: { compression: 'zlib', tile: [16, 16] } },
      { type: '<u2', options: { compression: 'zlib', predictor: true, rowsperstrip: 9 } },
      { type: '<u2', options: { compression: 'zlib', predictor: true, byteorder: '>' } },
      { type: '<i2', options: { compression: 'zlib', predictor: true, byteorder: '>' } },
      // In one piece, of which only some rows are read at a time.
      { type: '<u2', options: {}, shape: [600, 16] },
      { type: '<f4', options: { byteorder: '>' }, shape: [193, 16] },
      // Enough strips that geotiff would fetch their table on its own and forget the byte order.
      { type: '<u2', options: { byteorder: '>', rowsperstrip: 1 }, shape: [600, 16] },
    ]
    const made = await makeTiffs(await temporaryFolder(), orders)
    for (const [index, { path, planes }] of made.entries())
      expect({ ...orders[index], read: await hashes(path) }).toEqual({ ...orders[index], read: planes })
  })

  it('with white at zero are turned round, and the source says so', async () => {
    const { path, planes } = await makeTiff(await temporaryFolder(), { type: '<u1', options: { photometric: 'miniswhite' } })
    await using source = await openTiffFile(path)
    const shown = (await source.readPlane(0)) as Uint8Array
    // Stored as 255 − what is shown.
    expect(sha256(shown.map((value) => 255 - value))).toBe(planes[0])
    expect(source.notes).toEqual([expect.stringContaining('exchanged')])
  })

  it('an ImageJ hyperstack has its axes, scale and planes', async () => {
    const options = { imagej: true, resolution: [1 / 0.65, 1 / 0.65], metadata: { axes: 'TZCYX', unit: 'um', spacing: 2 } }
    const { path, planes } = await makeTiff(await temporaryFolder(), { type: '<u2', options: options, shape: [2, 3, 2, 24, 32] })
    await using source = await openTiffFile(path)
    expect(source).toMatchObject({ flavour: 'ImageJ TIFF', sizeT: 2, sizeZ: 3, sizeC: 2, planes: 12 })
    expect(source.pixelSizeUm).toBeCloseTo(0.65, 6)
    expect(await hashes(path)).toEqual(planes)
  })

  it('a stack that ImageJ wrote with one directory for all planes is read whole, and one that ends too early is refused', async () => {
    const { path, planes } = await makeTiff(await temporaryFolder(), {
      type: '<u2',
      options: { imagej: true, metadata: { axes: 'ZYX' } },
      shape: [5, 24, 32],
    })
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
    const { path, planes } = await makeTiff(await temporaryFolder(), { type: '<u2', options: options, shape: [2, 3, 4, 16, 20] })
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
      notes: expect.arrayContaining([expect.stringContaining('read as channels')]),
    })
    for (const sample of [0, 1, 2]) {
      expect(sha256(await source.readPlane(sample))).toBe(sha256(rgb.filter((_, index) => index % 3 === sample)))
    }
  })

  it('with 4 bits a pixel are unpacked', async () => {
    const path = join(await temporaryFolder(), 'made.tif')
    // An even width: libvips shifts the last pixel of odd rows.
    const steps = Uint8Array.from({ length: 64 * height }, (_, i) => (i % 16) * 17)
    await sharp(steps, { raw: { width: 64, height, channels: 1 } })
      .toColourspace('b-w')
      .tiff({ compression: 'none', bitdepth: 4 })
      .toFile(path)
    await using source = await openTiffFile(path)
    expect(source.storedType).toBe('uint4')
    expect(sha256(await source.readPlane(0))).toBe(sha256(steps.map((value) => value / 17)))
  })
})

describe('TIFF files laid out by hand', () => {
  it('with 12 bits a pixel read most significant bit first, each row from a byte on', async () => {
    const path = join(await temporaryFolder(), 'twelve.tif')
    // Rows of three pixels take five bytes: 0x123 0x456 0x789, then 0xabc 0xdef 0x001, four bits to spare each.
    await writeFile(path, tinyTiff({ width: 3, height: 2, bits: 12, compression: 1 }, Buffer.from('1234567890abcdef0010', 'hex')))
    await using source = await openTiffFile(path)
    expect(source.pixelType).toBe('uint16')
    expect(await source.readPlane(0)).toEqual(Uint16Array.of(0x123, 0x456, 0x789, 0xabc, 0xdef, 0x001))
  })

  it('with a Zstandard strip are unpacked', async () => {
    const path = join(await temporaryFolder(), 'zstd.tif')
    const pixels = Uint8Array.from({ length: 64 }, (_, i) => i * 3)
    // RFC 8878: magic, single segment of 64 bytes, one last raw block of 64 bytes.
    const strip = Buffer.concat([Buffer.from('28b52ffd2040010200', 'hex'), pixels])
    await writeFile(path, tinyTiff({ width: 8, height: 8, bits: 8, compression: 50000 }, strip))
    expect(await hashes(path)).toEqual([sha256(pixels)])
  })

  it('with PackBits read as in the example of TIFF 6.0, section 9', async () => {
    const path = join(await temporaryFolder(), 'packbits.tif')
    const strip = Buffer.from('feaa0280002afdaa0380002a22f7aa', 'hex')
    const unpacked = Buffer.from('aaaaaa80002aaaaaaaaa80002a22aaaaaaaaaaaaaaaaaaaa', 'hex')
    await writeFile(path, tinyTiff({ width: 24, height: 1, bits: 8, compression: 32773 }, strip))
    expect(await hashes(path)).toEqual([sha256(new Uint8Array(unpacked))])
  })

  it('with the floating-point predictor of Adobe’s Technical Note 3 read the same in both byte orders', async () => {
    const folder = await temporaryFolder()
    // 1.0 and 2.0: 3f800000 40000000. Bytes by significance: 3f 40 | 80 00 | 00 00 | 00 00, then differences from byte to byte.
    const strip = deflateSync(Buffer.from('3f01408000000000', 'hex'))
    for (const littleEndian of [true, false]) {
      const path = join(folder, `${littleEndian}.tif`)
      await writeFile(path, tinyTiff({ width: 2, height: 1, bits: 32, compression: 8, format: 3, predictor: 3, littleEndian }, strip))
      await using source = await openTiffFile(path)
      expect(await source.readPlane(0)).toEqual(Float32Array.of(1, 2))
    }
  })
})
