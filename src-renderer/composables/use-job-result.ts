/** A finished job's pictures: the pair that the host shows first, then any surface of a refocused stack. At most one is on its way, and the newest wish wins. */
import { computed, onMounted, onScopeDispose, shallowRef } from 'vue'
import type { Api } from '#shared/api.ts'
import { isAbort } from '#shared/errors.ts'
import type { CallOutput } from '#shared/rpc/contract.ts'
import { useBackend } from '../backend.ts'
import { useToasts } from '../stores/toasts.ts'

export type JobPictures = CallOutput<Api, 'enhance.result'>

/** `draw` puts a pair on the screen; only then it counts as shown. */
export function useJobResult(job: string, draw: (pictures: JobPictures) => Promise<void>) {
  const backend = useBackend()
  const toasts = useToasts()
  const gone = new AbortController()
  const pictures = shallowRef<JobPictures | null>(null)
  /** Places among the surfaces. */
  const wanted = shallowRef(0)
  const shown = shallowRef(0)
  const loading = shallowRef(false)
  const surfaces = computed(() => pictures.value?.surfaces ?? [])
  /** µm from the plane in focus; null = as the picture before. */
  const distanceUm = computed(() => surfaces.value[shown.value]?.distanceUm ?? pictures.value?.distanceUm ?? null)

  async function turnTo(place: number): Promise<void> {
    wanted.value = place
    if (!loading.value && pictures.value) await busy(() => follow(pictures.value as JobPictures))
  }

  async function follow(first: JobPictures): Promise<void> {
    while (wanted.value !== shown.value) {
      const surface = wanted.value
      const { after } = await backend.call('enhance.surface', { job, surface }, gone.signal)
      await draw({ ...first, after })
      shown.value = surface
    }
  }

  async function busy(work: () => Promise<void>): Promise<void> {
    loading.value = true
    try {
      await work()
    } catch (error) {
      wanted.value = shown.value
      if (!isAbort(error)) toasts.fail(error)
    } finally {
      loading.value = false
    }
  }

  onMounted(() =>
    busy(async () => {
      const first = await backend.call('enhance.result', { job }, gone.signal)
      await draw(first)
      wanted.value = first.surface ?? 0
      shown.value = wanted.value
      pictures.value = first
    }),
  )
  onScopeDispose(() => gone.abort())

  return { pictures, surfaces, distanceUm, wanted, shown, loading, turnTo }
}
