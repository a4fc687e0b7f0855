/** The ground truth of the demo microscope: what a perfect 20×/0.75 would see. */
import type { Objective } from '#shared/device.ts'
import { PoseRenderer } from './render-field.ts'
import type { Pose } from './scene.ts'
import { endothelialLayer } from './specimen.ts'

/** Expected photoelectrons of a noise-free 20×/0.75, for the exposure and light of the moment. */
export interface TruthImage {
  readonly width: number
  readonly height: number
  readonly pixelSizeUm: number
  readonly data: Float32Array
}

export interface TruthSource {
  /** At the present place, focus and light; on the camera field's grid, aligned by corners. Takes some seconds, in a thread of its own. */
  truth(): Promise<TruthImage>
}

export const truthObjective: Objective = {
  id: 'truth',
  label: '20×/0.75',
  magnification: 20,
  numericalAperture: 0.75,
  pixelSizeUm: 0.325,
}

export interface TruthRequest {
  readonly pose: Pose
  readonly exposureMs: number
  readonly seed: number
  /** Of the camera's field, µm. */
  readonly fieldWidth: number
  readonly fieldHeight: number
}

/** Renders the field in tiles of at most 512 pixels. */
export function renderTruth({ pose, exposureMs, seed, fieldWidth, fieldHeight }: TruthRequest): TruthImage {
  const { pixelSizeUm } = truthObjective
  const width = Math.round(fieldWidth / pixelSizeUm)
  const height = Math.round(fieldHeight / pixelSizeUm)
  const tile = Math.min(512, width, height)
  const renderer = new PoseRenderer({ specimen: endothelialLayer(seed), objective: truthObjective, width: tile, height: tile })
  const data = new Float32Array(width * height)
  for (let top = 0; top < height; top += tile) {
    for (let left = 0; left < width; left += tile) {
      const x = pose.x + (left + tile / 2 - width / 2) * pixelSizeUm
      const y = pose.y + (top + tile / 2 - height / 2) * pixelSizeUm
      const part = renderer.expected({ ...pose, x, y }, exposureMs)
      const columns = Math.min(tile, width - left)
      for (let row = 0; row < Math.min(tile, height - top); row++)
        data.set(part.subarray(row * tile, row * tile + columns), (top + row) * width + left)
    }
  }
  return { width, height, pixelSizeUm, data }
}
