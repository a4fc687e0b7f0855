/** Length units as files write them, in µm. */

const micrometres: Readonly<Record<string, number>> = {
  pm: 1e-6,
  å: 1e-4,
  angstrom: 1e-4,
  nm: 1e-3,
  nanometer: 1e-3,
  um: 1,
  µm: 1,
  micron: 1,
  microns: 1,
  micrometer: 1,
  micrometre: 1,
  mm: 1e3,
  millimeter: 1e3,
  cm: 1e4,
  centimeter: 1e4,
  inch: 25400,
  in: 25400,
  m: 1e6,
  meter: 1e6,
}

/** µm in one `unit`; null for pixels and everything unknown. */
export function unitInUm(unit: string): number | null {
  const plain = unit
    .trim()
    // ImageJ writes µ as an escape, others as a Greek letter or in Latin-1, which does not survive decoding as UTF-8.
    .replace(/\\u00B5|\u03bc|\ufffd/gi, 'µ')
    .toLowerCase()
  return Object.hasOwn(micrometres, plain) ? (micrometres[plain] ?? null) : null
}
