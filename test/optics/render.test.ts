import { describe, expect, it } from 'vitest'
import { Detector, detector } from '#main/devices/simulated/noise.ts'
import { detectionEfficiency } from '#main/devices/simulated/render.ts'
import { PoseRenderer, renderPose } from '#main/devices/simulated/render-field.ts'
import type { Pose } from '#main/devices/simulated/scene.ts'
import { endothelialLayer } from '#main/devices/simulated/specimen.ts'
import { Emitters, type Specimen } from '#main/devices/simulated/specimen-emitters.ts'
import { collectedFraction, cutoff, sphericalAberration, transferAt } from '#shared/optics.ts'

const low = { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 }
const high = { id: '20x', label: '20×/0.75', magnification: 20, numericalAperture: 0.75, pixelSizeUm: 0.325 }
const photons = 40_000
const exposureMs = 20

/** Points at z = 0, without haze. */
function beads(...places: readonly (readonly [number, number])[]): Specimen {
  const emitters = new Emitters()
  for (const [x, y] of places) emitters.add(x, y, 0, 0, photons)
  return { visit: (_channel, _area, _spacing, callback) => callback(emitters), haze: () => 0 }
}

const at = (x: number, y: number, z = 0, level = 50): Pose => ({ x, y, z, objective: '10x', light: { B: level } })
const small = (specimen: Specimen, objective = low, width = 64, height = 64) => new PoseRenderer({ specimen, objective, width, height })
const sum = (values: Float32Array) => values.reduce((total, value) => total + value, 0)
const top = (values: Float32Array) => values.reduce((most, value) => Math.max(most, value), 0)
const electrons = (numericalAperture: number) => photons * exposureMs * 0.5 * collectedFraction(numericalAperture) * detectionEfficiency

function centroid(values: Float32Array, width: number): { x: number; y: number } {
  const total = sum(values)
  let x = 0
  let y = 0
  for (let i = 0; i < values.length; i++) {
    x += (values[i]! * (i % width)) / total
    y += (values[i]! * Math.floor(i / width)) / total
  }
  return { x, y }
}

/** Bessel function of order 0 by its integral (Abramowitz & Stegun 9.1.21). */
function bessel0(x: number): number {
  const steps = 30 + Math.ceil(2 * x)
  let total = 0
  for (let i = 0; i < steps; i++) total += Math.cos(x * Math.sin((Math.PI * (i + 0.5)) / steps))
  return total / steps
}

/** Cubic interpolation (Catmull & Rom 1974) of values that are symmetric about 0. */
function between(values: readonly number[], place: number): number {
  const k = Math.floor(place)
  const t = place - k
  const [a, b, c, d] = [values[Math.abs(k - 1)]!, values[k]!, values[k + 1]!, values[k + 2]!]
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
}

/** The energy of a point in one pixel, by brute force: the point-spread function integrated over the pixel. */
function boxIntegrals(
  objective: typeof low,
  defocus: number,
  offset: { x: number; y: number },
  reach: number,
): (i: number, j: number) => number {
  const pupil = { numericalAperture: objective.numericalAperture, wavelengthUm: 0.525, aberration: sphericalAberration }
  const edge = cutoff(objective.numericalAperture, 0.525)
  const count = 500
  const otf = Array.from({ length: count }, (_, i) => transferAt((edge * (i + 0.5)) / count, defocus, pupil))
  const step = 0.01
  const radial = Array.from({ length: Math.ceil((reach * 1.6) / step) + 3 }, (_, r) =>
    otf.reduce((total, value, i) => {
      const f = (edge * (i + 0.5)) / count
      return total + 2 * Math.PI * f * value * bessel0(2 * Math.PI * f * r * step) * (edge / count)
    }, 0),
  )
  // Gauss–Legendre, five points along each side of the pixel.
  const nodes = [-0.906179845938664, -0.5384693101056831, 0, 0.5384693101056831, 0.906179845938664]
  const weights = [0.2369268850561891, 0.4786286704993665, 0.5688888888888889, 0.4786286704993665, 0.2369268850561891]
  return (i, j) => {
    let total = 0
    for (const [b, v] of nodes.entries())
      for (const [a, u] of nodes.entries()) {
        const x = (i + u / 2) * objective.pixelSizeUm - offset.x
        const y = (j + v / 2) * objective.pixelSizeUm - offset.y
        const place = Math.hypot(x, y) / step
        total += (weights[a]! * weights[b]! * between(radial, place)) / 4
      }
    return total * objective.pixelSizeUm ** 2
  }
}

describe('the picture of a bead', () => {
  it.each([
    { objective: low, defocus: 0 },
    { objective: low, defocus: 4 },
    { objective: high, defocus: 0 },
    { objective: high, defocus: -2 },
  ])(
    'equals box integration of the point-spread function, aliasing and all ($objective.label, defocus $defocus)',
    ({ objective, defocus }) => {
      const bead = { x: 0.13, y: -0.21 }
      const width = 63
      const picture = small(beads([bead.x, bead.y]), objective, width, width).expected(at(0, 0, -defocus), exposureMs)
      const expected = boxIntegrals(objective, defocus, bead, 7 * objective.pixelSizeUm)
      const total = electrons(objective.numericalAperture)
      let worst = 0
      for (let j = -6; j <= 6; j++)
        for (let i = -6; i <= 6; i++) worst = Math.max(worst, Math.abs(picture[(31 + j) * width + 31 + i]! / total - expected(i, j)))
      expect(worst / expected(0, 0)).toBeLessThan(1e-4)
    },
  )

  it('moves by whole pixels without change when the stage moves by whole pixels', () => {
    const renderer = small(beads([0.1, 0.2], [5, -7], [-9, 4]))
    const before = renderer.expected(at(0, 0), exposureMs)
    const after = renderer.expected(at(3 * 0.65, -2 * 0.65), exposureMs)
    let worst = 0
    for (let y = 4; y < 60; y++)
      for (let x = 4; x < 58; x++) worst = Math.max(worst, Math.abs(after[y * 64 + x]! - before[(y - 2) * 64 + x + 3]!))
    expect(worst / top(before)).toBeLessThan(1e-4)
  })

  it('moves by fractions of a pixel as the stage does', () => {
    const renderer = small(beads([0, 0]))
    for (const step of [0.1, 0.25, 0.6]) {
      const place = centroid(renderer.expected(at(step * 0.65, -step * 1.3), exposureMs), 64)
      // Tails cut by the frame pull the centroid a little towards the middle.
      expect(place.x).toBeCloseTo(31.5 - step, 1)
      expect(place.y).toBeCloseTo(31.5 + 2 * step, 1)
    }
  })

  it('is diluted by defocus, not dimmed', () => {
    const renderer = small(beads([0, 0]), low, 128, 128)
    const pictures = [0, 4, 10, 20].map((z) => renderer.expected(at(0, 0, z), exposureMs))
    const peaks = pictures.map(top)
    expect(peaks).toEqual([...peaks].sort((a, b) => b - a))
    expect(peaks[3]! / peaks[0]!).toBeLessThan(0.06)
    // What lies within the frame; Airy's tails outside hold about one percent.
    for (const picture of pictures) expect(sum(picture) / electrons(0.4)).toBeGreaterThan(0.975)
    for (const picture of pictures) expect(sum(picture) / electrons(0.4)).toBeLessThan(1.001)
  })

  it('does not come round from the other side when the bead lies outside the field', () => {
    const renderer = small(beads([64 * 0.325 + 15, 0]))
    const picture = renderer.expected(at(0, 0), exposureMs)
    const inside = small(beads([0, 0])).expected(at(0, 0), exposureMs)
    let left = 0
    for (let y = 0; y < 64; y++) for (let x = 0; x < 32; x++) left = Math.max(left, picture[y * 64 + x]!)
    expect(left / top(inside)).toBeLessThan(1e-4)
  })

  it('is sharper at 20×/0.75 by the ratio of the apertures', () => {
    const widthOf = (objective: typeof low) => {
      // A line of pixels through the bead at many sub-pixel places gives the profile between the pixels.
      const renderer = small(beads([0, 0]), objective, 33, 33)
      const profile: [number, number][] = []
      for (let s = 0; s < 12; s++) {
        const shift = (s / 12 - 0.5) * objective.pixelSizeUm
        const picture = renderer.expected(at(shift, 0), exposureMs)
        for (let i = -3; i <= 3; i++) profile.push([Math.abs(i * objective.pixelSizeUm + shift), picture[16 * 33 + 16 + i]!])
      }
      profile.sort((a, b) => a[0] - b[0])
      return 2 * profile.find(([, value]) => value < profile[0]![1] / 2)![0]
    }
    // Both the Airy disc and the pixel scale almost alike: 0.4/0.75 and 1/2.
    expect(widthOf(high) / widthOf(low)).toBeGreaterThan(0.48)
    expect(widthOf(high) / widthOf(low)).toBeLessThan(0.56)
  })

  it('scales with exposure, light and the collected fraction', () => {
    const renderer = small(beads([0, 0]))
    const picture = sum(renderer.expected(at(0, 0), 20))
    expect(sum(renderer.expected(at(0, 0), 40)) / picture).toBeCloseTo(2, 5)
    expect(sum(renderer.expected(at(0, 0, 0, 100), 20)) / picture).toBeCloseTo(2, 5)
    const sharp = sum(small(beads([0, 0]), high, 128, 128).expected(at(0, 0), 20))
    expect(sharp / picture).toBeCloseTo(collectedFraction(0.75) / collectedFraction(0.4), 1)
  })
})

describe('the specimen', () => {
  it('is dark with the light off: offset and read noise only', () => {
    const { expected, counts } = renderPose({ pose: { ...at(0, 0), light: {} }, exposureMs, objective: low, width: 256, height: 256 })
    expect(top(expected)).toBe(0)
    const mean = counts.reduce((total, value) => total + value, 0) / counts.length
    const variance = counts.reduce((total, value) => total + (value - mean) ** 2, 0) / counts.length
    expect(mean).toBeCloseTo(detector.offset, 1)
    // Rounding to whole counts adds 1/12.
    expect(Math.sqrt(variance)).toBeCloseTo(Math.sqrt((1.6 / 0.46) ** 2 + 1 / 12), 1)
  })

  it('is the same with the same seed, another with another, and no place repeats', () => {
    const draw = (seed: number, x: number) => small(endothelialLayer(seed)).expected(at(x, 0), exposureMs)
    const first = draw(3, 0)
    expect(draw(3, 0)).toEqual(first)
    expect(draw(4, 0)).not.toEqual(first)
    for (const x of [400, 2000, -2000]) expect(draw(3, x)).not.toEqual(first)
  })

  it('looks the same whether its window was drawn at once or grew with the motion', () => {
    const moved = small(endothelialLayer(3), low, 64, 64)
    for (const x of [0, 60, 120]) moved.expected(at(x, x / 2), exposureMs)
    const a = moved.expected(at(150, 80), exposureMs)
    const b = small(endothelialLayer(3), low, 64, 64).expected(at(150, 80), exposureMs)
    const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
    expect(worst / top(a)).toBeLessThan(2e-3)
  })

  it('gives a picture of some hundred electrons with 20 ms at half light, in each channel', () => {
    for (const channel of ['A', 'B', 'C']) {
      const { expected } = renderPose({
        pose: { ...at(0, 0, 1), light: { [channel]: 50 } },
        exposureMs: 20,
        objective: low,
        width: 192,
        height: 192,
      })
      const sorted = expected.slice().sort()
      expect(sorted[Math.floor(sorted.length * 0.998)]).toBeGreaterThan(300)
      expect(sorted[Math.floor(sorted.length * 0.998)]).toBeLessThan(4000)
      expect(sorted[0]).toBeGreaterThanOrEqual(-0.5)
    }
  })

  it('saturates at 16 bits when over-exposed', () => {
    const picture = small(beads([0, 0])).expected(at(0, 0, 0, 100), 2000)
    const counts = new Detector(1).expose(picture)
    expect(top(picture) / 0.46).toBeGreaterThan(65535)
    expect(Math.max(...counts)).toBe(65535)
  })

  it('sums the channels that are lit together', () => {
    const specimen = endothelialLayer(3)
    const renderer = small(specimen)
    const lights: readonly Record<string, number>[] = [{ A: 40 }, { B: 60 }, { A: 40, B: 60 }]
    const [a, b, both] = lights.map((light) => renderer.expected({ ...at(0, 0), light }, exposureMs))
    for (let i = 0; i < 64 * 64; i += 97) expect(both![i]).toBeCloseTo(a![i]! + b![i]!, 1)
  })
})
