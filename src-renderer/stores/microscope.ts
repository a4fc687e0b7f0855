/** The hardware as the host reports it, and what a person asks of it. */
import { until } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { emptyMicroscope } from '#shared/device.ts'
import { useBackend } from '../backend.ts'
import { mirror } from './mirror.ts'
import { useToasts } from './toasts.ts'

export const useMicroscope = defineStore('microscope', () => {
  const backend = useBackend()
  const toasts = useToasts()
  const state = mirror('microscope.state', emptyMicroscope)
  const starting = shallowRef(false)
  let jogs: AbortController | null = null
  let jogging = 0

  const connected = computed(() => state.value.configuration !== null && state.value.devices.length > 0)
  const moving = computed(() => Boolean(state.value.stage?.moving || state.value.focus?.moving))
  const lit = computed(() => state.value.light?.channels.some((channel) => channel.on) ?? false)
  const objective = computed(() => state.value.objectives?.all.find(({ id }) => id === state.value.objectives?.current) ?? null)

  /** Runs a request; a failure is shown, not thrown. Resolves to whether it succeeded. */
  async function attempt(task: () => Promise<unknown>): Promise<boolean> {
    try {
      await task()
      return true
    } catch (error) {
      toasts.fail(error)
      return false
    }
  }

  const connect = (configuration: string) => attempt(() => backend.call('microscope.connect', { configuration }))
  const disconnect = () => attempt(() => backend.call('microscope.disconnect', null))
  const setLight = (channel: string, change: { on?: boolean; level?: number }) =>
    attempt(() => backend.call('light.set', { channel, ...change }))
  const selectObjective = (id: string) => attempt(() => backend.call('objective.select', { objective: id }))
  const setExposure = (exposureMs: number) => attempt(() => backend.call('camera.exposure', { exposureMs }))
  const moveStage = (x: number, y: number) => attempt(() => backend.call('stage.move', { x, y, relative: false }))
  const moveFocus = (z: number) => attempt(() => backend.call('focus.move', { z, relative: false }))

  /** Connects the demo microscope, switches a channel on and starts live view. */
  async function startDemo(): Promise<void> {
    if (starting.value) return
    starting.value = true
    await attempt(async () => {
      await backend.call('microscope.connect', { configuration: 'demo' })
      // The answer may overtake the news of what was connected.
      await until(() => state.value.light?.channels.length ?? 0).toMatch((count) => count > 0, { timeout: 3000 })
      const channels = state.value.light?.channels ?? []
      const channel = channels.find(({ name }) => name === 'FITC') ?? channels[0]
      if (channel) await backend.call('light.set', { channel: channel.id, on: true, level: channel.level > 0 ? channel.level : 50 })
      await backend.call('live.start', null)
    })
    starting.value = false
  }

  /**
   * A small relative move; quick presses add up. `held`: the key repeats by itself. Then at most two moves are under way, so that motion
   * does not go on after the key was let go.
   */
  async function jog(move: { x: number; y: number } | { z: number }, held = false): Promise<void> {
    if (held && jogging >= 2) return
    jogs ??= new AbortController()
    const { signal } = jogs
    jogging++
    await attempt(() =>
      'z' in move
        ? backend.call('focus.move', { z: move.z, relative: true }, signal)
        : backend.call('stage.move', { ...move, relative: true }, signal),
    )
    jogging--
  }

  /** Ends every jog under way; nothing else. */
  function endJog(): void {
    jogs?.abort()
    jogs = null
  }

  /** Motion halted and light off, at once. */
  async function stop(): Promise<void> {
    endJog()
    if (await attempt(() => backend.call('microscope.stop', null))) {
      toasts.add({ tone: 'warning', title: 'Stopped: motion halted, light off.', advice: 'Switch a channel on to go on.', link: null })
    }
  }

  return {
    state,
    starting,
    connected,
    moving,
    lit,
    objective,
    connect,
    disconnect,
    setLight,
    selectObjective,
    setExposure,
    moveStage,
    moveFocus,
    startDemo,
    jog,
    endJog,
    stop,
    attempt,
  }
})
