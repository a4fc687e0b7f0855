/** What ImageJ writes into a TIFF's description. Source: ij.io.TiffDecoder, ij.io.FileOpener and ij.io.FileSaver (public domain). */

export interface ImageJDescription {
  /** Planes in the file, also where only the first has a directory. */
  readonly images: number
  readonly channels: number
  readonly slices: number
  readonly frames: number
  /** Length unit of the resolution tags, as written; "" = none. */
  readonly unit: string
  /** Distance of the slices in that unit; null = unknown. */
  readonly spacing: number | null
}

/** null where the text is not ImageJ's. */
export function parseImageJ(description: string): ImageJDescription | null {
  if (!description.startsWith('ImageJ=')) return null
  const values = new Map<string, string>()
  for (const line of description.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) values.set(line.slice(0, at), line.slice(at + 1).trim())
  }
  const count = (name: string) => {
    const value = Number(values.get(name))
    return Number.isInteger(value) && value >= 1 ? value : 1
  }
  const spacing = Number(values.get('spacing'))
  return {
    images: count('images'),
    channels: count('channels'),
    slices: count('slices'),
    frames: count('frames'),
    unit: values.get('unit') ?? '',
    spacing: Number.isFinite(spacing) && spacing !== 0 ? Math.abs(spacing) : null,
  }
}
