/** TIFF files that tifffile writes, all at once because starting Python takes longer than writing them. */
import { join } from 'node:path'
import { pythonInput, runPython } from './python.ts'

export const width = 83
export const height = 61

export interface Order {
  /** numpy's name of the type, e.g. "<u2". */
  readonly type: string
  readonly shape?: readonly number[]
  /** For TiffWriter and its `write`. */
  readonly options: Readonly<Record<string, unknown>>
}

export interface Made {
  readonly path: string
  /** sha256 of every plane in the product's types, in the order of the array. */
  readonly planes: readonly string[]
}

/** Pixels are smooth, so that predictors have something to do. */
const script = `${pythonInput}
import tifffile
out = []
for one in given:
    path, kind, shape, options = one['path'], one['type'], one['shape'], one['options']
    count = int(np.prod(shape))
    values = (np.arange(count) * 37 % 251 + np.arange(count) // 7).reshape(shape)
    data = (values / 3).astype(kind) if 'f' in kind else values.astype(kind)
    writer = {name: options.pop(name) for name in ('byteorder', 'bigtiff', 'ome', 'imagej') if name in options}
    options.setdefault('metadata', None)
    options.setdefault('photometric', 'minisblack')
    for name in ('resolution', 'tile'):
        if name in options: options[name] = tuple(options[name])
    with tifffile.TiffWriter(path, **writer) as tif:
        tif.write(data, **options)
    kept = {'<u1': 'u1', '<u2': '<u2'}.get(kind, '<f4')
    planes = data.reshape((-1,) + data.shape[-2:])
    out.append([hashlib.sha256(np.ascontiguousarray(plane.astype(kept)).tobytes()).hexdigest() for plane in planes])
print(json.dumps(out))
`

export async function makeTiffs(folder: string, orders: readonly Order[]): Promise<Made[]> {
  const input = orders.map(({ type, options, shape }, index) => ({
    path: join(folder, `made-${index}.tif`),
    type,
    options,
    shape: shape ?? [height, width],
  }))
  const planes = await runPython<string[][]>(script, input)
  return input.map(({ path }, index) => ({ path, planes: planes[index] ?? [] }))
}

export async function makeTiff(folder: string, order: Order): Promise<Made> {
  const [made] = await makeTiffs(folder, [order])
  if (!made) throw new Error('tifffile wrote nothing.')
  return made
}
