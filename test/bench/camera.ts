/** Frames per second of the demo camera while stage and focus move; no network, no window. */
import { MicroscopeControl } from '#main/acquisition/microscope-control.ts'
import { openConfiguration } from '#main/devices/registry.ts'
import type { Measured } from './measure.ts'

const seconds = 12

export async function benchCamera(): Promise<Measured> {
  await using control = new MicroscopeControl((configuration, signal) => openConfiguration(configuration, signal))
  await control.connect('demo')
  const camera = control.camera
  await control.setExposure(10)
  await control.setLight('B', { on: true, level: 50 })
  let frames = 0
  const places = new Set<string>()
  const off = camera.onFrame(({ metadata }) => {
    frames++
    places.add(`${metadata.x?.toFixed(1)} ${metadata.z?.toFixed(1)}`)
  })
  await camera.start()
  await new Promise((resolve) => setTimeout(resolve, 3000))
  frames = 0
  places.clear()
  const began = performance.now()
  const ends = began + seconds * 1000
  // Half of the time to and fro at full speed, half steadily onwards at some 100 µm/s; the focus never rests.
  const stage = async () => {
    for (let sign = 1; performance.now() < (began + ends) / 2; sign = -sign) {
      await control.moveStage({ x: sign * 10, y: sign * 4, relative: true })
    }
    while (performance.now() < ends) {
      await Promise.all([control.moveStage({ x: 5, y: 1, relative: true }), new Promise((resolve) => setTimeout(resolve, 50))])
    }
  }
  const focus = async () => {
    for (let sign = 1; performance.now() < ends; sign = -sign) await control.moveFocus({ z: sign * 3, relative: true })
  }
  await Promise.all([stage(), focus()])
  const fps = (frames * 1000) / (performance.now() - began)
  off()
  await camera.stop()
  return {
    name: 'camera-fps',
    value: fps,
    unit: 'frames/s',
    detail: `${camera.width}² demo camera over ${seconds} s; stage ±10 µm to and fro, then onwards at about 100 µm/s, focus ±3 µm, without rest; ${places.size} different places seen`,
    bar: { atLeast: 30 },
  }
}
