/** Keys → commands → the microscope. One listener for the whole window. */
import { useEventListener } from '@vueuse/core'
import { useRoute } from 'vue-router'
import { belongsToElement, type Command, commandOf } from '../keymap.ts'
import { useControl } from '../stores/control.ts'
import { useLive } from '../stores/live.ts'
import { useMicroscope } from '../stores/microscope.ts'
import { useSettings } from '../stores/settings.ts'
import { useUi } from '../stores/ui.ts'

export function useCommands(): void {
  const route = useRoute()
  const control = useControl()
  const live = useLive()
  const microscope = useMicroscope()
  const settings = useSettings()
  const ui = useUi()

  /** Commands that act on the microscope: only in sight of it, and only by the window in control. */
  function steer(command: Command, held: boolean): void {
    if (!control.allowed || !microscope.connected) return
    switch (command.do) {
      case 'stage': {
        const step = settings.state.stageStep
        void microscope.jog({ x: command.x * step, y: command.y * step }, held)
        return
      }
      case 'focus':
        void microscope.jog({ z: command.z * settings.state.focusStep }, held)
        return
      case 'live':
        void live.toggle()
        return
      case 'enhance':
        void live.enhance(!live.state.enhance, settings.state.model)
        return
      case 'snap':
        void live.snap()
        return
      case 'record':
        void (live.recording.recording ? live.stopRecording() : live.startRecording(ui.recordingName))
        return
      default:
        ui.pictureCommands.emit(command.do)
    }
  }

  useEventListener(document, 'keydown', (event: KeyboardEvent) => {
    if (event.defaultPrevented && event.key !== 'Escape') return
    if (belongsToElement(event.target, event.key)) return
    const command = commandOf(event)
    if (!command) return
    const dialogOpen = document.querySelector('[role=dialog][data-state=open], [role=menu][data-state=open]') !== null
    if (command.do === 'stop') {
      // Esc first closes what lies over the window, unless something moves.
      if (!event.repeat && (!dialogOpen || microscope.moving)) void microscope.stop()
      return
    }
    if (dialogOpen) return
    event.preventDefault()
    if (event.repeat && command.do !== 'stage' && command.do !== 'focus') return
    if (command.do === 'help') ui.helpOpen = true
    else if (route.path.startsWith('/live')) steer(command, event.repeat)
    else ui.pictureCommands.emit(command.do)
  })
}
