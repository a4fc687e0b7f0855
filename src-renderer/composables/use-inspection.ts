/**
 * Every instrument, asked on demand: some seconds, to be cancelled at any time. The pictures it judged come back with it and stand still,
 * because maps over a picture that has moved on would lie.
 *
 *   idle ──run──▶ running ──▶ held ──leave──▶ idle
 *                    └─cancel, failure──▶ as before
 */
import { useIntervalFn } from '@vueuse/core'
import { markRaw, onScopeDispose, shallowRef } from 'vue'
import type { Api } from '#shared/api.ts'
import { pixelsFrom } from '#shared/image/frame.ts'
import type { CallOutput } from '#shared/rpc/contract.ts'
import { useBackend } from '../backend.ts'
import { useToasts } from '../stores/toasts.ts'
import type { Picture } from '../three/picture-texture.ts'

type Inspection = CallOutput<Api, 'trust.inspect'>

export interface HeldInspection extends Inspection {
  /** When it was finished, ms since the epoch. */
  readonly time: number
  readonly raw: Picture
  readonly enhanced: Picture
}

/** `job`: a finished job, and which of its surfaces; without it the newest live picture is inspected. */
export function useInspection(job?: () => { readonly job: string; readonly surface?: number }) {
  const backend = useBackend()
  const toasts = useToasts()
  const held = shallowRef<HeldInspection | null>(null)
  const running = shallowRef(false)
  const elapsedMs = shallowRef(0)
  let began = 0
  let task: AbortController | null = null

  const clock = useIntervalFn(
    () => {
      elapsedMs.value = performance.now() - began
    },
    200,
    { immediate: false },
  )

  async function run(): Promise<void> {
    if (running.value) return
    running.value = true
    elapsedMs.value = 0
    began = performance.now()
    task = new AbortController()
    clock.resume()
    try {
      const inspection = await backend.call('trust.inspect', job?.() ?? {}, task.signal)
      held.value = markRaw({ ...inspection, time: Date.now(), raw: pictureOf(inspection.before), enhanced: pictureOf(inspection.after) })
    } catch (error) {
      toasts.fail(error)
    } finally {
      clock.pause()
      running.value = false
      task = null
    }
  }

  const cancel = () => task?.abort()

  function leave(): void {
    held.value = null
  }

  onScopeDispose(cancel)

  return { held, running, elapsedMs, run, cancel, leave }
}

function pictureOf({ width, height, bytes, pixelType }: Inspection['before']): Picture {
  return { width, height, data: pixelsFrom(bytes, pixelType) }
}
