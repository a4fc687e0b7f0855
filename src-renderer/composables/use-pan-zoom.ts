/** Hands on the picture: wheel zooms, drag moves, double-click centres, a click chooses, Ctrl+wheel focuses. One eye for every pane. */
import { useEventListener } from '@vueuse/core'
import type { ShallowRef } from 'vue'
import { paneAt } from '../three/panes.ts'
import type { ImageScene } from '../three/scene.ts'
import { fieldPoint, type Point, panBy, zoomAt } from '../three/view.ts'

export interface PanZoomEvents {
  readonly changed: () => void
  /** The place under the pointer, 0…1 of the field; null when it left the picture. */
  readonly hover: (place: Point | null) => void
  readonly center: (place: Point) => void
  /** A click that moved nothing. */
  readonly click: (place: Point) => void
  /** Notches of the wheel, positive away from the hand. */
  readonly focus: (notches: number, coarse: boolean) => void
}

/** CSS pixels that a hand in a glove moves within a click. */
const tolerance = 5

export function usePanZoom(canvas: Readonly<ShallowRef<HTMLCanvasElement | null>>, scene: () => ImageScene | null, events: PanZoomEvents) {
  let drag: { readonly id: number; x: number; y: number; readonly from: Point } | null = null
  let notches = 0

  /** Pointer → point within its pane, CSS pixels. */
  function inPane(event: MouseEvent): Point | null {
    const current = scene()
    const box = canvas.value?.getBoundingClientRect()
    if (!current || !box) return null
    const pane = paneAt(current.panes, event.clientX - box.left)
    return pane && { x: event.clientX - box.left - pane.x, y: event.clientY - box.top }
  }

  function placeOf(event: MouseEvent): Point | null {
    const current = scene()
    const at = inPane(event)
    const field = current?.field
    if (!current || !at || !field) return null
    const point = fieldPoint(current.shownView, at, current.pane)
    const place = { x: point.x / field.width, y: point.y / field.height }
    return place.x >= 0 && place.x < 1 && place.y >= 0 && place.y < 1 ? place : null
  }

  function zoom(factor: number, at?: Point): void {
    const current = scene()
    if (!current?.field) return
    const { pane, field, shownView } = current
    current.view = zoomAt(shownView, factor, at ?? { x: pane.width / 2, y: pane.height / 2 }, pane, field)
    events.changed()
  }

  function fit(): void {
    const current = scene()
    if (!current) return
    current.view = null
    events.changed()
  }

  useEventListener(
    canvas,
    'wheel',
    (event: WheelEvent) => {
      event.preventDefault()
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY / 100 : event.deltaY / 3
      if (event.ctrlKey) {
        notches -= lines
        const whole = Math.trunc(notches)
        notches -= whole
        if (whole !== 0) events.focus(whole, event.shiftKey)
      } else {
        const at = inPane(event)
        if (at) zoom(Math.exp(-lines * 0.2), at)
      }
    },
    { passive: false },
  )
  useEventListener(canvas, 'pointerdown', (event: PointerEvent) => {
    if (event.button !== 0) return
    canvas.value?.setPointerCapture(event.pointerId)
    const [x, y] = [event.clientX, event.clientY]
    drag = { id: event.pointerId, x, y, from: { x, y } }
  })
  useEventListener(canvas, 'pointermove', (event: PointerEvent) => {
    const current = scene()
    if (drag?.id === event.pointerId && current?.field) {
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y]
      if (dx !== 0 || dy !== 0) {
        current.view = panBy(current.shownView, dx, dy, current.field)
        drag = { ...drag, x: event.clientX, y: event.clientY }
        events.changed()
      }
    }
    events.hover(placeOf(event))
  })
  useEventListener(canvas, ['pointerup', 'pointercancel'], (event: PointerEvent) => {
    const stayed = drag && Math.hypot(event.clientX - drag.from.x, event.clientY - drag.from.y) < tolerance
    const place = event.type === 'pointerup' && stayed ? placeOf(event) : null
    drag = null
    if (place) events.click(place)
  })
  useEventListener(canvas, 'pointerleave', () => events.hover(null))
  useEventListener(canvas, 'dblclick', (event: MouseEvent) => {
    const place = placeOf(event)
    if (place) events.center(place)
  })

  return { zoom, fit }
}
