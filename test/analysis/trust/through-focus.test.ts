/** A refocused stack brought back through the optics. Expected values come from the image formation of docs/optics.md, summed directly. */
import { describe, expect, test } from 'vitest'
import { backAtFocus, explainStack, type FocusOptics, judgedDistances, type RefocusedStack } from '#main/analysis/trust/through-focus.ts'
import { transformFor } from '#main/analysis/trust/transform.ts'
import type { Plane } from '#shared/image/plane.ts'
import { type Emitter, seenAt } from '#test/helpers/volume.ts'
import { normals } from './pictures.ts'

const optics: FocusOptics = { numericalAperture: 0.75, wavelengthUm: 0.57, index: 1.33, aberration: 0.085, target: 'widefield' }
const side = 144
const pixelUm = 0.325
const noise = { ground: 1, slope: 0, least: 1 }

/** Points anywhere in the volume, the same for the same seed. */
function points(count: number, seed: number): Emitter[] {
  const drawn = normals(4 * count, seed)
  const within = (value: number, reach: number) => reach * (2 / (1 + Math.exp(-1.6 * value)) - 1)
  return Array.from({ length: count }, (_, i) => ({
    x: Math.round(side / 2 + within(drawn[4 * i] as number, side / 2 - 1)),
    y: Math.round(side / 2 + within(drawn[4 * i + 1] as number, side / 2 - 1)),
    z: Math.round(within(drawn[4 * i + 2] as number, 9) * 2) / 2,
    light: 1000 * (1 + Math.abs(drawn[4 * i + 3] as number)),
  }))
}

/** With the focus at `focus` µm, over a ground of 100. */
const seen = (emitters: readonly Emitter[], focus: number) => seenAt(emitters, [focus], optics, side, pixelUm, 100)[0] as Plane

/** With the plane in focus, which must not be looked at. */
const foci = judgedDistances('confocal', [-10, 10])

const stackOf = (planes: readonly Plane[], input: Plane = planes[4] as Plane): RefocusedStack => ({
  input,
  width: side,
  height: side,
  pixelUm,
  distancesUm: foci,
  planes: planes.map(({ data }) => data),
})

describe('a transform and its inverse', () => {
  test('give the picture back', () => {
    const data = Float32Array.from(normals(60 * 36, 3))
    const transform = transformFor(60, 36)
    const back = transform.inverse(transform.forward({ width: 60, height: 36, data }))
    for (const [i, value] of back.data.entries()) expect(value).toBeCloseTo(data[i] as number, 4)
  })
})

describe('what a network is judged by', () => {
  test('lies within what it was trained for', () => {
    expect(judgedDistances('widefield', [-10, 10])).toEqual([-8, -6, -4, -2, 2, 4, 6, 8])
    expect(judgedDistances('confocal', [-5, 3])).toEqual([-4, -2, 0, 2])
  })
})

describe('the true stack of a specimen', () => {
  const specimen = points(120, 1)
  const input = seen(specimen, 0)
  const truth = foci.map((d) => seen(specimen, d))

  test('brought back through the optics is the input, although the planes next to it are left out', () => {
    const found = explainStack(stackOf(truth, input), optics, noise)
    expect(found?.fit.rsp).toBeGreaterThan(0.95)
    expect(found?.fit.factor).toBeGreaterThan(0.8)
    expect(found?.fit.factor).toBeLessThan(1.25)
  })

  test('says nothing of the plane in focus itself: whatever a network repeats there is not looked at', () => {
    const other = truth.map((plane, i) => (foci[i] === 0 ? seen(points(50, 9), 0) : plane))
    const a = backAtFocus(stackOf(truth), optics)
    const b = backAtFocus(stackOf(other), optics)
    expect(b.data).toEqual(a.data)
  })

  test('is compared at the same place where the input has larger pixels', () => {
    const half = (plane: Plane): Plane => {
      const data = new Float32Array((side / 2) ** 2)
      for (const i of data.keys()) {
        const at = 2 * Math.floor(i / (side / 2)) * side + 2 * (i % (side / 2))
        data[i] = [0, 1, side, side + 1].reduce((sum, step) => sum + (plane.data[at + step] as number), 0) / 4
      }
      return { width: side / 2, height: side / 2, data }
    }
    const whole = explainStack(stackOf(truth, input), optics, noise)
    const coarse = explainStack(stackOf(truth, half(input)), optics, noise)
    expect(coarse?.fit.rsp).toBeCloseTo(whole?.fit.rsp ?? 0, 3)
  })

  test('keeps even light', () => {
    const even = foci.map(() => ({ width: side, height: side, data: new Float32Array(side * side).fill(250) }))
    for (const value of backAtFocus(stackOf(even), optics).data) expect(value).toBeCloseTo(250, 0)
  })

  test('a stack of another specimen does not explain the input', () => {
    const elsewhere = points(120, 2)
    const found = explainStack(
      stackOf(
        foci.map((d) => seen(elsewhere, d)),
        input,
      ),
      optics,
      noise,
    )
    expect(found?.fit.rsp).toBeLessThan(0.5)
  })

  test('light invented far from focus is missed in the input, where it would have to be', () => {
    const invented = [...specimen, { x: 80, y: 60, z: 6, light: 40_000 }]
    const found = explainStack(
      stackOf(
        foci.map((d) => seen(invented, d)),
        input,
      ),
      optics,
      noise,
    )
    const honest = explainStack(stackOf(truth, input), optics, noise)
    if (!found || !honest) throw new Error('too small')
    expect(found.fit.rsp).toBeLessThan(honest.fit.rsp - 0.02)
    const { width, residual } = found.fit
    const least = residual.indexOf(Math.min(...residual))
    const place = (at: number) => Math.ceil(6 / pixelUm) + (at + 0.5) * 4
    expect(Math.abs(place(least % width) - 80)).toBeLessThan(14)
    expect(Math.abs(place(Math.floor(least / width)) - 60)).toBeLessThan(14)
  })
})

test('confocal planes are sections: each is blurred by its distance, and together they are the input', () => {
  const specimen = points(60, 4)
  const near = (d: number) => specimen.filter(({ z }) => Math.abs(z - d) <= 1)
  const sections = foci.map((d) =>
    seen(
      near(d).map((emitter) => ({ ...emitter, z: 0 })),
      0,
    ),
  )
  const inside = specimen.filter(({ z }) => foci.some((d) => Math.abs(z - d) <= 1))
  const snapped = inside.map((emitter) => ({
    ...emitter,
    z: foci.reduce((a, b) => (Math.abs(b - emitter.z) < Math.abs(a - emitter.z) ? b : a)),
  }))
  const found = explainStack(stackOf(sections, seen(snapped, 0)), { ...optics, target: 'confocal' }, noise)
  expect(found?.fit.rsp).toBeGreaterThan(0.9)
})

test('a point away from the objective is blurred as the optics blur there, not as on the other side of focus', () => {
  const strong = { ...optics, aberration: 0.25, target: 'confocal' as const }
  const point = { x: 72, y: 72, z: 4, light: 100_000 }
  const input = seenAt([point], [0], strong, side, pixelUm, 100)[0] as Plane
  const stackAt = (distance: number) =>
    stackOf(
      foci.map((d) => seenAt(d === distance ? [{ ...point, z: 0 }] : [], [0], strong, side, pixelUm, 100)[0] as Plane),
      input,
    )
  const [there, opposite] = [4, -4].map((distance) => explainStack(stackAt(distance), strong, noise)?.fit.rsp ?? 0) as [number, number]
  expect(there).toBeGreaterThan(0.95)
  expect(opposite).toBeLessThan(there - 0.02)
})

test('a picture narrower than its blur is not judged', () => {
  const small = { width: 32, height: 32, data: new Float32Array(1024) }
  const stack = { ...stackOf([]), width: 32, height: 32, planes: foci.map(() => small.data) }
  expect(explainStack({ ...stack, input: small }, optics, noise)).toBeNull()
})
