/** What the simulated camera needs to know of the simulated hardware, at any moment. */

/** The microscope at one moment. µm; light levels in percent by channel id; a missing channel is dark. */
export interface Pose {
  readonly x: number
  readonly y: number
  readonly z: number
  readonly objective: string
  readonly light: Readonly<Record<string, number>>
}

/** Answers for a time on the `performance.now()` clock; the firmware emulators know where their motors are at every moment. */
export interface Scene {
  poseAt(time: number): Pose
}
