/** Short messages about what has just happened: what, and what to do next. The log has the rest. */
import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { errorKinds, isAbort, isError, messageOf } from '#shared/errors.ts'

export interface Toast {
  readonly id: number
  readonly tone: 'error' | 'warning' | 'success'
  readonly title: string
  readonly advice: string
  /** A place in the window that has more. */
  readonly link: { readonly label: string; readonly to: string } | null
}

const most = 4

export const useToasts = defineStore('toasts', () => {
  const list = shallowRef<readonly Toast[]>([])
  let next = 1

  function add(toast: Omit<Toast, 'id'>): void {
    const same = list.value.filter((each) => each.title !== toast.title || each.tone !== toast.tone)
    list.value = [...same, { ...toast, id: next++ }].slice(-most)
  }

  function dismiss(id: number): void {
    list.value = list.value.filter((toast) => toast.id !== id)
  }

  /** Tells of a failure; a cancelled task is not one. */
  function fail(error: unknown): void {
    if (isAbort(error)) return
    const advice = isError(error) ? (errorKinds[error.kind] ?? '') : errorKinds.Internal
    add({ tone: 'error', title: messageOf(error), advice, link: null })
  }

  function succeed(title: string, advice = '', link: Toast['link'] = null): void {
    add({ tone: 'success', title, advice, link })
  }

  return { list, add, dismiss, fail, succeed }
})
