/** Stores mirror the host's topics: one shallow value each, replaced as a whole. */
import { onScopeDispose, type ShallowRef, shallowRef } from 'vue'
import type { Api } from '#shared/api.ts'
import type { Snapshot, TopicName } from '#shared/rpc/contract.ts'
import { useBackend } from '../backend.ts'

/** The topic's present value; `initial` until the host has spoken. */
export function mirror<N extends TopicName<Api>>(name: N, initial: Snapshot<Api, N>): Readonly<ShallowRef<Snapshot<Api, N>>> {
  const value = shallowRef(initial) as ShallowRef<Snapshot<Api, N>>
  const stop = useBackend().watch(name, (snapshot) => {
    value.value = snapshot
  })
  onScopeDispose(stop)
  return value
}
