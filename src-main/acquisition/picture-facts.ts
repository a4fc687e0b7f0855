/** What the microscope knows of a frame's origin. */
import type { MicroscopeState } from '#shared/device.ts'
import type { Frame } from '#shared/image/frame.ts'
import type { PictureFacts } from '../analysis/trust/training.ts'

/** The objective is that of the frame, not that of now. A camera behind an objective sees widefield: nothing else is controlled here. */
export function liveFacts({ metadata }: Frame, { objectives, camera }: MicroscopeState): PictureFacts {
  const { pixelSizeUm, emissionNm, objective: name } = metadata
  const objective = objectives?.all.find(({ id }) => id === name)
  return {
    pixelSizeUm,
    emissionNm,
    numericalAperture: objective?.numericalAperture ?? null,
    modality: 'widefield',
    bitDepth: camera?.bitDepth ?? null,
    structure: null,
  }
}
