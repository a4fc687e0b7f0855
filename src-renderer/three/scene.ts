/**
 * Draws the raw and the enhanced picture of one field into one canvas, under a curtain or side by side, with one eye for both.
 *
 *   drawing ──context lost──▶ lost ──context restored──▶ drawing
 */
import { Color, type DataTexture, OrthographicCamera, Scene, WebGLRenderer } from 'three'
import { type ColorMapName, colorMapTexture } from './colormap.ts'
import { type Layout, type Pane, panes, possibleLayout, type Slot } from './panes.ts'
import type { Picture } from './picture-texture.ts'
import { type Display, Plane } from './plane.ts'
import { fitView, type Size, type View } from './view.ts'

export interface SceneEvents {
  /** The browser took the graphics context away; nothing is drawn until it comes back. */
  readonly onLost: () => void
  readonly onRestored: () => void
}

export class ImageScene implements Disposable {
  readonly #renderer: WebGLRenderer
  readonly #scene = new Scene()
  readonly #camera = new OrthographicCamera()
  readonly #planes: Readonly<Record<Slot, Plane>>
  #colorMap: DataTexture = colorMapTexture('gray')
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
    this.#scene.add(this.#planes.raw.mesh, this.#planes.enhanced.mesh)
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
  show(slot: Slot, picture: Picture | null): void {
    this.#planes[slot].show(picture)
  }

  setDisplay(display: Display): void {
    for (const plane of Object.values(this.#planes)) plane.setDisplay(display)
  }

  setColorMap(name: ColorMapName): void {
    this.#colorMap.dispose()
    this.#colorMap = colorMapTexture(name)
    for (const plane of Object.values(this.#planes)) plane.setColorMap(this.#colorMap)
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
    for (const pane of this.panes) this.#drawPane(pane, field)
  }

  [Symbol.dispose](): void {
    this.canvas.removeEventListener('webglcontextlost', this.#onLost)
    this.canvas.removeEventListener('webglcontextrestored', this.#onRestored)
    for (const plane of Object.values(this.#planes)) plane[Symbol.dispose]()
    this.#colorMap.dispose()
    this.#renderer.dispose()
  }

  #drawPane(pane: Pane, field: Size): void {
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
