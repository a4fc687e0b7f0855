/** Seconds left of a task that has run for `elapsedMs` and is `fraction` done; null while it is too early to say. */
export function secondsLeft(elapsedMs: number, fraction: number): number | null {
  if (elapsedMs < 500 || fraction < 0.01) return null
  return (elapsedMs / 1000) * (1 / fraction - 1)
}
