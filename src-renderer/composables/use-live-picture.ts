/** Brings the preview streams onto the screen: newest frame only, and a credit goes back once the frame is on the GPU. */
import { useIntervalFn } from '@vueuse/core'
import { onScopeDispose, type Ref, type ShallowRef, shallowRef, watch } from 'vue'
import type { PreviewHeader, Provenance } from '#shared/api.ts'
import { type FrameMetadata, pixelsFrom } from '#shared/image/frame.ts'
import type { StreamFrame } from '#shared/rpc/remote.ts'
import { useBackend } from '../backend.ts'
import type { Limits } from '../contrast.ts'
import { useLive } from '../stores/live.ts'
import type { Slot } from '../three/panes.ts'
import type { Picture } from '../three/picture-texture.ts'
import type { useContrast } from './use-contrast.ts'

export interface PictureTarget {
  show(slot: Slot, picture: Picture | null, drawWith?: Limits): Promise<void>
}

/** `held`: while true the picture on the screen stays, whatever comes; then the newest that came meanwhile is shown. */
export function useLivePicture(
  target: Readonly<ShallowRef<PictureTarget | null>>,
  contrast: ReturnType<typeof useContrast>,
  held: Readonly<Ref<boolean>>,
) {
  const backend = useBackend()
  const live = useLive()
  const provenance = shallowRef<Provenance | null>(null)
  const metadata = shallowRef<FrameMetadata | null>(null)
  let drawn: number[] = []
  const waiting: Partial<Record<Slot, { readonly frame: StreamFrame<PreviewHeader>; readonly received: number }>> = {}

  async function take(frame: StreamFrame<PreviewHeader>, received = performance.now()): Promise<void> {
    const { header, bytes } = frame
    // The network may have been switched off while this frame was on its way.
    if (header.kind === 'enhanced' && !live.state.enhance) return
    if (held.value) {
      waiting[header.kind] = { frame, received }
      return
    }
    const limits = contrast.observe(header.kind, header.histogram)
    if (header.kind === 'enhanced') {
      if (JSON.stringify(header.provenance) !== JSON.stringify(provenance.value)) provenance.value = header.provenance
    } else {
      live.displayDropped = header.dropped
      const known = metadata.value
      const { pixelSizeUm, objective } = header.metadata
      if (known?.pixelSizeUm !== pixelSizeUm || known?.objective !== objective) metadata.value = header.metadata
    }
    await target.value?.show(header.kind, { width: header.width, height: header.height, data: pixelsFrom(bytes, header.pixelType) }, limits)
    const now = performance.now()
    if (header.kind === 'raw') drawn.push(now)
    else live.drawnLatencyMs = header.ageMs + now - received
  }

  const closers = (['raw', 'enhanced'] as const).map((kind) => backend.receive('live.preview', { kind }, (frame) => take(frame)))
  onScopeDispose(() => {
    for (const close of closers) close()
    live.displayFps = 0
    live.drawnLatencyMs = null
  })

  watch(held, (now) => {
    if (now) return
    for (const slot of ['raw', 'enhanced'] as const) {
      const kept = waiting[slot]
      delete waiting[slot]
      if (kept) void take(kept.frame, kept.received)
    }
  })

  /** A picture of another network, or of none, must not stay on the screen beside a newer one. */
  watch([() => live.state.enhance, () => live.state.model], () => {
    provenance.value = null
    live.drawnLatencyMs = null
    contrast.observe('enhanced', null)
    void target.value?.show('enhanced', null)
  })

  useIntervalFn(() => {
    const now = performance.now()
    drawn = drawn.filter((time) => now - time < 2000)
    const first = drawn[0]
    live.displayFps = first === undefined || drawn.length < 2 ? 0 : ((drawn.length - 1) * 1000) / (now - first)
  }, 500)

  return { provenance, metadata }
}
