/** Instrument 1: what is known of the picture's origin against what the network was trained on. */
import type { Instrument, InstrumentStatus, Reading, Reason } from '#shared/trust.ts'
import { limits } from './limits.ts'
import type { PictureFacts, Training } from './training.ts'

export interface Finding {
  readonly instrument: Instrument
  readonly reasons: readonly Reason[]
}

type Row = Omit<Reading, 'side'> & { readonly message?: string }

const grave: readonly InstrumentStatus[] = ['do-not-use', 'caution']

/** The surface that a network that refocuses was asked for. */
export interface AskedSurface {
  /** From the plane in focus, µm, positive away from the objective. */
  readonly distanceUm: number
  /** What the network was trained for. */
  readonly rangeUm: readonly [number, number]
}

export function metadataGuard(facts: PictureFacts, training: Training, surface: AskedSurface | null = null): Finding {
  const rows = [
    pixelSize(facts, training),
    aperture(facts, training),
    wavelength(facts, training),
    modality(facts, training),
    bitDepth(facts, training),
    structure(facts, training),
    ...(surface ? [distance(surface)] : []),
  ]
  const reasons = rows.flatMap(({ message, status }): Reason[] =>
    message && (status === 'caution' || status === 'do-not-use') ? [{ instrument: 'metadata', level: status, message }] : [],
  )
  // Nobody but a person knows the structure, so its absence alone says nothing of the rest.
  const unknown = rows.filter(({ id, status }) => status === 'not-measured' && id !== 'structure').map(({ label }) => label.toLowerCase())
  const worst = grave.find((status) => rows.some((row) => row.status === status))
  return {
    reasons,
    instrument: {
      id: 'metadata',
      label: 'Metadata',
      status: worst ?? (unknown.length > 0 ? 'not-measured' : 'fine'),
      summary:
        reasons[0]?.message ??
        (unknown.length > 0 ? `Unknown: ${unknown.join(', ')}. What is known fits.` : 'What is known fits the training.'),
      blindTo: 'It believes what the file or the microscope says; wrong metadata passes.',
      readings: rows.map(({ message: _, ...reading }) => ({ ...reading, side: null })),
    },
  }
}

function pixelSize({ pixelSizeUm: size }: PictureFacts, { pixelSizesUm: trained, pixelRangeUm: range }: Training): Row {
  const sizes = range ?? trained
  const row = {
    id: 'pixel-size',
    label: 'Pixel size',
    value: size,
    unit: 'µm',
    expected: range ? range.map((um) => `${um} µm`).join(' to ') : trained.length ? trained.map((um) => `${um} µm`).join(' or ') : null,
  }
  if (sizes.length === 0) return { ...row, status: 'not-measured' }
  if (size === null)
    return {
      ...row,
      status: 'caution',
      message: 'The pixel size is unknown, so nothing shows that the network fits this picture. State it.',
    }
  const within = range !== null && size >= range[0] && size <= range[1]
  const off = within ? 1 : Math.min(...sizes.map((um) => Math.max(size / um, um / size)))
  if (off <= 1 + limits.pixelSize) return { ...row, status: 'fine' }
  // A network of a whole range averages finer pixels, which loses nothing that its grid could hold.
  const far = off > limits.pixelSizeFar && !(range && size < range[0])
  const resampled = `The picture’s pixels of ${size} µm are resampled to the network’s grid, but it was trained on ${row.expected}`
  return {
    ...row,
    status: far ? 'do-not-use' : 'caution',
    message: far ? `${resampled}: too far for the result to mean anything.` : `${resampled}: judge the result with care.`,
  }
}

function distance({ distanceUm: um, rangeUm: [low, high] }: AskedSurface): Row {
  const expected = `${low} … ${high} µm`
  const row = { id: 'distance', label: 'Distance', value: um, unit: 'µm', expected }
  if (um >= low - 1e-6 && um <= high + 1e-6) return { ...row, status: 'fine' }
  const message = `A surface ${um} µm from the focus lies outside what the network was trained for (${expected}): nothing is promised there.`
  return { ...row, status: 'do-not-use', message }
}

function aperture({ numericalAperture: na }: PictureFacts, { numericalAperture: trained }: Training): Row {
  const row = { id: 'na', label: 'Numerical aperture', value: na, unit: '', expected: trained && [...new Set(trained)].join(' … ') }
  if (!trained || na === null) return { ...row, status: 'not-measured' }
  const off = Math.max(trained[0] / na, na / trained[1])
  if (off <= 1 + limits.numericalAperture) return { ...row, status: 'fine' }
  const message = `The aperture of ${na} is not what the network was trained on (${row.expected}): its blur is another.`
  return { ...row, status: off > 1 + limits.numericalApertureFar ? 'do-not-use' : 'caution', message }
}

function wavelength({ emissionNm }: PictureFacts, { wavelengthsUm: trained }: Training): Row {
  const nm = trained.map((um) => Math.round(um * 1000))
  const row = {
    id: 'wavelength',
    label: 'Emission',
    value: emissionNm,
    unit: 'nm',
    expected: nm.length ? `${Math.min(...nm)} … ${Math.max(...nm)} nm` : null,
  }
  if (nm.length === 0 || emissionNm === null) return { ...row, status: 'not-measured' }
  const off = Math.max(Math.min(...nm) - emissionNm, emissionNm - Math.max(...nm), 0) / 1000
  if (off <= limits.wavelength) return { ...row, status: 'fine' }
  const message = `Light of ${emissionNm} nm lies outside what the network was trained on (${row.expected}).`
  return { ...row, status: off > limits.wavelengthFar ? 'do-not-use' : 'caution', message }
}

function modality({ modality: found }: PictureFacts, { modalities }: Training): Row {
  const trained = modalities.length > 0 ? modalities.join(' or ') : null
  const row = { id: 'modality', label: 'Modality', value: found, unit: '', expected: trained }
  if (!trained || !found) return { ...row, status: 'not-measured' }
  if (modalities.some((each) => each.toLowerCase() === found.toLowerCase())) return { ...row, status: 'fine' }
  return { ...row, status: 'do-not-use', message: `A ${found} picture was given to a network for ${trained} pictures.` }
}

function bitDepth({ bitDepth: bits }: PictureFacts, { bits: trained }: Training): Row {
  const row = {
    id: 'bit-depth',
    label: 'Bit depth',
    value: bits,
    unit: 'bit',
    expected: trained.length ? `${Math.min(...trained)} … ${Math.max(...trained)}` : null,
  }
  if (trained.length === 0 || bits === null) return { ...row, status: 'not-measured' }
  if (bits >= Math.min(...trained)) return { ...row, status: 'fine' }
  return { ...row, status: 'caution', message: `${bits} bits are coarser than anything the network was trained on (${row.expected}).` }
}

function structure({ structure: found }: PictureFacts, { structures: trained }: Training): Row {
  const words = trained.map((name) => name.replaceAll('_', ' '))
  const row = { id: 'structure', label: 'Structure', value: found, unit: '', expected: words.length ? words.join(', ') : null }
  if (!found || words.length === 0) return { ...row, status: 'not-measured' }
  if (words.some((word) => found.toLowerCase().includes(word.replace(/s$/, '')))) return { ...row, status: 'fine' }
  return { ...row, status: 'caution', message: `“${found}” is not among the structures the network was trained on.` }
}
