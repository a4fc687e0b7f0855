/**
 * Where the eye is: which point of the field lies in the middle of a pane, and how large. The field is measured in pixels of the raw
 * picture, x right, y down, from the top left corner; every picture of the field shares it whatever its own grid.
 */

export interface Size {
  readonly width: number
  readonly height: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface View extends Point {
  /** CSS pixels for one pixel of the field. */
  readonly zoom: number
}

const largestZoom = 64

/** The whole field, as large as it fits. */
export function fitView(field: Size, pane: Size): View {
  const zoom = Math.min(pane.width / field.width, pane.height / field.height)
  return { x: field.width / 2, y: field.height / 2, zoom: zoom > 0 && Number.isFinite(zoom) ? zoom : 1 }
}

/** Zooms about a point of the pane, which stays where it is. */
export function zoomAt(view: View, factor: number, at: Point, pane: Size, field: Size): View {
  const smallest = Math.min(1, fitView(field, pane).zoom / 2)
  const zoom = Math.max(smallest, Math.min(largestZoom, view.zoom * factor))
  const fixed = fieldPoint(view, at, pane)
  return clampView({ x: fixed.x - (at.x - pane.width / 2) / zoom, y: fixed.y - (at.y - pane.height / 2) / zoom, zoom }, field)
}

/** Moves the picture by a distance on the screen. */
export function panBy(view: View, dx: number, dy: number, field: Size): View {
  return clampView({ ...view, x: view.x - dx / view.zoom, y: view.y - dy / view.zoom }, field)
}

/** The point of the field under a point of the pane. */
export function fieldPoint(view: View, at: Point, pane: Size): Point {
  return { x: view.x + (at.x - pane.width / 2) / view.zoom, y: view.y + (at.y - pane.height / 2) / view.zoom }
}

/** Where the whole field lies in a pane, CSS pixels from its upper left corner. */
export function fieldBox(view: View, field: Size, pane: Size): Point & Size {
  const { zoom } = view
  return {
    x: pane.width / 2 - view.x * zoom,
    y: pane.height / 2 - view.y * zoom,
    width: field.width * zoom,
    height: field.height * zoom,
  }
}

/** The middle of the pane never leaves the field, so the picture cannot be lost. */
function clampView(view: View, field: Size): View {
  const within = (value: number, end: number) => Math.max(0, Math.min(end, value))
  return { ...view, x: within(view.x, field.width), y: within(view.y, field.height) }
}
