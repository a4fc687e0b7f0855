/** What one camera field is expected to hold at a pose: the sum over the lit channels, in photoelectrons. No threads here. */
import type { Objective } from '#shared/device.ts'
import { collectedFraction } from '#shared/optics.ts'
import { Detector } from './noise.ts'
import { detectionEfficiency, type SpecimenWindow, WindowBuilder, WindowPlan, WindowRenderer } from './render.ts'
import type { Pose } from './scene.ts'
import { endothelialLayer } from './specimen.ts'
import { type ChannelId, channelIds, type Specimen } from './specimen-emitters.ts'

/** The channels that are lit, with their level 0 … 1. */
export function litChannels(pose: Pose): { readonly channel: ChannelId; readonly level: number }[] {
  return channelIds.flatMap((channel) => {
    const level = (pose.light[channel] ?? 0) / 100
    return level > 0 ? [{ channel, level }] : []
  })
}

/** Plans and renderers of one objective, one for each channel, made when first needed. */
export class FieldRenderer {
  readonly #renderers = new Map<ChannelId, WindowRenderer>()

  constructor(
    readonly objective: Objective,
    readonly width: number,
    readonly height: number,
  ) {}

  renderer(channel: ChannelId): WindowRenderer {
    let renderer = this.#renderers.get(channel)
    if (!renderer) {
      renderer = new WindowRenderer(new WindowPlan(this.objective, this.width, this.height, channel))
      this.#renderers.set(channel, renderer)
    }
    return renderer
  }

  /** True if the window shows the whole field at this pose, with the margin that the blur needs. */
  covers(channel: ChannelId, window: SpecimenWindow, pose: Pose): boolean {
    const { plan } = this.renderer(channel)
    // Windows begin on the fine grid, so their centre may be half a fine pixel off.
    const slack = plan.slackAt(pose.z) + plan.fineStep
    const half = plan.side / 2
    return Math.abs(pose.x - window.left - half) <= slack && Math.abs(pose.y - window.top - half) <= slack
  }

  /** Expected photoelectrons, without noise. */
  expect(pose: Pose, exposureMs: number, specimen: Specimen, windows: ReadonlyMap<ChannelId, SpecimenWindow>): Float32Array {
    const picture = new Float32Array(this.width * this.height)
    const pixelArea = this.objective.pixelSizeUm ** 2
    const collected = collectedFraction(this.objective.numericalAperture) * detectionEfficiency
    for (const { channel, level } of litChannels(pose)) {
      const haze = specimen.haze(channel) * pixelArea * collected * exposureMs * level
      for (let i = 0; i < picture.length; i++) picture[i]! += haze
      const window = windows.get(channel)
      if (window) this.renderer(channel).add(window, pose.x, pose.y, pose.z, exposureMs * level, picture)
    }
    return picture
  }
}

export interface PoseRendererOptions {
  readonly specimen: Specimen
  readonly objective: Objective
  readonly width?: number
  readonly height?: number
}

/** Renders poses in the calling thread, building windows as they are needed (0.3 to 2 s each): for tests, truth and figures. */
export class PoseRenderer {
  readonly #field: FieldRenderer
  readonly #specimen: Specimen
  readonly #builders = new Map<ChannelId, WindowBuilder>()
  readonly #windows = new Map<ChannelId, SpecimenWindow>()

  constructor({ specimen, objective, width = 512, height = 512 }: PoseRendererOptions) {
    this.#specimen = specimen
    this.#field = new FieldRenderer(objective, width, height)
  }

  /** Expected photoelectrons, `width * height`, row by row. */
  expected(pose: Pose, exposureMs: number): Float32Array {
    for (const { channel } of litChannels(pose)) {
      const known = this.#windows.get(channel)
      if (known && this.#field.covers(channel, known, pose)) continue
      let builder = this.#builders.get(channel)
      builder ??= new WindowBuilder(this.#field.renderer(channel).plan, this.#specimen)
      this.#builders.set(channel, builder)
      this.#windows.set(channel, builder.build(pose.x, pose.y))
    }
    return this.#field.expect(pose, exposureMs, this.#specimen, this.#windows)
  }
}

export interface RenderPoseOptions extends Omit<PoseRendererOptions, 'specimen'> {
  readonly pose: Pose
  readonly exposureMs: number
  /** Of the specimen and the noise. */
  readonly seed?: number
}

/** One picture without any thread: what is expected (photoelectrons), and what the camera reads (ADU). */
export function renderPose(options: RenderPoseOptions): { readonly expected: Float32Array; readonly counts: Uint16Array } {
  const { pose, exposureMs, seed = defaultSeed, ...rest } = options
  const expected = new PoseRenderer({ specimen: endothelialLayer(seed), ...rest }).expected(pose, exposureMs)
  return { expected, counts: new Detector(seed).expose(expected) }
}

/** The demo microscope's specimen. */
export const defaultSeed = 7
