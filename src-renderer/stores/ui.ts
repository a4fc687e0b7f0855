/** What is open in this window, and the commands that the picture in front carries out. */
import { defineStore } from 'pinia'
import { markRaw, shallowRef } from 'vue'
import { Emitter } from '#shared/emitter.ts'
import type { Command } from '../keymap.ts'

export const useUi = defineStore('ui', () => {
  const helpOpen = shallowRef(false)
  /** Told to whichever picture is shown: fit, zoom, contrast, arrangement. */
  const pictureCommands = markRaw(new Emitter<Command['do']>())
  /** What is typed as the next recording's name. */
  const recordingName = shallowRef('')
  /** The Trust panel of live view shows its instruments. */
  const trustOpen = shallowRef(false)
  return { helpOpen, pictureCommands, recordingName, trustOpen }
})
