/** Keys that every picture view answers alike (fit, zoom), and those that it answers in its own way. */
import { onScopeDispose, type ShallowRef } from 'vue'
import type { Command } from '../keymap.ts'
import { useUi } from '../stores/ui.ts'

interface Picture {
  fit(): void
  zoom(factor: number): void
}

const step = 1.25

export function usePictureCommands(image: Readonly<ShallowRef<Picture | null>>, answer: (command: Command['do']) => void): void {
  const ui = useUi()
  onScopeDispose(
    ui.pictureCommands.on((command) => {
      if (command === 'fit') image.value?.fit()
      else if (command === 'zoom-in') image.value?.zoom(step)
      else if (command === 'zoom-out') image.value?.zoom(1 / step)
      else answer(command)
    }),
  )
}
