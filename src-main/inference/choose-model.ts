/** Which network an image goes through where nobody has chosen one. */
import type { ModelSummary } from '#shared/api.ts'
import { AppError } from '#shared/errors.ts'

/** Pixels this near are the same. */
const tolerance = 0.02
/** What the microscopes of this application give, and most files are. */
const usualModality = 'widefield'

const improving = new Set(['super-resolution', 'restoration', 'denoising', 'cross-modality'])
/** They ask for a map of distances beside the image. */
const needsMore = new Set(['refocus', 'refocusing'])

type Candidate = Pick<ModelSummary, 'id' | 'usable' | 'images' | 'modality' | 'trainedPixelsUm' | 'task'>

/**
 * The network whose training had pixels of this size (µm), if that is one; else, among those that remain, one for widefield images, and of
 * these the one with the nearest pixels. Networks that improve images go before those that make something else of them.
 * Throws ModelInvalid where none can be used.
 */
export function chooseModel(models: readonly Candidate[], pixelSizeUm: number | null): string {
  const usable = models.filter((model) => model.usable && model.images && !needsMore.has(model.task ?? ''))
  const suited = usable.filter(({ task }) => improving.has(task ?? ''))
  const matching = suited.filter(({ trainedPixelsUm }) => distance(trainedPixelsUm, pixelSizeUm) <= Math.log(1 + tolerance))
  const remaining = [matching, suited, usable].find(({ length }) => length > 0) ?? []
  const rank = ({ modality, trainedPixelsUm }: Candidate) =>
    [modality === usualModality ? 0 : 1, pixelSizeUm === null ? 0 : distance(trainedPixelsUm, pixelSizeUm)] as const
  const [best] = [...remaining].sort((a, b) => {
    const [x, y] = [rank(a), rank(b)]
    return x[0] - y[0] || x[1] - y[1] || (a.id < b.id ? -1 : 1)
  })
  if (best) return best.id
  throw new AppError('ModelInvalid', 'No network that takes images is installed.')
}

/** The network that tells what images show. Throws ModelInvalid where none can be used. */
export function chooseClassifier(models: readonly Pick<ModelSummary, 'id' | 'usable' | 'classes'>[]): string {
  const found = models.find(({ usable, classes }) => usable && classes !== null)
  if (found) return found.id
  throw new AppError('ModelInvalid', 'No network that tells what an image shows is installed.')
}

/** Between logarithms; how many times larger or smaller. */
function distance(sizes: readonly number[], pixelSizeUm: number | null): number {
  if (pixelSizeUm === null) return Number.POSITIVE_INFINITY
  return Math.min(...sizes.map((size) => Math.abs(Math.log(size / pixelSizeUm))), Number.MAX_VALUE)
}
