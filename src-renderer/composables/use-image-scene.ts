/** Life of one canvas: created with the component, resized with it, redrawn once a frame when something changed, disposed with it. */
import { useDevicePixelRatio, useResizeObserver } from '@vueuse/core'
import { onBeforeUnmount, onMounted, type ShallowRef, shallowRef } from 'vue'
import { messageOf } from '#shared/errors.ts'
import type { Layer } from '../three/panes.ts'
import type { Picture } from '../three/picture-texture.ts'
import { ImageScene } from '../three/scene.ts'

const noWebGl =
  'This browser cannot draw images: WebGL2 is missing or switched off. Switch on hardware acceleration in its settings, or use a current Chrome, Edge or Firefox.'
const contextLost = 'The graphics processor stopped drawing. The picture returns by itself; if it does not, reload the window.'

export function useImageScene(canvas: Readonly<ShallowRef<HTMLCanvasElement | null>>, onChange: (scene: ImageScene) => void) {
  /** Why nothing can be drawn; null while all is well. */
  const problem = shallowRef<string | null>(null)
  const { pixelRatio } = useDevicePixelRatio()
  let scene: ImageScene | null = null
  let request = 0
  const waiting: (() => void)[] = []

  function drawNow(): void {
    request = 0
    if (scene) {
      onChange(scene)
      scene.draw()
    }
    for (const done of waiting.splice(0)) done()
  }

  function redraw(): void {
    if (scene && request === 0) request = requestAnimationFrame(drawNow)
  }

  /** Shows a picture with the next frame of the display. Resolves once it is on the GPU, so that the pixels may be given back. */
  function show(layer: Layer, picture: Picture | null): Promise<void> {
    if (!scene) return Promise.resolve()
    scene.show(layer, picture)
    redraw()
    return new Promise((resolve) => waiting.push(resolve))
  }

  function resize(): void {
    const element = canvas.value?.parentElement
    if (!scene || !element || element.clientWidth === 0) return
    scene.resize({ width: element.clientWidth, height: element.clientHeight }, pixelRatio.value)
    // A resized canvas is empty: it is filled again before the browser shows it.
    cancelAnimationFrame(request)
    drawNow()
  }

  onMounted(() => {
    if (!canvas.value) return
    try {
      scene = new ImageScene(canvas.value, {
        onLost: () => {
          problem.value = contextLost
        },
        onRestored: () => {
          problem.value = null
          redraw()
        },
      })
      scene.setBackground(getComputedStyle(canvas.value).getPropertyValue('--backdrop').trim() || '#000000')
      resize()
    } catch (error) {
      console.warn(messageOf(error))
      problem.value = noWebGl
    }
  })
  useResizeObserver(() => canvas.value?.parentElement, resize)
  onBeforeUnmount(() => {
    cancelAnimationFrame(request)
    for (const done of waiting.splice(0)) done()
    scene?.[Symbol.dispose]()
    scene = null
  })

  return { problem, show, redraw, scene: () => scene }
}
