/**
 * Draws the raw and the enhanced picture of one field into one canvas, under a curtain or side by side, with one eye for both, and a
 * map over one of them.
 *
 *   drawing ──context lost──▶ lost ──context restored──▶ drawing
 */
import { Color, type DataTexture, OrthographicCamera, Scene, WebGLRenderer } from 'three'
import { type ColorMapName, colorMapTexture } from './colormap.ts'
import { type Layer, type Layout, overlaid, type Pane, panes, possibleLayout, type Slot } from './panes.ts'
import type { Picture } from './picture-texture.ts'
import { type Display, Plane } from './plane.ts'
import { fitView, type Size, type View } from './view.ts'

export interface SceneEvents {
  /** The browser took the graphics context away; nothing is drawn until it comes back. */
  readonly onLost: () => void
  readonly onRestored: () => void
}

/** How a map is laid over a picture. */
export interface OverlayDisplay {
  readonly colorMap: ColorMapName
  readonly low: number
  readonly high: number
  /** 0…1 */
  readonly opacity: number
}

export class ImageScene implements Disposable {
  readonly #renderer: WebGLRenderer
  readonly #scene = new Scene()
  readonly #camera = new OrthographicCamera()
  readonly #planes: Readonly<Record<Slot, Plane>>
  readonly #overlay: Plane
  #colorMap: DataTexture = colorMapTexture('gray')
  #overlayColorMap: DataTexture = colorMapTexture('inferno')
  #overlayColorName: ColorMapName = 'inferno'
  #size: Size = { width: 1, height: 1 }
  #lost = false

  layout: Layout = 'curtain'
  /** Place of the divider, 0…1 of the width. */
  curtain = 0.5
  /** null: the whole field. */
  view: View | null = null

  /** Throws where the browser has no WebGL2. */
  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly events: SceneEvents,
  ) {
    const context = canvas.getContext('webgl2', { antialias: false, alpha: false, depth: false, preserveDrawingBuffer: false })
    if (!context) throw new Error('This browser has no WebGL2.')
    this.#renderer = new WebGLRenderer({ canvas, context })
    this.#renderer.autoClear = false
    this.#renderer.setScissorTest(true)
    this.#planes = { raw: new Plane(this.#colorMap), enhanced: new Plane(this.#colorMap) }
    this.#overlay = new Plane(this.#overlayColorMap, true)
    this.#scene.add(this.#planes.raw.mesh, this.#planes.enhanced.mesh, this.#overlay.mesh)
    canvas.addEventListener('webglcontextlost', this.#onLost)
    canvas.addEventListener('webglcontextrestored', this.#onRestored)
  }

  /** The field that the pictures show, in raw pixels. */
  get field(): Size | null {
    return this.#planes.raw.size ?? this.#planes.enhanced.size
  }

  get size(): Size {
    return this.#size
  }

  has(slot: Slot): boolean {
    return this.#planes[slot].size !== null
  }

  /** The layout that is really drawn. */
  get shownLayout(): Layout {
    return possibleLayout(this.layout, { raw: this.has('raw'), enhanced: this.has('enhanced') })
  }

  get panes(): readonly Pane[] {
    return panes(this.shownLayout, this.#size.width, this.curtain)
  }

  /** Size of one pane, the same for all. */
  get pane(): Size {
    return { width: this.panes[0]?.width ?? this.#size.width, height: this.#size.height }
  }

  /** The eye as it is used: the wanted one, or the whole field. */
  get shownView(): View {
    return this.view ?? fitView(this.field ?? { width: 1, height: 1 }, this.pane)
  }

  /** The pixels must stay untouched until the next `draw`, which sends them to the GPU. */
  show(layer: Layer, picture: Picture | null): void {
    const plane = layer === 'overlay' ? this.#overlay : this.#planes[layer]
    plane.show(picture)
  }

  setDisplay(display: Display): void {
    for (const plane of Object.values(this.#planes)) plane.setDisplay(display)
  }

  setColorMap(name: ColorMapName): void {
    this.#colorMap.dispose()
    this.#colorMap = colorMapTexture(name)
    for (const plane of Object.values(this.#planes)) plane.setColorMap(this.#colorMap)
  }

  setOverlay({ colorMap, low, high, opacity }: OverlayDisplay): void {
    // Maps are coarser than pictures; their cells have no edges in the sample.
    this.#overlay.setDisplay({ low, high, gamma: 1, smooth: true })
    this.#overlay.setOpacity(opacity)
    if (colorMap === this.#overlayColorName) return
    this.#overlayColorMap.dispose()
    this.#overlayColorMap = colorMapTexture(colorMap)
    this.#overlayColorName = colorMap
    this.#overlay.setColorMap(this.#overlayColorMap)
  }

  setBackground(color: string): void {
    this.#renderer.setClearColor(new Color(color), 1)
  }

  /** CSS pixels, and device pixels for each. */
  resize(size: Size, pixelRatio: number): void {
    this.#size = { width: Math.max(1, size.width), height: Math.max(1, size.height) }
    this.#renderer.setPixelRatio(pixelRatio)
    this.#renderer.setSize(this.#size.width, this.#size.height, false)
  }

  draw(): void {
    if (this.#lost) return
    const { width, height } = this.#size
    this.#renderer.setViewport(0, 0, width, height)
    this.#renderer.setScissor(0, 0, width, height)
    this.#renderer.clear()
    const field = this.field
    if (!field) return
    const all = this.panes
    const under = overlaid(all)
    for (const pane of all) this.#drawPane(pane, field, pane.slot === under)
  }

  [Symbol.dispose](): void {
    this.canvas.removeEventListener('webglcontextlost', this.#onLost)
    this.canvas.removeEventListener('webglcontextrestored', this.#onRestored)
    for (const plane of Object.values(this.#planes)) plane[Symbol.dispose]()
    this.#overlay[Symbol.dispose]()
    this.#colorMap.dispose()
    this.#overlayColorMap.dispose()
    this.#renderer.dispose()
  }

  #drawPane(pane: Pane, field: Size, withOverlay: boolean): void {
    if (pane.scissorWidth <= 0 || !this.has(pane.slot)) return
    const { x, y, zoom } = this.shownView
    const halfWidth = pane.width / 2 / zoom
    const halfHeight = this.#size.height / 2 / zoom
    this.#camera.left = x - halfWidth
    this.#camera.right = x + halfWidth
    // The field's y runs downwards.
    this.#camera.top = y - halfHeight
    this.#camera.bottom = y + halfHeight
    this.#camera.near = -1
    this.#camera.far = 1
    this.#camera.updateProjectionMatrix()
    for (const [slot, plane] of Object.entries(this.#planes)) plane.mesh.visible = slot === pane.slot
    this.#planes[pane.slot].cover(field)
    this.#overlay.mesh.visible = withOverlay && this.#overlay.size !== null
    this.#overlay.cover(field)
    this.#renderer.setViewport(pane.x, 0, pane.width, this.#size.height)
    this.#renderer.setScissor(pane.scissorX, 0, pane.scissorWidth, this.#size.height)
    this.#renderer.render(this.#scene, this.#camera)
  }

  readonly #onLost = (event: Event) => {
    // Without this the browser would never give the context back.
    event.preventDefault()
    this.#lost = true
    this.events.onLost()
  }

  readonly #onRestored = () => {
    this.#lost = false
    this.events.onRestored()
  }
}
