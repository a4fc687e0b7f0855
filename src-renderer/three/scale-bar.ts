/** The length of a scale bar: a round number of µm that fits the space there is. */

export interface ScaleBar {
  readonly micrometres: number
  /** CSS pixels */
  readonly width: number
  readonly label: string
}

/** The longest of 1, 2, 5 × 10ⁿ µm that is at most `space` pixels wide; null where the size of a pixel is not known. */
export function scaleBar(micrometresPerPixel: number | null, space: number): ScaleBar | null {
  if (micrometresPerPixel === null || !(micrometresPerPixel > 0) || !Number.isFinite(micrometresPerPixel)) return null
  const most = micrometresPerPixel * space
  const decade = 10 ** Math.floor(Math.log10(most))
  const step = [5, 2, 1].find((candidate) => candidate * decade <= most * (1 + 1e-9)) ?? 1
  const micrometres = step * decade
  return { micrometres, width: micrometres / micrometresPerPixel, label: lengthLabel(micrometres) }
}

function lengthLabel(micrometres: number): string {
  if (micrometres >= 1000) return `${round(micrometres / 1000)} mm`
  return micrometres >= 1 ? `${round(micrometres)} µm` : `${round(micrometres * 1000)} nm`
}

function round(value: number): number {
  return Number(value.toPrecision(3))
}
