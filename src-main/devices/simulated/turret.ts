/** A motorised turret of the demo microscope. It turns in 0.6 s; until it arrives the old objective is in the light path. */
import type { DeviceStatus, Objective } from '#shared/device.ts'
import { Cell } from '#shared/emitter.ts'
import { AppError, abortError } from '#shared/errors.ts'
import type { ObjectiveTurret } from '../kinds.ts'

/** ms */
const turningTime = 600

export interface SimulatedTurretOptions {
  readonly objectives: readonly Objective[]
  /** Id of the objective in the light path at first. */
  readonly initial: string
}

export interface SimulatedTurret extends ObjectiveTurret {
  /** The objective in the light path at a time on the `performance.now()` clock. */
  objectiveAt(time: number): string
}

export function openSimulatedTurret({ objectives, initial }: SimulatedTurretOptions): SimulatedTurret {
  const requireKnown = (id: string) => {
    if (objectives.some((objective) => objective.id === id)) return
    const known = objectives.map((objective) => objective.id).join(', ')
    throw new AppError('OutOfRange', `The objective turret has no objective "${id}". It holds: ${known}.`, { objective: id })
  }
  requireKnown(initial)
  const status = new Cell<DeviceStatus>({
    id: 'turret',
    label: 'Objective turret',
    kind: 'objective-turret',
    state: 'ready',
    connection: 'Simulated',
    problem: null,
    simulated: true,
  })
  const current = new Cell(initial)
  let previous = initial
  let changedAt = Number.NEGATIVE_INFINITY
  let turning: { cancel(): void } | undefined

  return {
    status,
    current,
    objectives,
    objectiveAt: (time) => (time < changedAt ? previous : current.value),
    async select(objective, signal) {
      requireKnown(objective)
      if (signal?.aborted) throw abortError()
      if (status.value.state === 'disconnected') throw new AppError('DeviceDisconnected', 'The objective turret has been closed.')
      // A new choice overrules the one under way.
      turning?.cancel()
      if (objective === current.value) return
      status.patch({ state: 'busy' })
      await new Promise<void>((resolve, reject) => {
        const end = (outcome: () => void) => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', cancel)
          turning = undefined
          if (status.value.state === 'busy') status.patch({ state: 'ready' })
          outcome()
        }
        const cancel = () => end(() => reject(abortError('The objective change was cancelled.')))
        const timer = setTimeout(
          () =>
            end(() => {
              previous = current.value
              changedAt = performance.now()
              current.set(objective)
              resolve()
            }),
          turningTime,
        )
        signal?.addEventListener('abort', cancel)
        turning = { cancel }
      })
    },
    async [Symbol.asyncDispose]() {
      turning?.cancel()
      status.patch({ state: 'disconnected' })
    },
  }
}
