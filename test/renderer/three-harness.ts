/** Runs in the browser under test: draws with the real scene and reads the pixels back in the same frame. */
import type { ColorMapName } from '#renderer/three/colormap.ts'
import type { Layout, Slot } from '#renderer/three/panes.ts'
import { ImageScene, type OverlayDisplay } from '#renderer/three/scene.ts'
import type { View } from '#renderer/three/view.ts'

export interface GivenPicture {
  readonly width: number
  readonly height: number
  readonly type: 'uint8' | 'uint16' | 'float32'
  readonly values: readonly number[]
}

export interface Drawing {
  readonly size: { readonly width: number; readonly height: number }
  readonly pictures: Partial<Record<Slot, GivenPicture>>
  readonly low: number
  readonly high: number
  readonly gamma?: number
  readonly smooth?: boolean
  readonly colorMap?: ColorMapName
  readonly layout?: Layout
  readonly curtain?: number
  readonly view?: View
  /** A map over the pictures. */
  readonly overlay?: OverlayDisplay & { readonly picture: GivenPicture }
  /** Where to read, CSS pixels from the top left. */
  readonly at: readonly (readonly [number, number])[]
}

const arrays = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array }

function setUp(drawing: Drawing, events: { onLost: () => void; onRestored: () => void }) {
  const canvas = document.createElement('canvas')
  document.body.append(canvas)
  const scene = new ImageScene(canvas, events)
  scene.setBackground('#102030')
  scene.resize(drawing.size, 1)
  scene.setDisplay({ low: drawing.low, high: drawing.high, gamma: drawing.gamma ?? 1, smooth: drawing.smooth ?? false })
  scene.setColorMap(drawing.colorMap ?? 'gray')
  scene.layout = drawing.layout ?? 'raw'
  scene.curtain = drawing.curtain ?? 0.5
  scene.view = drawing.view ?? null
  if (drawing.overlay) {
    const { width, height, type, values } = drawing.overlay.picture
    scene.setOverlay(drawing.overlay)
    scene.show('overlay', { width, height, data: new arrays[type](values) })
  }
  for (const [slot, { width, height, type, values }] of Object.entries(drawing.pictures)) {
    scene.show(slot as Slot, { width, height, data: new arrays[type](values) })
  }
  return { canvas, scene }
}

function read(canvas: HTMLCanvasElement, at: Drawing['at']): number[][] {
  const gl = canvas.getContext('webgl2')
  return at.map(([x, y]) => {
    const pixel = new Uint8Array(4)
    gl?.readPixels(x, canvas.height - 1 - y, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel)
    return [...pixel.subarray(0, 3)]
  })
}

/** The colours at the given points. */
export function draw(drawing: Drawing): number[][] {
  const { canvas, scene } = setUp(drawing, { onLost: () => undefined, onRestored: () => undefined })
  scene.draw()
  const colors = read(canvas, drawing.at)
  scene[Symbol.dispose]()
  canvas.remove()
  return colors
}

/** Draws one picture after another of other sizes and types into the same scene. */
export function drawInTurn(drawings: readonly Drawing[]): number[][][] {
  const [first] = drawings
  if (!first) return []
  const { canvas, scene } = setUp(first, { onLost: () => undefined, onRestored: () => undefined })
  const colors = drawings.map(({ pictures, at }) => {
    for (const [slot, { width, height, type, values }] of Object.entries(pictures)) {
      scene.show(slot as Slot, { width, height, data: new arrays[type](values) })
    }
    scene.draw()
    return read(canvas, at)
  })
  scene[Symbol.dispose]()
  canvas.remove()
  return colors
}

/** Takes the context away and gives it back. */
export async function loseAndRestore(drawing: Drawing): Promise<{ events: string[]; colors: number[][] }> {
  const events: string[] = []
  const wake: (() => void)[] = []
  const note = (event: string) => () => {
    events.push(event)
    wake.shift()?.()
  }
  const { canvas, scene } = setUp(drawing, { onLost: note('lost'), onRestored: note('restored') })
  scene.draw()
  const extension = canvas.getContext('webgl2')?.getExtension('WEBGL_lose_context')
  const next = () => new Promise<void>((resolve) => wake.push(resolve))
  const lost = next()
  extension?.loseContext()
  await lost
  // Drawing without a context does nothing, and does not throw.
  scene.draw()
  const restored = next()
  setTimeout(() => extension?.restoreContext(), 10)
  await restored
  scene.draw()
  const colors = read(canvas, drawing.at)
  scene[Symbol.dispose]()
  canvas.remove()
  return { events, colors }
}
