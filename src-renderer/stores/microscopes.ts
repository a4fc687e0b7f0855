/** The microscopes one can choose from, what answers on the ports, and the choice under way. */
import { defineStore } from 'pinia'
import { computed, shallowRef, watch } from 'vue'
import type { MicroscopeDescription, MicroscopePlan, PortFinding } from '#shared/device.ts'
import { explanationOf, isAbort } from '#shared/errors.ts'
import { useBackend } from '../backend.ts'
import { useControl } from './control.ts'
import { useMicroscope } from './microscope.ts'
import { useToasts } from './toasts.ts'

export const useMicroscopes = defineStore('microscopes', () => {
  const backend = useBackend()
  const control = useControl()
  const microscope = useMicroscope()
  const toasts = useToasts()
  const folder = shallowRef('')
  const list = shallowRef<readonly MicroscopeDescription[]>([])
  /** null: nobody has looked yet. */
  const ports = shallowRef<readonly PortFinding[] | null>(null)
  const looking = shallowRef(false)
  /** The microscope whose connection failed last, and why. */
  const failure = shallowRef<{ readonly id: string; readonly text: string } | null>(null)
  /** The microscope being connected, by this window or another one. */
  const connecting = computed(() => (microscope.connected ? null : microscope.state.configuration))

  /** Files may have come since; done by itself whenever a connection is made. */
  async function refresh(): Promise<void> {
    if (!control.connected) return
    try {
      const found = await backend.call('microscopes.list', null)
      folder.value = found.folder
      list.value = found.microscopes
    } catch (error) {
      toasts.fail(error)
    }
  }

  async function detect(): Promise<void> {
    if (looking.value) return
    looking.value = true
    try {
      ports.value = await backend.call('microscopes.detect', null)
    } catch (error) {
      toasts.fail(error)
    } finally {
      looking.value = false
    }
  }

  /** Resolves to whether it was saved. */
  async function create(plan: MicroscopePlan): Promise<boolean> {
    try {
      const made = await backend.call('microscopes.create', plan)
      toasts.succeed(`“${made.name}” is saved.`, 'Connect it in the list of microscopes.')
      await refresh()
      return true
    } catch (error) {
      toasts.fail(error)
      return false
    }
  }

  /** A failure is kept beside the microscope's name, where it stays until the next try. */
  async function connect(id: string): Promise<void> {
    failure.value = null
    try {
      await backend.call('microscope.connect', { configuration: id })
    } catch (error) {
      if (!isAbort(error)) failure.value = { id, text: explanationOf(error) }
    }
  }

  watch(() => control.connected, refresh, { immediate: true })

  return { folder, list, ports, looking, failure, connecting, refresh, detect, create, connect }
})
