/** Memory that is not there: how a runtime, Node and the system say so, and how a person is told. */
import { readFileSync } from 'node:fs'
import { AppError, isError, messageOf } from '#shared/errors.ts'

/**
 * ONNX Runtime's arenas ("Failed to allocate memory for requested buffer"), C++ ("bad_alloc", "bad allocation"), CUDA, DirectML and WebGPU
 * ("out of memory", "Not enough memory"), V8 ("Array buffer allocation failed", "heap out of memory", "could not allocate memory").
 */
const said =
  /failed to allocate|bad[_ ]alloc|out of memory|not enough (memory|storage)|allocation failed|could not allocate|cannot allocate memory|Invalid (typed )?array( buffer)? length/i

/** Whether an error, or a line that a dying program wrote, tells of memory that could not be had. */
export function tellsOfMemory(problem: unknown): boolean {
  return !isError(problem) && said.test(messageOf(problem))
}

/** What went wrong while a network ran or was loaded, in words: OutOfMemory where memory was short, else ModelFailed. Own errors stay. */
export function runFailure(error: unknown, model: { readonly id: string; readonly name: string }): AppError {
  if (isError(error)) return error
  const line = messageOf(error).split('\n')[0]?.slice(0, 300) ?? ''
  if (!tellsOfMemory(error))
    return new AppError('ModelFailed', `The network "${model.name}" failed while it ran: ${line}`, { model: model.id }, error)
  return new AppError(
    'OutOfMemory',
    `There was not enough memory to run the network "${model.name}" on this image.`,
    { model: model.id },
    error,
  )
}

/** Files in which Linux counts the processes that it ended for want of memory: of the machine, and of the container. */
const counters = ['/proc/vmstat', '/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control']

/** How many processes the system has ended so far because memory ran out; null where it does not say. */
export function endedForMemory(files: readonly string[] = counters): number | null {
  const found = files.flatMap((file) => {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1]
      return count === undefined ? [] : [Number(count)]
    } catch {
      return []
    }
  })
  return found.length > 0 ? found.reduce((sum, each) => sum + each, 0) : null
}
