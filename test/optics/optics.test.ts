import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { detector } from '#main/devices/simulated/noise.ts'
import { blurSlope, collectedFraction, cutoff, type PupilOptions, radialBins, sinc, TransferTables, transferAt } from '#shared/optics.ts'

interface Cases {
  index: number
  psf: { na: number; wavelength: number; defocus: number; spherical: number; radius: number[]; intensity: number[] }[]
  encircled: { na: number; wavelength: number; defocus: number; spherical: number; radius: number[]; energy: number[] }[]
  fwhm: { na: number; wavelength: number; fwhm: number }[]
  peak_density: { na: number; wavelength: number; per_um2: number }[]
  axial: { na: number; wavelength: number; defocus: number; intensity: number }[]
  axial_paraxial: { na: number; wavelength: number; defocus: number; intensity: number }[]
  otf_in_focus: { of_cutoff: number[]; value: number[] }
  pixel_energy: { na: number; wavelength: number; pixel: number; energy: number }[]
  collected: { na: number; fraction: number }[]
  defocus_radius: { na: number; defocus: number; radius: number }[]
  camera: { offset: number; gain: number; read_noise: number }
}
const cases = JSON.parse(readFileSync(new URL('../cases/optics.json', import.meta.url), 'utf8')) as Cases

/** Bessel functions by their integral (Abramowitz & Stegun 9.1.21). */
function bessel(order: number, x: number): number {
  const steps = 40 + Math.ceil(2 * Math.abs(x))
  let sum = 0
  for (let i = 0; i < steps; i++) {
    const t = (Math.PI * (i + 0.5)) / steps
    sum += Math.cos(order * t - x * Math.sin(t))
  }
  return sum / steps
}

const transfers = new Map<string, Float64Array>()
const steps = 400

/** OTF at the middles of 400 equal steps of the frequency. */
function transfer(pupil: PupilOptions, defocus: number): Float64Array {
  const key = JSON.stringify([pupil, defocus])
  let values = transfers.get(key)
  const top = cutoff(pupil.numericalAperture, pupil.wavelengthUm)
  values ??= Float64Array.from({ length: steps }, (_, i) => transferAt((top * (i + 0.5)) / steps, defocus, pupil))
  transfers.set(key, values)
  return values
}

/** The point-spread function from the OTF, per µm². */
function psf(radius: number, defocus: number, pupil: PupilOptions): number {
  const top = cutoff(pupil.numericalAperture, pupil.wavelengthUm)
  return transfer(pupil, defocus).reduce((sum, value, i) => {
    const f = (top * (i + 0.5)) / steps
    return sum + 2 * Math.PI * f * value * bessel(0, 2 * Math.PI * f * radius) * (top / steps)
  }, 0)
}

const pupilOf = (row: { na: number; wavelength: number; spherical?: number }): PupilOptions => ({
  numericalAperture: row.na,
  wavelengthUm: row.wavelength,
  aberration: row.spherical ?? 0,
  index: cases.index,
})
const peak = ({ na, wavelength }: { na: number; wavelength: number }) => (Math.PI * na ** 2) / wavelength ** 2

describe('the optics against independent quadrature', () => {
  it.each(cases.psf)('the point-spread function is right at NA $na, $wavelength µm, defocus $defocus, aberration $spherical', (row) => {
    for (const [i, radius] of row.radius.entries())
      expect(Math.abs(psf(radius, row.defocus, pupilOf(row)) / peak(row) - row.intensity[i]!)).toBeLessThan(1e-3)
  })

  it.each(cases.encircled)('the energy within a radius is right at NA $na, $wavelength µm, defocus $defocus', (row) => {
    const pupil = pupilOf(row)
    const top = cutoff(row.na, row.wavelength)
    for (const [i, radius] of row.radius.entries()) {
      const energy = transfer(pupil, row.defocus).reduce((sum, value, k) => {
        const f = (top * (k + 0.5)) / steps
        return sum + 2 * Math.PI * radius * value * bessel(1, 2 * Math.PI * f * radius) * (top / steps)
      }, 0)
      expect(Math.abs(energy - row.energy[i]!)).toBeLessThan(2e-3)
    }
  })

  it.each(cases.fwhm)('the width at half maximum is that of an Airy disc at NA $na, $wavelength µm', (row) => {
    let low = 0
    let high = row.wavelength / row.na
    for (let round = 0; round < 40; round++) {
      const middle = (low + high) / 2
      if (psf(middle, 0, pupilOf(row)) > peak(row) / 2) low = middle
      else high = middle
    }
    expect(2 * low).toBeCloseTo(row.fwhm, 3)
    expect(
      psf(0, 0, pupilOf(row)) / cases.peak_density.find((c) => c.na === row.na && c.wavelength === row.wavelength)!.per_um2,
    ).toBeCloseTo(1, 3)
  })

  it.each(cases.axial)('the intensity on the axis is right at NA $na, defocus $defocus', (row) => {
    expect(Math.abs(psf(0, row.defocus, pupilOf(row)) / peak(row) - row.intensity)).toBeLessThan(1e-3)
  })

  it.each(cases.axial_paraxial)('at small aperture the axial profile is a squared sinc (defocus $defocus)', (row) => {
    expect(Math.abs(psf(0, row.defocus, pupilOf(row)) / peak(row) - row.intensity)).toBeLessThan(0.02)
  })

  it('the in-focus transfer function is the overlap of two circles, and so is its table', () => {
    const pupil = { numericalAperture: 0.4, wavelengthUm: 0.525 }
    const table = new TransferTables(pupil).at(0)
    for (const [i, share] of cases.otf_in_focus.of_cutoff.entries()) {
      const expected = cases.otf_in_focus.value[i]!
      expect(transferAt(share * cutoff(0.4, 0.525), 0, pupil)).toBeCloseTo(expected, 5)
      expect(Math.abs(table[Math.round(Math.sqrt(share) * radialBins)]! - expected)).toBeLessThan(5e-4)
    }
  })

  it('a table agrees with the direct integral out of focus', () => {
    const pupil = { numericalAperture: 0.75, wavelengthUm: 0.525, aberration: 0.06 }
    for (const defocus of [-6, 2.5, 30]) {
      const table = new TransferTables(pupil).at(defocus)
      for (const t of [0.05, 0.2, 0.37, 0.5, 0.8])
        expect(Math.abs(table[Math.round(t * radialBins)]! - transferAt(cutoff(0.75, 0.525) * t * t, defocus, pupil))).toBeLessThan(2e-3)
    }
  })

  it('energy is kept at every defocus', () => {
    const pupil = { numericalAperture: 0.75, wavelengthUm: 0.615, aberration: 0.06 }
    for (const defocus of [-20, -1, 0, 3.3, 40]) expect(transferAt(0, defocus, pupil)).toBeCloseTo(1, 9)
  })

  it.each(cases.pixel_energy)('one pixel at NA $na catches its share of a point', ({ na, wavelength, pixel, energy }) => {
    const values = transfer({ numericalAperture: na, wavelengthUm: wavelength, index: cases.index }, 0)
    const top = cutoff(na, wavelength)
    let sum = 0
    for (let i = 0; i < steps; i++)
      for (let a = 0; a < 64; a++) {
        const f = (top * (i + 0.5)) / steps
        const angle = (Math.PI / 2) * ((a + 0.5) / 64)
        sum += values[i]! * sinc(f * Math.cos(angle) * pixel) * sinc(f * Math.sin(angle) * pixel) * f
      }
    expect(Math.abs(sum * (top / steps) * ((2 * Math.PI) / 64) * pixel ** 2 - energy)).toBeLessThan(2e-3)
  })

  it('the collected fraction and the light cone follow from the aperture', () => {
    for (const { na, fraction } of cases.collected) expect(collectedFraction(na)).toBeCloseTo(fraction, 6)
    for (const { na, defocus, radius } of cases.defocus_radius) expect(defocus * blurSlope(na)).toBeCloseTo(radius, 6)
  })

  it('the camera has the documented offset, gain and read noise', () => {
    expect(detector.offset).toBe(cases.camera.offset)
    expect(detector.gainElectronsPerAdu).toBe(cases.camera.gain)
    expect(detector.readNoiseElectrons).toBe(cases.camera.read_noise)
  })
})
