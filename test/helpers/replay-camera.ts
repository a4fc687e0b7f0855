/** A camera that gives frames when a test or a benchmark says so: no optics, no clock of its own. */

import type { Camera } from '#main/devices/kinds.ts'
import { Cell, Emitter } from '#shared/emitter.ts'
import type { Frame } from '#shared/image/frame.ts'

export class ReplayCamera implements Camera {
  readonly width: number
  readonly height: number
  readonly bitDepth = 16
  readonly pixelUm = 6.5
  readonly exposureRange = { min: 1, max: 2000 }
  readonly exposureMs = new Cell(20)
  readonly status = new Cell({
    id: 'camera',
    label: 'Replay camera',
    kind: 'camera' as const,
    state: 'ready' as const,
    connection: 'memory',
    problem: null,
    simulated: true,
  })
  running = false
  /** Of the sample, as the objective has it. */
  pixelSizeUm = 0.65
  readonly #frames = new Emitter<Frame>()
  readonly #problems = new Emitter<Error>()
  #count = 0

  constructor(width = 64, height = 64) {
    this.width = width
    this.height = height
  }

  async setExposure(exposureMs: number): Promise<void> {
    this.exposureMs.set(exposureMs)
  }

  async start(): Promise<void> {
    this.running = true
    this.#count = 0
  }

  async stop(): Promise<void> {
    this.running = false
  }

  onFrame(listener: (frame: Frame) => void) {
    return this.#frames.on(listener)
  }

  onProblem(listener: (problem: Error) => void) {
    return this.#problems.on(listener)
  }

  /** Gives one frame whose pixels all have the frame's number, after leaving out `lost` frames. */
  give(data = new Uint16Array(this.width * this.height).fill(this.#count), lost = 0): Frame {
    this.#count += lost
    const frame: Frame = {
      width: this.width,
      height: this.height,
      data,
      metadata: {
        frame: this.#count++,
        time: Date.now(),
        exposureMs: this.exposureMs.value,
        x: 0,
        y: 0,
        z: 0,
        objective: '10x',
        pixelSizeUm: this.pixelSizeUm,
        channel: 'FITC',
        emissionNm: 525,
        lightLevel: 50,
      },
    }
    this.#frames.emit(frame)
    return frame
  }

  fail(problem: Error): void {
    this.#problems.emit(problem)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
