/** One stored session: its description, and the frame that is looked at. The newest wish wins; at most one frame is on its way. */
import { useIntervalFn } from '@vueuse/core'
import { onScopeDispose, shallowRef, watch } from 'vue'
import type { Api } from '#shared/api.ts'
import { isAbort } from '#shared/errors.ts'
import { type Frame, pixelsFrom } from '#shared/image/frame.ts'
import type { CallOutput } from '#shared/rpc/contract.ts'
import { useBackend } from '../backend.ts'
import { useToasts } from '../stores/toasts.ts'

const playMs = 100

export function useSession(session: string, show: (frame: Frame, description: CallOutput<Api, 'sessions.frame'>) => Promise<void>) {
  const backend = useBackend()
  const toasts = useToasts()
  const gone = new AbortController()
  const description = shallowRef<CallOutput<Api, 'sessions.open'> | null>(null)
  const problem = shallowRef<string | null>(null)
  const index = shallowRef(0)
  const playing = shallowRef(false)
  let loading = false
  let loaded = -1

  async function open(): Promise<void> {
    try {
      description.value = await backend.call('sessions.open', { session }, gone.signal)
      problem.value = null
      await load()
    } catch (error) {
      if (isAbort(error)) return
      problem.value = error instanceof Error ? error.message : String(error)
    }
  }

  async function load(): Promise<void> {
    if (loading || !description.value || description.value.frames.length === 0) return
    loading = true
    try {
      while (loaded !== index.value && !gone.signal.aborted) {
        const wanted = index.value
        const frame = await backend.call('sessions.frame', { session, index: wanted }, gone.signal)
        loaded = wanted
        const { width, height, metadata } = frame
        await show({ width, height, metadata, data: pixelsFrom(frame.bytes, frame.pixelType) }, frame)
      }
    } catch (error) {
      loaded = index.value
      playing.value = false
      toasts.fail(error)
    } finally {
      loading = false
    }
  }

  watch(index, () => void load())
  watch(
    () => backend.connection.value.status,
    (status) => {
      if (status === 'connected' && !description.value) void open()
    },
    { immediate: true },
  )
  useIntervalFn(() => {
    const count = description.value?.frames.length ?? 0
    if (playing.value && !loading && count > 1) index.value = (index.value + 1) % count
  }, playMs)
  onScopeDispose(() => gone.abort())

  return { description, problem, index, playing }
}
