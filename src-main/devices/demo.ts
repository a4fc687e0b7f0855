/** The demo microscope: real drivers, whose controllers are emulators in this process, and a camera that computes what it sees. */
import type { Objective } from '#shared/device.ts'
import { AppError } from '#shared/errors.ts'
import type { MicroscopeConfiguration } from './configuration.ts'
import type { Microscope } from './kinds.ts'
import { openMicroscope } from './open.ts'
import { AsiMs2000Firmware } from './simulated/firmware/asi-ms2000.ts'
import { SimulatedBinding } from './simulated/firmware/binding.ts'
import { CoolLedPe300Firmware } from './simulated/firmware/coolled-pe300.ts'
import type { TruthSource } from './simulated/truth.ts'

const stagePort = 'demo-stage'
const lightPort = 'demo-light'

/** As in docs/optics.md. */
export const demoObjectives: readonly Objective[] = [
  { id: '10x', label: '10×/0.4', magnification: 10, numericalAperture: 0.4, pixelSizeUm: 0.65 },
  { id: '20x', label: '20×/0.75', magnification: 20, numericalAperture: 0.75, pixelSizeUm: 0.325 },
]

export const demoChannels = {
  A: { name: 'DAPI', emissionNm: 460, color: '#5b8cff' },
  B: { name: 'FITC', emissionNm: 525, color: '#38d06b' },
  C: { name: 'TxRed', emissionNm: 615, color: '#ff5a4d' },
} as const

/** Where it starts: among cells, in focus. µm */
const start = { x: 0, y: 0, z: 0.5 }
const travel = { x: 6000, y: 4000, z: 250 }

export type DemoMicroscope = Microscope & { readonly truth: TruthSource }

/** Disposing it stops the emulators. The seed decides the specimen and the noise. */
export async function openDemoMicroscope(options: { readonly seed?: number } = {}, signal?: AbortSignal): Promise<DemoMicroscope> {
  const horizontal = { speed: 4, rampMs: 80 }
  const stage = new AsiMs2000Firmware({
    baudRate: 115_200,
    axes: {
      X: { position: start.x, min: -travel.x, max: travel.x, ...horizontal },
      Y: { position: start.y, min: -travel.y, max: travel.y, ...horizontal },
      Z: { position: start.z, min: -travel.z, max: travel.z, speed: 0.8, rampMs: 40 },
    },
  })
  const light = new CoolLedPe300Firmware({ baudRate: 57_600 })
  const configuration: MicroscopeConfiguration = {
    name: 'demo',
    stage: { driver: 'asi-ms2000', path: stagePort, baudRate: stage.baudRate, invertX: false, invertY: false },
    focus: { driver: 'asi-ms2000', path: stagePort, baudRate: stage.baudRate, invert: false },
    light: { driver: 'coolled-pe300', path: lightPort, baudRate: light.baudRate },
    camera: { driver: 'simulated', seed: options.seed },
    objectives: [...demoObjectives],
    channels: demoChannels,
  }
  const microscope = await openMicroscope(
    configuration,
    {
      binding: new SimulatedBinding({ [stagePort]: stage, [lightPort]: light }),
      simulated: true,
      scene: (objectiveAt) => ({
        poseAt: (time) => ({
          x: stage.positionAt('X', time),
          y: stage.positionAt('Y', time),
          z: stage.positionAt('Z', time),
          objective: objectiveAt(time),
          light: light.levelsAt(time),
        }),
      }),
    },
    signal,
  )
  const { truth } = microscope
  if (!truth) throw new AppError('Internal', 'The demo microscope has no camera.')
  return Object.assign(microscope, { truth })
}
