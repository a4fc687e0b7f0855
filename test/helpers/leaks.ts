/** Fails a test that leaves a port, timer, socket, worker or process behind. */
import { afterEach, beforeEach, expect } from 'vitest'

/** What may keep running from one test to the next: files being read by the loader, and what belongs to the test runner's own pipes. */
const ignored = new Set(['FSReqCallback', 'FSReqPromise', 'GetAddrInfoReqWrap', 'CloseReq', 'Immediate'])
const patienceMs = 2000

/** Resources that keep the process alive now, by type. */
export function activeResources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const type of process.getActiveResourcesInfo()) {
    if (!ignored.has(type)) counts.set(type, (counts.get(type) ?? 0) + 1)
  }
  return counts
}

/** "2 × Timeout, 1 × MessagePort": what is there now and was not before. */
export function leaksSince(before: ReadonlyMap<string, number>): string {
  return [...activeResources()]
    .map(([type, count]) => [type, count - (before.get(type) ?? 0)] as const)
    .filter(([, more]) => more > 0)
    .map(([type, more]) => `${more} × ${type}`)
    .join(', ')
}

/** Call inside a `describe` or at the top of a file, before other hooks, so that theirs clean up first. */
export function failOnLeaks(): void {
  let before = new Map<string, number>()
  beforeEach(() => {
    before = activeResources()
  })
  afterEach(async () => {
    const deadline = performance.now() + patienceMs
    // Closing takes a few turns of the event loop; what is still there afterwards was forgotten.
    while (leaksSince(before) !== '' && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(leaksSince(before), 'left behind by this test').toBe('')
  })
}
