import { describe, expect, it } from 'vitest'
import { paneAt, panes, possibleLayout } from '#renderer/three/panes.ts'
import { fieldBox, fieldPoint, fitView, panBy, zoomAt } from '#renderer/three/view.ts'
import { markAt, windowMarks } from '#renderer/window-marks.ts'

const field = { width: 512, height: 512 }
const pane = { width: 1000, height: 600 }

describe('the eye', () => {
  it('fits the whole field into the pane, centred', () => {
    expect(fitView(field, pane)).toEqual({ x: 256, y: 256, zoom: 600 / 512 })
  })

  it('keeps the point under the pointer where it is while zooming', () => {
    const at = { x: 640, y: 210 }
    const before = fitView(field, pane)
    const after = zoomAt(before, 2.5, at, pane, field)
    expect(after.zoom).toBeCloseTo(before.zoom * 2.5)
    expect(fieldPoint(after, at, pane).x).toBeCloseTo(fieldPoint(before, at, pane).x)
    expect(fieldPoint(after, at, pane).y).toBeCloseTo(fieldPoint(before, at, pane).y)
  })

  it('lays the field out where the pane shows it', () => {
    // 1000 × 600: the field of 512 is 600 high, and 200 are left on either side.
    expect(fieldBox(fitView(field, pane), field, pane)).toEqual({ x: 200, y: 0, width: 600, height: 600 })
    // Twice as large, its point (100, 300) in the middle.
    expect(fieldBox({ x: 100, y: 300, zoom: 2 }, field, pane)).toEqual({ x: 300, y: -300, width: 1024, height: 1024 })
  })

  it('moves with the hand: a drag to the right shows what lies further left', () => {
    expect(panBy({ x: 256, y: 256, zoom: 2 }, 100, -50, field)).toEqual({ x: 206, y: 281, zoom: 2 })
  })

  it('cannot lose the field, nor zoom without end', () => {
    expect(panBy({ x: 256, y: 256, zoom: 1 }, 5000, 5000, field)).toMatchObject({ x: 0, y: 0 })
    expect(zoomAt(fitView(field, pane), 1e9, { x: 500, y: 300 }, pane, field).zoom).toBe(64)
    expect(zoomAt(fitView(field, pane), 1e-9, { x: 500, y: 300 }, pane, field).zoom).toBeCloseTo(300 / 512)
  })
})

describe('the marks of windows', () => {
  const window = (x: number, y: number, width: number, height: number, place: string) => ({
    ...{ x, y, width, height, place, novelty: null },
    ranked: [{ place: 'mitochondria', probability: 0.972 }],
  })
  const frame = { x: 10, y: 20, width: 400, height: 200 }
  const marks = windowMarks({ frame, windows: [window(10, 20, 100, 200, 'mitochondria'), window(110, 20, 300, 200, 'none of these')] })

  it('lie where the windows lie in the part of the picture that is shown', () => {
    expect(marks).toEqual([
      { left: 0, top: 0, width: 0.25, height: 1, words: 'mitochondria 97 %', named: true },
      { left: 0.25, top: 0, width: 0.75, height: 1, words: 'none of these', named: false },
    ])
  })

  it('are found under a point, and nowhere else', () => {
    expect([markAt(marks, 0.1, 0.99), markAt(marks, 0.25, 0), markAt(marks, 1, 0.5)]).toEqual([0, 1, null])
  })

  it('are left out where one window is the whole of it', () => {
    expect(windowMarks({ frame, windows: [window(10, 20, 400, 200, 'golgi')] })).toEqual([])
  })
})

describe('the panes', () => {
  it('cut both pictures at the curtain and lay them out alike', () => {
    const [raw, enhanced] = panes('curtain', 1000, 0.3)
    expect(raw).toEqual({ slot: 'raw', x: 0, width: 1000, scissorX: 0, scissorWidth: 300 })
    expect(enhanced).toEqual({ slot: 'enhanced', x: 0, width: 1000, scissorX: 300, scissorWidth: 700 })
  })

  it('are of the same size side by side, with a gutter between them', () => {
    const [raw, enhanced] = panes('side', 1001, 0.5)
    expect(raw?.width).toBe(enhanced?.width)
    expect((enhanced?.x ?? 0) - (raw?.width ?? 0)).toBeGreaterThanOrEqual(2)
    expect((enhanced?.x ?? 0) + (enhanced?.width ?? 0)).toBe(1001)
  })

  it('know which of them a point lies in', () => {
    expect(paneAt(panes('curtain', 100, 0.5), 49)?.slot).toBe('raw')
    expect(paneAt(panes('curtain', 100, 0.5), 50)?.slot).toBe('enhanced')
    expect(paneAt(panes('side', 100, 0.5), 50)).toBeNull()
  })

  it('show what there is when the other picture is missing', () => {
    expect(possibleLayout('curtain', { raw: true, enhanced: false })).toBe('raw')
    expect(possibleLayout('side', { raw: false, enhanced: true })).toBe('enhanced')
    expect(possibleLayout('enhanced', { raw: true, enhanced: false })).toBe('raw')
    expect(possibleLayout('side', { raw: true, enhanced: true })).toBe('side')
  })
})
