/** How the runtime is told to work; apart from the worker, so that a benchmark can compare with a bare session of the same kind. */
import { availableParallelism } from 'node:os'

/**
 * All cores but one, so that devices and windows stay quick; two cores are both used, because halving the speed costs more than the
 * host gains: the inference process runs at low priority, and the system takes a core away whenever the host wants one.
 */
export function threads(): number {
  const cores = availableParallelism()
  return cores <= 2 ? cores : cores - 1
}

export function sessionOptions(provider: string) {
  return {
    executionProviders: [provider],
    intraOpNumThreads: threads(),
    interOpNumThreads: 1,
    executionMode: 'sequential',
    // DirectML requires it.
    enableMemPattern: provider !== 'dml',
    logSeverityLevel: 3,
    // Waiting threads sleep: spinning took 22 % more processor time of a 1024² tile on two cores, and the host's own time with it.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  } as const
}
