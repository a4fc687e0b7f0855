/** The value under the pointer, asked of the host: a preview may have been left out or be old, the host's data are not. */
import { useIntervalFn } from '@vueuse/core'
import { shallowRef } from 'vue'
import type { Api } from '#shared/api.ts'
import type { CallOutput } from '#shared/rpc/contract.ts'
import { useBackend } from '../backend.ts'
import type { Point } from '../three/view.ts'

const askMs = 100
const nothing: CallOutput<Api, 'live.probe'> = { raw: null, enhanced: null, x: null, y: null, caveat: null }

export function useProbe() {
  const backend = useBackend()
  const value = shallowRef(nothing)
  let place: Point | null = null
  let asking = false

  async function ask(): Promise<void> {
    if (!place || asking) return
    asking = true
    const { x: u, y: v } = place
    try {
      const answer = await backend.call('live.probe', { u, v })
      if (place) value.value = answer
    } catch {
      // A read-out that failed shows nothing; the reason is shown by whatever failed.
      value.value = nothing
    } finally {
      asking = false
    }
  }

  // Asked again and again while the pointer rests, since the picture under it lives.
  useIntervalFn(ask, askMs)

  function hover(next: Point | null): void {
    place = next
    if (!next) value.value = nothing
  }

  return { value, hover }
}
