/** How one picture view is drawn, where it is nobody else's business: not kept, not shared with live view. */
import { shallowRef } from 'vue'
import type { Limits } from '../contrast.ts'
import type { ColorMapName } from '../three/colormap.ts'
import { useContrast } from './use-contrast.ts'

export function useOwnDisplay(firstColorMap: ColorMapName) {
  const auto = shallowRef(true)
  const colorMap = shallowRef(firstColorMap)
  const contrast = useContrast(auto)

  function setLimits(limits: Limits): void {
    auto.value = false
    contrast.set(limits)
  }

  function setAuto(on: boolean): void {
    auto.value = on
    if (on) contrast.applyAuto()
  }

  return { auto, colorMap, contrast, setLimits, setAuto }
}
