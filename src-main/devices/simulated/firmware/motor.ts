/** A motor with limited speed and acceleration, known in closed form at every moment. µm, s; times on the `performance.now()` clock, ms. */

/** Constant acceleration for a while. */
interface Segment {
  readonly seconds: number
  /** µm/s² */
  readonly acceleration: number
}

/** A motion from a known state; after its last segment the motor rests at `end`. */
interface Profile {
  readonly startMs: number
  readonly position: number
  readonly velocity: number
  readonly segments: readonly Segment[]
  readonly seconds: number
  readonly end: number
}

/** How long past motion stays known, ms: frames ask for moments that have just passed. */
const MEMORY_MS = 10_000

/**
 * The quickest motion to `target` with the given top speed (µm/s) and acceleration (µm/s²): trapezoidal, triangular where the way is
 * too short, and through a full stop where the motor runs the other way or too fast to stop in time.
 */
function plan(position: number, velocity: number, target: number, speed: number, acceleration: number): Segment[] {
  const distance = target - position
  const stopping = (velocity * Math.abs(velocity)) / (2 * acceleration)
  if (velocity !== 0 && (stopping * distance < 0 || Math.abs(stopping) > Math.abs(distance))) {
    const brake = { seconds: Math.abs(velocity) / acceleration, acceleration: -Math.sign(velocity) * acceleration }
    return [brake, ...plan(position + stopping, 0, target, speed, acceleration)]
  }
  const sign = Math.sign(distance)
  const way = Math.abs(distance)
  const start = Math.abs(velocity)
  const peak = Math.min(Math.sqrt(acceleration * way + (start * start) / 2), Math.max(speed, 0))
  // A motor that is faster than the new top speed slows down to it first.
  const change = { seconds: Math.abs(peak - start) / acceleration, acceleration: sign * Math.sign(peak - start) * acceleration }
  const cruiseWay = way - Math.abs(peak * peak - start * start) / (2 * acceleration) - (peak * peak) / (2 * acceleration)
  const cruise = { seconds: peak > 0 ? Math.max(0, cruiseWay) / peak : 0, acceleration: 0 }
  return [change, cruise, { seconds: peak / acceleration, acceleration: -sign * acceleration }]
}

/** Position and velocity `seconds` after the start of a profile. */
function stateAt(profile: Profile, seconds: number): { position: number; velocity: number } {
  if (seconds >= profile.seconds) return { position: profile.end, velocity: 0 }
  let { position, velocity } = profile
  let left = Math.max(0, seconds)
  for (const segment of profile.segments) {
    const t = Math.min(left, segment.seconds)
    position += velocity * t + 0.5 * segment.acceleration * t * t
    velocity += segment.acceleration * t
    left -= t
    if (left <= 0) break
  }
  return { position, velocity }
}

export class Motor {
  /** Top speed, µm/s. */
  speed: number
  /** Time from rest to top speed, ms. */
  rampMs: number
  #profiles: Profile[]

  constructor(options: { position: number; speed: number; rampMs: number }) {
    this.speed = options.speed
    this.rampMs = options.rampMs
    const { position } = options
    this.#profiles = [{ startMs: Number.NEGATIVE_INFINITY, position, velocity: 0, segments: [], seconds: 0, end: position }]
  }

  positionAt(timeMs: number): number {
    return this.#at(timeMs).position
  }

  movingAt(timeMs: number): boolean {
    const profile = this.#profileAt(timeMs)
    return (timeMs - profile.startMs) / 1000 < profile.seconds
  }

  /** Heads for a new target from wherever it is, at whatever speed it has. Returns the duration, s. */
  moveTo(target: number, nowMs: number): number {
    const { position, velocity } = this.#at(nowMs)
    return this.#follow(nowMs, position, velocity, plan(position, velocity, target, this.speed, this.#acceleration), target)
  }

  /** Brakes with the same acceleration. */
  halt(nowMs: number): void {
    const { position, velocity } = this.#at(nowMs)
    if (velocity === 0) return
    const brake = { seconds: Math.abs(velocity) / this.#acceleration, acceleration: -Math.sign(velocity) * this.#acceleration }
    this.#follow(nowMs, position, velocity, [brake], position + (velocity * Math.abs(velocity)) / (2 * this.#acceleration))
  }

  get #acceleration(): number {
    return this.speed / (this.rampMs / 1000)
  }

  #follow(startMs: number, position: number, velocity: number, segments: readonly Segment[], end: number): number {
    const seconds = segments.reduce((sum, segment) => sum + segment.seconds, 0)
    const kept = this.#profiles.filter((_, i, all) => (all[i + 1]?.startMs ?? startMs) > startMs - MEMORY_MS)
    this.#profiles = [...kept, { startMs, position, velocity, segments, seconds, end }]
    return seconds
  }

  #at(timeMs: number): { position: number; velocity: number } {
    const profile = this.#profileAt(timeMs)
    return stateAt(profile, (timeMs - profile.startMs) / 1000)
  }

  #profileAt(timeMs: number): Profile {
    const profile = this.#profiles.findLast(({ startMs }) => startMs <= timeMs) ?? this.#profiles[0]
    if (!profile) throw new Error('A motor always has a profile.')
    return profile
  }
}
