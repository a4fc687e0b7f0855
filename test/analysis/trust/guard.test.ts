/** What the guard says of metadata, saturation, noise and units. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { saturatedShare, unfamiliarity } from '#main/analysis/trust/distribution.ts'
import { intensityHonesty } from '#main/analysis/trust/intensity.ts'
import { metadataGuard } from '#main/analysis/trust/metadata-guard.ts'
import type { PictureFacts, Training } from '#main/analysis/trust/training.ts'
import { disagreementOf } from '#main/analysis/trust/uncertainty.ts'
import { verdictOf } from '#main/analysis/trust/verdict.ts'
import { readTraining } from '#main/inference/training.ts'
import { rootFolder } from '#main/processes.ts'
import { normals } from './pictures.ts'

const training: Training = {
  task: 'super-resolution',
  modalities: ['widefield'],
  pixelSizesUm: [0.65, 0.325],
  pixelRangeUm: null,
  gridUm: 0.325,
  numericalAperture: [0.4, 0.5],
  wavelengthsUm: [0.46, 0.525, 0.615],
  structures: ['filaments', 'stress_fibres', 'nuclei'],
  bits: [8, 16],
  photons: [20, 5000],
  flux: [],
  statistics: [],
  weights: null,
  lookout: null,
  refocusing: null,
}
const facts: PictureFacts = {
  pixelSizeUm: 0.65,
  numericalAperture: 0.4,
  emissionNm: 525,
  modality: 'widefield',
  bitDepth: 16,
  structure: null,
}
const guard = (change: Partial<PictureFacts>) => metadataGuard({ ...facts, ...change }, training)
const statusOf = (change: Partial<PictureFacts>, id: string) =>
  guard(change).instrument.readings.find((reading) => reading.id === id)?.status

describe('the metadata guard', () => {
  test('is fine with a picture like those of the training', () => {
    expect(guard({})).toMatchObject({ reasons: [], instrument: { status: 'fine' } })
  })
  test.each([
    ['a resampled pixel size', { pixelSizeUm: 0.5 }, 'pixel-size', 'caution'],
    ['a pixel size of another objective', { pixelSizeUm: 1.6 }, 'pixel-size', 'do-not-use'],
    ['an unknown pixel size', { pixelSizeUm: null }, 'pixel-size', 'caution'],
    ['another aperture', { numericalAperture: 0.3 }, 'na', 'do-not-use'],
    ['a slightly larger aperture', { numericalAperture: 0.55 }, 'na', 'caution'],
    ['far red light', { emissionNm: 690 }, 'wavelength', 'caution'],
    ['another modality', { modality: 'confocal' }, 'modality', 'do-not-use'],
    ['another structure', { structure: 'bacteria' }, 'structure', 'caution'],
    ['a structure of the training', { structure: 'Stress fibre' }, 'structure', 'fine'],
  ] as const)('says of %s: %s %s → %s', (_, change, id, status) => {
    expect(statusOf(change, id)).toBe(status)
  })
  test('calls unknown what is unknown, not fine', () => {
    const { instrument, reasons } = guard({ numericalAperture: null })
    expect(instrument).toMatchObject({ status: 'not-measured', summary: expect.stringContaining('numerical aperture') })
    expect(reasons).toEqual([])
  })
  test('says that the picture is resampled, from what and to what', () => {
    expect(guard({ pixelSizeUm: 0.5 }).reasons[0]?.message).toMatch(/0\.5 µm are resampled.*0\.65 µm or 0\.325 µm/)
  })
})

describe('intensity', () => {
  const flux = (...slopes: (number | null)[]) =>
    intensityHonesty({ ...training, flux: slopes.map((slope, i) => ({ photons: 50 * 10 ** i, slope })) }).units
  test('is in the input’s units only with a slope of 1 ± 0.05 at every level of a tenfold range', () => {
    expect(flux(0.96, 1.04)).toBe('input')
    expect(flux(0.94, 1.0)).toBe('arbitrary')
    expect(flux(1, null)).toBe('arbitrary')
    expect(flux(1)).toBe('arbitrary')
    expect(flux()).toBe('arbitrary')
  })
})

describe('saturation', () => {
  const noise = normals(10_000, 4)
  test('is found where a camera’s range ends, and at a plateau below it', () => {
    const clipped = (top: number) => Uint16Array.from(noise, (value) => Math.min(top, 5000 + 800 * value))
    const above = (top: number) => noise.filter((value) => 5000 + 800 * value >= top).length / noise.length
    expect(saturatedShare(clipped(6200), null)).toBeCloseTo(above(6200), 3)
    expect(saturatedShare(clipped(6200), 6200)).toBeCloseTo(above(6200), 3)
  })
  test('is not seen in noise that reaches no limit', () => {
    expect(
      saturatedShare(
        Uint16Array.from(noise, (value) => 5000 + 800 * value),
        65535,
      ),
    ).toBe(0)
    expect(
      saturatedShare(
        Uint8Array.from(noise, (value) => 100 + 20 * value),
        255,
      ),
    ).toBe(0)
  })
})

describe('the distribution', () => {
  test('tells a field of nothing but noise', () => {
    const data = normals(256 * 256, 8).map((value) => 300 + 20 * value)
    expect(unfamiliarity({ width: 256, height: 256, data }, null)).toMatchObject({ flat: 1, typical: null, columns: 2, rows: 2 })
  })
  test('has the statistics of the installed package, checked by their hash', async () => {
    const read = await readTraining(join(rootFolder, 'models', 'widefield-sr'), 0.325)
    expect(read).toMatchObject({ task: 'super-resolution', modalities: ['widefield'], pixelSizesUm: [0.65, 0.325] })
    expect(read.statistics.map(({ pixelSizeUm }) => pixelSizeUm)).toContain(0.65)
    expect(read.statistics[0]?.distanceLimit).toBeGreaterThan(33)
  })
})

describe('disagreement', () => {
  test('is the root mean square over the standard deviation of the mean answer', () => {
    // At each pixel −1 and +1 about the mean, so the standard deviation is √2; the means are ±3.
    const found = disagreementOf([Float32Array.of(2, -4), Float32Array.of(4, -2)])
    expect([...found.std]).toEqual([expect.closeTo(Math.SQRT2, 6), expect.closeTo(Math.SQRT2, 6)])
    expect(found.share).toBeCloseTo(Math.SQRT2 / 3, 6)
  })
})

describe('the verdict', () => {
  test('is the worst that any instrument says, its reasons the gravest first; fine where none complains', () => {
    const reason = (level: 'caution' | 'do-not-use') => ({ instrument: 'metadata', level, message: level }) as const
    expect(verdictOf([])).toEqual({ level: 'fine', reasons: [] })
    expect(verdictOf([reason('caution'), reason('do-not-use')])).toEqual({
      level: 'do-not-use',
      reasons: [reason('do-not-use'), reason('caution')],
    })
  })
})
