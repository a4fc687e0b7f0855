/** Opens every device of a configuration, or none. */
import { Disposer } from '#shared/dispose.ts'
import { abortError } from '#shared/errors.ts'
import type { MicroscopeConfiguration } from './configuration.ts'
import { type AsiDevices, asiMs2000 } from './drivers/asi-ms2000/driver.ts'
import { type CoolLedLight, coolLedPe300 } from './drivers/coolled-pe300.ts'
import type { FocusDrive, LightSource, Microscope, SafeState, XYStage } from './kinds.ts'
import type { SerialBinding } from './serial/binding.ts'
import { openSimulatedCamera } from './simulated/camera.ts'
import type { Scene } from './simulated/scene.ts'
import { openSimulatedTurret } from './simulated/turret.ts'

export interface OpenOptions {
  /** The operating system's ports unless given. */
  readonly binding?: SerialBinding
  /** What the simulated camera looks at; default: where the devices last said they are. */
  readonly scene?: (objectiveAt: (time: number) => string) => Scene
  /** The serial devices are emulators in this process: they die with it, so the guardian has nothing to do. */
  readonly simulated?: boolean
}

/** Rejects with the driver's error, having closed what was open, or with AbortError. */
export async function openMicroscope(
  configuration: MicroscopeConfiguration,
  options: OpenOptions = {},
  signal?: AbortSignal,
): Promise<Microscope> {
  const disposer = new Disposer()
  try {
    const { simulated = false } = options
    const port = (at: { path: string; baudRate: number }) => ({
      path: at.path,
      baudRate: at.baudRate,
      ...(options.binding ? { binding: options.binding } : {}),
    })
    const { stage, focus, light } = configuration
    const motion: AsiDevices[] = []
    // Stage and focus on one port are two devices of one controller.
    const shared = stage !== null && focus !== null && stage.path === focus.path
    if (stage) motion.push(disposer.use(await asiMs2000.open(port(stage), { stage, ...(shared ? { focus } : {}), simulated }, signal)))
    if (focus && !shared) motion.push(disposer.use(await asiMs2000.open(port(focus), { focus, simulated }, signal)))
    const lamp = light ? disposer.use(await coolLedPe300.open(port(light), { simulated }, signal)) : null
    const drives = { stage: motion.find((each) => each.stage)?.stage ?? null, focus: motion.find((each) => each.focus)?.focus ?? null }

    const first = configuration.objectives[0]?.id ?? ''
    const turret = disposer.use(openSimulatedTurret({ objectives: configuration.objectives, initial: first }))
    const objectiveAt = (time: number) => turret.objectiveAt(time)
    const scene = options.scene?.(objectiveAt) ?? reportedScene({ ...drives, light: lamp }, objectiveAt)
    const { objectives } = configuration
    const seed = configuration.camera?.seed
    const camera = configuration.camera
      ? disposer.use(await openSimulatedCamera({ scene, objectives, ...(seed === undefined ? {} : { seed }) }))
      : null
    if (signal?.aborted) throw abortError()
    return {
      configuration: configuration.name,
      ...drives,
      light: lamp,
      camera,
      turret,
      channels: configuration.channels,
      safeStates: simulated ? [] : safeStatesOf(motion, lamp),
      ...(camera ? { truth: camera } : {}),
      quiet: () => {
        const kept = [...motion, ...(lamp ? [lamp] : [])].map((device) => device.quiet())
        return {
          [Symbol.dispose]: () => {
            for (const each of kept) each[Symbol.dispose]()
          },
        }
      },
      [Symbol.asyncDispose]: () => disposer.dispose(),
    }
  } catch (error) {
    await disposer.dispose()
    throw error
  }
}

function safeStatesOf(motion: readonly AsiDevices[], light: CoolLedLight | null): SafeState[] {
  return [...motion.map(({ safeState }) => safeState), ...(light ? [light.safeState] : [])]
}

/** A simulated camera on real devices sees them where they last said they are. */
function reportedScene(
  { stage, focus, light }: { stage: XYStage | null; focus: FocusDrive | null; light: LightSource | null },
  objectiveAt: (time: number) => string,
): Scene {
  return {
    poseAt: (time) => ({
      x: stage?.position.value.x ?? 0,
      y: stage?.position.value.y ?? 0,
      z: focus?.position.value.z ?? 0,
      objective: objectiveAt(time),
      light: Object.fromEntries((light?.channels.value ?? []).filter(({ on }) => on).map(({ id, level }) => [id, level])),
    }),
  }
}
