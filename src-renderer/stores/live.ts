/** Live view, the network behind it, and capturing. Ids and numbers only; the pixels go straight to the GPU. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { idleRecording, stoppedInference, stoppedLive } from '#shared/api.ts'
import { useBackend } from '../backend.ts'
import type { Layout } from '../three/panes.ts'
import { mirror } from './mirror.ts'
import { useToasts } from './toasts.ts'

export const useLive = defineStore('live', () => {
  const backend = useBackend()
  const toasts = useToasts()
  const state = mirror('live.state', stoppedLive)
  const inference = mirror('inference.state', stoppedInference)
  const recording = mirror('recording.state', idleRecording)

  const layout = shallowRef<Layout>('curtain')
  /** Frames drawn per second, measured here. */
  const displayFps = shallowRef(0)
  /** Frames this window was too slow for. */
  const displayDropped = shallowRef(0)
  /** End of the camera's exposure → the network's picture of it drawn here, ms; the way over a network cable is not in it. */
  const drawnLatencyMs = shallowRef<number | null>(null)
  const busy = shallowRef<ReadonlySet<string>>(new Set())

  /** Runs one request of a name at a time; a failure is shown. */
  async function once<T>(name: string, task: () => Promise<T>): Promise<T | undefined> {
    if (busy.value.has(name)) return undefined
    busy.value = new Set([...busy.value, name])
    try {
      return await task()
    } catch (error) {
      toasts.fail(error)
      return undefined
    } finally {
      busy.value = new Set([...busy.value].filter((each) => each !== name))
    }
  }

  const toggle = () => once('live', () => backend.call(state.value.running ? 'live.stop' : 'live.start', null))

  const enhance = (on: boolean, model: string) => once('enhance', () => backend.call('live.enhance', model ? { on, model } : { on }))

  const snap = () =>
    once('snap', async () => {
      const { session } = await backend.call('snap.take', { enhanced: state.value.enhance })
      toasts.succeed('Snapped.', 'The frame is saved in Sessions.', { label: 'Open', to: `/sessions/${encodeURIComponent(session)}` })
    })

  const startRecording = (name: string) => once('record', () => backend.call('record.start', { name }))

  const stopRecording = () =>
    once('record', async () => {
      const { id, frames } = await backend.call('record.stop', null)
      toasts.succeed(`Recorded ${frames} frames.`, 'They are saved in Sessions.', {
        label: 'Open',
        to: `/sessions/${encodeURIComponent(id)}`,
      })
    })

  return {
    state,
    inference,
    recording,
    layout,
    displayFps,
    displayDropped,
    drawnLatencyMs,
    busy,
    toggle,
    enhance,
    snap,
    startRecording,
    stopRecording,
  }
})
