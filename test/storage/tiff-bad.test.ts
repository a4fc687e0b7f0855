import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { beforeAll, describe, expect, it } from 'vitest'
import { openTiffFile } from '#main/storage/tiff/reader.ts'
import { createOmeTiff } from '#main/storage/tiff/writer.ts'
import { temporaryFolder } from './folder.ts'
import { pixels } from './frames.ts'
import { type Entry, tailOffset, tiffOf } from './hand-made.ts'

async function openAndRead(path: string): Promise<void> {
  await using source = await openTiffFile(path)
  await source.readPlane(0)
}

describe('a file that is no good', () => {
  let whole: Uint8Array

  beforeAll(async () => {
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

  const picture = (width: number, height: number, more: readonly Entry[] = []) =>
    tiffOf([[256, 4, 1, width], [257, 4, 1, height], [258, 3, 1, 8], [259, 3, 1, 1], [273, 4, 1, 8], [279, 4, 1, 64], ...more])

  it.each<readonly [string, () => string | Uint8Array, RegExp]>([
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
        tiffOf([
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
        tiffOf([
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
        tiffOf([
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
    const opened = openAndRead(path)
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
    const path = await file(Buffer.concat([picture(8, 8, [[270, 2, xml.length, tailOffset(7)]]), Buffer.from(xml)]))
    await expect(openTiffFile(path)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: expect.stringContaining('entities') })
  })

  it('whose OME-XML is cut off is refused', async () => {
    const xml = '<OME><Image><Pixels SizeX="8'
    const path = await file(Buffer.concat([picture(8, 8, [[270, 2, xml.length, tailOffset(7)]]), Buffer.from(xml)]))
    await expect(openTiffFile(path)).rejects.toMatchObject({ kind: 'DatasetInvalid', message: expect.stringContaining('cut short') })
  })

  it('whose small strip unpacks to gigabytes is stopped', async () => {
    const bomb = deflateSync(new Uint8Array(64 * 2 ** 20))
    const head = (offset: number) =>
      tiffOf(
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
    await using source = await openTiffFile(await file(head(tailOffset(6))))
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
