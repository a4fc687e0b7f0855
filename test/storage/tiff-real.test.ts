import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openTiffFile } from '#main/storage/tiff/reader.ts'
import { sha256 } from './frames.ts'
import { pythonInput, runPython } from './python.ts'
import { absent, hasRealData, realData } from './real-data.ts'

/** Every page that tifffile reads, one sample after the other, as the product's types. */
const readWithTifffile = `${pythonInput}
import tifffile
out = {}
for path in given:
    with tifffile.TiffFile(path) as tif:
        if int(tif.pages[0].compression) == 5:
            continue
        series = tif.series[0]
        data = series.asarray()
        axes = series.axes
        data = data.reshape(data.shape)
        for axis in 'TZCYXS':
            if axis not in axes:
                data = data[..., np.newaxis]
                axes = axes + axis
        order = [axes.index(axis) for axis in 'TZCSYX']
        data = data.transpose(order + [i for i in range(len(axes)) if i not in order])
        data = data.reshape((-1,) + data.shape[4:6])
        kind = {'uint8': 'u1', 'uint16': '<u2'}.get(str(data.dtype), '<f4')
        out[path] = {
            'shape': list(data.shape),
            'type': str(data.dtype),
            'planes': [hashlib.sha256(np.ascontiguousarray(plane.astype(kind)).tobytes()).hexdigest() for plane in data],
        }
print(json.dumps(out))
`

interface Read {
  readonly shape: readonly [number, number, number]
  readonly type: string
  readonly planes: readonly string[]
}

/**
 * Debian's tifffile does not unpack LZW. The strips of ImageJ's two files, unpacked by hand: after the clear code the codes 0, 1, 258,
 * 260, 259, … are the bytes 00 01 00 01 …, so with horizontal differencing the values are 1, 2, 3, 4, 5.
 */
const unpackedByHand: Read = { shape: [1, 1, 5], type: 'int16', planes: [sha256(Float32Array.of(1, 2, 3, 4, 5))] }

async function tiffsBelow(...folders: string[]): Promise<string[]> {
  const found = await Promise.all(folders.map((folder) => readdir(join(realData, folder), { recursive: true, withFileTypes: true })))
  return found.flat().flatMap((entry) => (entry.isFile() && /\.tiff?$/i.test(entry.name) ? [join(entry.parentPath, entry.name)] : []))
}

describe.skipIf(!hasRealData)(`TIFF files that others made${absent}`, () => {
  it('read as tifffile reads them: every type, byte order, compression and flavour', async () => {
    const paths = await tiffsBelow('formats', 'refocus', 'superres', 'localization', 'nuclei')
    expect(paths.length).toBeGreaterThan(40)
    const expected = await runPython<Record<string, Read>>(readWithTifffile, paths)
    for (const path of paths) {
      await using source = await openTiffFile(path)
      const planes: string[] = []
      for (let index = 0; index < source.planes; index++) planes.push(sha256(await source.readPlane(index)))
      const { shape, type, planes: theirs } = expected[path] ?? unpackedByHand
      expect({ path, shape: [source.planes, source.height, source.width], type: source.storedType, planes }).toEqual({
        path,
        shape,
        type,
        planes: theirs,
      })
    }
  })

  /** By hand from the resolution and the unit in each file, as ImageJ's Image › Properties shows them; bead-stack as its source states. */
  it.each([
    { path: 'formats/pyimagej/test_still.tif', size: 0.325, why: 'a length in microns' },
    { path: 'refocus/chromosomes-40z.tif', size: 0.03385417, why: 'µm written as an escape' },
    { path: 'refocus/bead-stack.tif', size: 0.0225, why: 'µm, as the data’s source states' },
    { path: 'formats/viv/sites/avivator/data/multifile-Z1.ome.tiff', size: 1, why: 'a resolution per centimetre' },
    { path: 'formats/imagej/gray8-3x2-stack.tif', size: null, why: '72 dots per inch dressed up as microns' },
    { path: 'formats/imagej/gray16-3x2-sub1.tif', size: null, why: '72 dots per inch' },
    { path: 'formats/scifio/leica_stack_Series014_z000_ch00.tif', size: null, why: '72 dots per inch' },
    { path: 'formats/imagej/head.tif', size: null, why: 'nothing' },
    { path: 'superres/wang2019/dapi.tif', size: null, why: 'nothing' },
  ])('$path has the pixel size $size µm, because it records $why', async ({ path, size }) => {
    await using source = await openTiffFile(join(realData, path))
    if (size === null) expect(source.pixelSizeUm).toBeNull()
    else expect(source.pixelSizeUm).toBeCloseTo(size, 4)
  })
})
