/** Which directory of a TIFF is which plane, by what OME-XML or ImageJ say of it. */
import type { ImageJDescription } from './imagej.ts'
import type { OmeDescription } from './ome-reader.ts'

export interface PlaneOrder {
  readonly sizeC: number
  readonly sizeZ: number
  readonly sizeT: number
  /** Position in the file of each plane, C fastest, then Z, then T. */
  readonly order: readonly number[]
  readonly notes: readonly string[]
}

/** Pictures of which nothing is known are taken as times. */
export function plainOrder(pages: number, notes: readonly string[] = []): PlaneOrder {
  return { sizeC: 1, sizeZ: 1, sizeT: pages, order: Array.from({ length: pages }, (_, index) => index), notes }
}

export function imageJOrder(description: ImageJDescription, pages: number): PlaneOrder {
  const { channels, slices, frames } = description
  if (channels * slices * frames === pages) return { ...plainOrder(pages), sizeC: channels, sizeZ: slices, sizeT: frames }
  return plainOrder(pages)
}

/** `samples`: OME counts the samples of a pixel as channels. */
export function omeOrder(ome: OmeDescription, pages: number, samples: number, fileName: string): PlaneOrder {
  const sizeC = Math.max(1, Math.floor(ome.sizeC / samples))
  const { sizeZ, sizeT } = ome
  const total = sizeC * sizeZ * sizeT
  const elsewhere = ome.tiffData.some((data) => data.fileName !== null && data.fileName !== fileName)
  if (total !== pages || elsewhere) {
    const note = elsewhere
      ? 'This file is one of several that make one image; only its own planes are read.'
      : 'The OME-XML names other planes than the file holds.'
    return plainOrder(pages, [note])
  }
  const strides = stridesOf(ome.dimensionOrder, { Z: sizeZ, C: sizeC, T: sizeT })
  const pageAt = strides && mapPages(ome, strides, total)
  if (!strides || !pageAt) return plainOrder(pages, ['The OME-XML does not say which plane is which; the file’s order is kept.'])
  const order: number[] = []
  for (let t = 0; t < sizeT; t++) {
    for (let z = 0; z < sizeZ; z++) for (let c = 0; c < sizeC; c++) order.push(pageAt[z * strides.Z + c * strides.C + t * strides.T] ?? 0)
  }
  return { sizeC, sizeZ, sizeT, order, notes: [] }
}

type Axis = 'Z' | 'C' | 'T'

/** How far apart neighbours along an axis are in the stored order; undefined where the order is none. */
function stridesOf(dimensionOrder: string, sizes: Readonly<Record<Axis, number>>): Record<Axis, number> | undefined {
  const axes = dimensionOrder.slice(2).split('') as Axis[]
  if (!/^XY[ZCT]{3}$/.test(dimensionOrder) || new Set(axes).size !== 3) return undefined
  const strides = { Z: 1, C: 1, T: 1 }
  let stride = 1
  for (const axis of axes) {
    strides[axis] = stride
    stride *= sizes[axis]
  }
  return strides
}

/** Position in the file for each place in the stored order; undefined where TiffData leaves or doubles some. */
function mapPages(ome: OmeDescription, strides: Record<Axis, number>, total: number): number[] | undefined {
  const blocks = ome.tiffData.length > 0 ? ome.tiffData : [{ ifd: 0, planeCount: null, firstZ: 0, firstC: 0, firstT: 0 }]
  const pages = new Array<number>(total).fill(-1)
  const used = new Set<number>()
  for (const block of blocks) {
    const start = block.firstZ * strides.Z + block.firstC * strides.C + block.firstT * strides.T
    const count = Math.min(block.planeCount ?? total, total)
    for (let i = 0; i < count; i++) {
      const page = block.ifd + i
      if (start + i >= total || page >= total) return undefined
      pages[start + i] = page
      used.add(page)
    }
  }
  return used.size === total && !pages.includes(-1) ? pages : undefined
}
