import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromFile } from 'geotiff'
import { describe, expect, it } from 'vitest'
import { escapeXml } from '#main/storage/tiff/ome-xml.ts'
import { openTiffFile } from '#main/storage/tiff/reader.ts'
import { createOmeTiff, type OmeTiffOptions } from '#main/storage/tiff/writer.ts'
import { pixelTypes } from '#shared/image/frame.ts'
import { temporaryFolder } from './folder.ts'
import { pixels, sha256 } from './frames.ts'
import { pythonInput, runPython } from './python.ts'

const base: OmeTiffOptions = {
  name: 'Cells',
  width: 37,
  height: 23,
  pixelType: 'uint16',
  sizeZ: 1,
  sizeC: 1,
  sizeT: 1,
  pixelSizeUm: 0.325,
  channels: [{ name: 'FITC', color: '#00ff00', emissionNm: 525 }],
}

async function write(path: string, options: OmeTiffOptions): Promise<string[]> {
  const { sizeZ, sizeC, sizeT, width, height, pixelType } = options
  await using writer = await createOmeTiff(path, options)
  const hashes: string[] = []
  for (let index = 0; index < sizeZ * sizeC * sizeT; index++) {
    const data = pixels(pixelType, width * height, index)
    hashes.push(sha256(data))
    await writer.writePlane(data, { deltaT: index * 0.5, exposureMs: 20, x: 10, y: -20.5, z: null })
  }
  await writer.close()
  return hashes
}

/** What tifffile makes of a file. */
interface Read {
  ome: boolean
  big: boolean
  shape: number[]
  axes: string
  type: string
  planes: string[]
  resolution: [number, number] | null
  unit: number | null
  xml: { Image: { Pixels: Record<string, unknown> }; StructuredAnnotations?: Record<string, unknown> }
}

const describeWithTifffile = `${pythonInput}
import tifffile
with tifffile.TiffFile(given) as tif:
    tags = tif.pages[0].tags
    series = tif.series[0]
    data = series.asarray()
    print(json.dumps({
        'ome': tif.is_ome, 'big': tif.is_bigtiff, 'shape': series.shape, 'axes': series.axes, 'type': str(series.dtype),
        'planes': [hashlib.sha256(plane.tobytes()).hexdigest() for plane in data.reshape((-1,) + data.shape[-2:])],
        'resolution': tags['XResolution'].value if 'XResolution' in tags else None,
        'unit': int(tags['ResolutionUnit'].value) if 'ResolutionUnit' in tags else None,
        'xml': tifffile.xml2dict(tif.ome_metadata)['OME'],
    }))`

describe('an OME-TIFF', () => {
  it.each(pixelTypes.flatMap((pixelType) => [false, true].map((bigTiff) => ({ pixelType, bigTiff }))))(
    'of $pixelType, BigTIFF $bigTiff, opens in tifffile with the right size, scale, type and values, and here again',
    async ({ pixelType, bigTiff }) => {
      const path = join(await temporaryFolder(), 'image.ome.tif')
      const hashes = await write(path, { ...base, pixelType, bigTiff })
      const read = await runPython<Read>(describeWithTifffile, path)
      expect(read).toMatchObject({ ome: true, big: bigTiff, shape: [23, 37], type: pixelType, planes: hashes, unit: 3 })
      // Pixels per centimetre.
      const [numerator, denominator] = read.resolution ?? [0, 1]
      expect(1e4 / (numerator / denominator)).toBeCloseTo(0.325, 9)
      expect(read.xml.Image.Pixels).toMatchObject({
        PhysicalSizeX: 0.325,
        PhysicalSizeXUnit: 'µm',
        PhysicalSizeY: 0.325,
        Type: { float32: 'float' }[pixelType as string] ?? pixelType,
      })
      // Green, opaque, as one signed number: 0x00ff00ff.
      expect(read.xml.Image.Pixels.Channel).toMatchObject({ Name: 'FITC', Color: 16711935, EmissionWavelength: 525 })
      expect(read.xml.Image.Pixels.Plane).toMatchObject({
        DeltaT: 0,
        ExposureTime: 20,
        ExposureTimeUnit: 'ms',
        PositionX: 10,
        PositionXUnit: 'µm',
        PositionY: -20.5,
      })
      await using source = await openTiffFile(path)
      expect(source).toMatchObject({
        flavour: 'OME-TIFF',
        width: 37,
        height: 23,
        pixelType,
        pixelSizeUm: 0.325,
        channels: ['FITC'],
        notes: [],
      })
      expect(sha256(await source.readPlane(0))).toBe(hashes[0])
    },
  )

  it('of several channels, depths and times has its planes where tifffile looks for them', async () => {
    const path = join(await temporaryFolder(), 'stack.ome.tif')
    const channels = ['DAPI', 'FITC', 'TxRed'].map((name) => ({ name, color: '#ffffff' }))
    const hashes = await write(path, { ...base, sizeC: 3, sizeZ: 4, sizeT: 2, channels })
    const read = await runPython<Read>(describeWithTifffile, path)
    // C is fastest in the file, so it is the last of the three axes.
    expect(read).toMatchObject({ axes: 'TZCYX', shape: [2, 4, 3, 23, 37], planes: hashes })
    await using source = await openTiffFile(path)
    expect(source).toMatchObject({ sizeC: 3, sizeZ: 4, sizeT: 2, planes: 24, channels: ['DAPI', 'FITC', 'TxRed'] })
    expect(sha256(await source.readPlane(23))).toBe(hashes[23])
  })

  it('without a known pixel size says nothing of size or resolution', async () => {
    const path = join(await temporaryFolder(), 'unknown.ome.tif')
    await write(path, { ...base, pixelSizeUm: null })
    const read = await runPython<Read>(describeWithTifffile, path)
    expect(read).toMatchObject({ resolution: null, unit: null })
    expect(Object.keys(read.xml.Image.Pixels).filter((name) => name.startsWith('Physical'))).toEqual([])
    await using source = await openTiffFile(path)
    expect(source.pixelSizeUm).toBeNull()
  })

  it('carries every annotation through, whatever characters it holds', async () => {
    const path = join(await temporaryFolder(), 'annotated.ome.tif')
    const annotations = { Model: 'a <b> & "c"', Warning: 'Größe unbekannt – 0.65 µm?', Lines: 'one\ntwo', Key: '\u0000\ud800x' }
    await write(path, { ...base, annotations, name: 'x" onload="y' })
    const script = `${pythonInput}
import tifffile, xml.etree.ElementTree as et
root = et.fromstring(tifffile.TiffFile(given).ome_metadata)
ns = '{http://www.openmicroscopy.org/Schemas/OME/2016-06}'
print(json.dumps({'name': root.find(ns + 'Image').get('Name'), 'map': {m.get('K'): m.text for m in root.iter(ns + 'M')},
  'ref': root.find(f'{ns}Image/{ns}AnnotationRef').get('ID'), 'id': root.find(f'{ns}StructuredAnnotations/{ns}MapAnnotation').get('ID')}))`
    const read = await runPython<Record<string, unknown>>(script, path)
    expect(read).toEqual({ name: 'x" onload="y', map: { ...annotations, Key: '\ufffd\ufffdx' }, ref: 'Annotation:0', id: 'Annotation:0' })
  })

  it('opens in geotiff, too', async () => {
    const path = join(await temporaryFolder(), 'image.ome.tif')
    const hashes = await write(path, { ...base, sizeT: 2 })
    const tiff = await fromFile(path)
    const [raster] = await (await tiff.getImage(1)).readRasters()
    expect(sha256(raster as Uint16Array)).toBe(hashes[1])
    await tiff.close()
  })

  it('that could come near 4 GiB is BigTIFF from its first byte', async () => {
    const folder = await temporaryFolder()
    const magic = async (sizeT: number) => {
      const path = join(folder, 'large.ome.tif')
      await using writer = await createOmeTiff(path, { ...base, width: 8192, height: 8192, pixelType: 'uint8', sizeT })
      await writer.writePlane(new Uint8Array(8192 * 8192))
      const [name = ''] = await readdir(folder)
      const file = await open(join(folder, name))
      const { size } = await file.stat()
      await file.close()
      // The first plane follows the header: 8 bytes, or 16 in BigTIFF.
      return size - 8192 * 8192
    }
    expect(await magic(63)).toBe(8)
    expect(await magic(64)).toBe(16)
  })
})

describe('writing an OME-TIFF', () => {
  it('shows nothing under the file’s name before all planes are there, and takes everything away when given up', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'image.ome.tif')
    await writeFile(path, 'what was there before')
    {
      await using writer = await createOmeTiff(path, { ...base, sizeT: 2 })
      await writer.writePlane(pixels('uint16', 37 * 23, 0))
      await expect(writer.close()).rejects.toMatchObject({ kind: 'BadRequest', message: expect.stringContaining('1 of 2 planes') })
      expect(await readFile(path, 'utf8')).toBe('what was there before')
    }
    expect(await readdir(folder)).toEqual(['image.ome.tif'])
    expect(await readFile(path, 'utf8')).toBe('what was there before')
  })

  it('refuses planes of another size or type and one too many', async () => {
    const path = join(await temporaryFolder(), 'image.ome.tif')
    await using writer = await createOmeTiff(path, base)
    await expect(writer.writePlane(pixels('uint16', 10, 0))).rejects.toMatchObject({ kind: 'BadRequest' })
    await expect(writer.writePlane(pixels('uint8', 37 * 23, 0))).rejects.toMatchObject({ kind: 'BadRequest' })
    await writer.writePlane(pixels('uint16', 37 * 23, 0))
    await expect(writer.writePlane(pixels('uint16', 37 * 23, 0))).rejects.toMatchObject({ kind: 'BadRequest' })
  })

  it.each([{ width: 0 }, { sizeC: 2 }, { sizeZ: 1.5 }])('refuses the impossible picture %j', async (changes) => {
    const path = join(await temporaryFolder(), 'image.ome.tif')
    await expect(createOmeTiff(path, { ...base, ...changes })).rejects.toMatchObject({ kind: 'BadRequest' })
  })

  it('into a folder that is not there says so', async () => {
    const path = join(await temporaryFolder(), 'absent', 'image.ome.tif')
    await expect(createOmeTiff(path, base)).rejects.toMatchObject({
      kind: 'StorageRefused',
      message: expect.stringContaining('no longer there'),
    })
  })

  it.each([
    ['a<b>&"c"', 'a&lt;b&gt;&amp;&quot;c&quot;'],
    ['µ 細 😀', 'µ 細 😀'],
    ['\u0001\uffff\udc00', '\ufffd\ufffd\ufffd'],
  ])('escapes %j for XML', (text, expected) => {
    expect(escapeXml(text)).toBe(expected)
  })
})
