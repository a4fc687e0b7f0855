/** Which map of the instruments lies over the picture, and how it is coloured. One at a time: two colours at once could not be read. */
import { computed, markRaw, type ShallowRef, shallowRef, watch } from 'vue'
import { pixelsFrom } from '#shared/image/frame.ts'
import type { TrustMap } from '#shared/trust.ts'
import type { Limits } from '../contrast.ts'
import { valueAt } from '../picture-value.ts'
import type { ColorMapName } from '../three/colormap.ts'
import type { Layer } from '../three/panes.ts'
import type { Picture } from '../three/picture-texture.ts'
import type { OverlayDisplay } from '../three/scene.ts'
import type { Point } from '../three/view.ts'

/** An overlay as it is drawn and explained. */
export interface Overlay extends OverlayDisplay {
  readonly label: string
  readonly unit: string
}

interface Target {
  show(layer: Layer, picture: Picture | null): Promise<void>
}

export function useOverlay(maps: () => readonly TrustMap[], target: Readonly<ShallowRef<Target | null>>) {
  const chosen = shallowRef<TrustMap['id'] | null>(null)
  const colorMap = shallowRef<ColorMapName>('inferno')
  const opacity = shallowRef(0.8)
  /** By hand; otherwise those that the map brings along. */
  const limits = shallowRef<Partial<Record<TrustMap['id'], Limits>>>({})

  const map = computed(() => maps().find(({ id }) => id === chosen.value) ?? null)
  const picture = computed<Picture | null>(
    () => map.value && markRaw({ width: map.value.width, height: map.value.height, data: pixelsFrom(map.value.bytes, 'float32') }),
  )
  const overlay = computed<Overlay | null>(() => {
    if (!map.value) return null
    const { id, label, unit, low, high } = map.value
    return { label, unit, colorMap: colorMap.value, opacity: opacity.value, ...(limits.value[id] ?? { low, high }) }
  })
  watch([picture, target], () => void target.value?.show('overlay', picture.value), { flush: 'post' })

  /** Chooses a map, or none by choosing it again. */
  function toggle(id: TrustMap['id']): void {
    chosen.value = chosen.value === id ? null : id
  }

  /** The next map, after the last one none. */
  function next(): void {
    const ids = maps().map(({ id }) => id)
    chosen.value = ids[map.value ? ids.indexOf(map.value.id) + 1 : 0] ?? null
  }

  function setLimits(next: Limits | null): void {
    if (map.value) limits.value = { ...limits.value, [map.value.id]: next ?? undefined }
  }

  /** The map's value at a place, for the read-out. */
  function probe(place: Point | null): { readonly label: string; readonly value: number | null; readonly unit: string } | null {
    const at = map.value
    if (!at) return null
    return { label: at.label, unit: at.unit, value: place && picture.value && valueAt(picture.value, place) }
  }

  return { map, overlay, colorMap, opacity, toggle, next, setLimits, probe }
}
