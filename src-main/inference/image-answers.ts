/** What the inference process answers about images of any axes and about tests, in the words of `inference.ts`. */
import type { SelfTest } from '#shared/api.ts'
import { AppError, isAbort, messageOf } from '#shared/errors.ts'
import { type Pixels, pixelsFrom } from '#shared/image/frame.ts'
import { beyondRange, needOf } from './distance-map.ts'
import type { Classification, ImagePrediction, ImageRequest, ImageUse, Prediction, ResultImage } from './inference.ts'
import type { WorkerMessage } from './messages.ts'
import type { ModelIdentity, NetworkModel } from './package.ts'
import { gridStep, imageGrid } from './pipeline.ts'
import { layOut } from './tensors/image-layout.ts'
import { imageNeeds } from './tensors/image-needs.ts'

/** Throws ModelInvalid for a network that takes no images. */
export function useOf(network: NetworkModel): ImageUse {
  const needs = imageNeeds(network)
  if (!needs.possible) throw new AppError('ModelInvalid', `“${network.name}”: ${needs.words}`, { model: network.id })
  const { channels } = layOut(network.inputs, network.outputs)
  return {
    planes: network.plane !== null,
    channels: channels.reduce((sum, each) => sum + each, 0),
    inputUnits: network.plane?.inverse ?? network.distance?.inverse ?? false,
    beside: network.distance && needOf(network.distance),
    distance: network.distance,
  }
}

/** What became of planes, in their order. */
export function planePredictions(
  { id, name, version, sha256 }: ModelIdentity,
  message: WorkerMessage,
  payload: Uint8Array,
): readonly Prediction[] {
  if (message.type !== 'result') throw new AppError('Internal', 'The inference process answered another question.')
  const { width, height, hasScale, pixelSizeUm, normalisations, provider, warnings, elapsedMs } = message
  const values = pixelsFrom(payload, 'float32') as Float32Array
  const pixels = width * height
  const part = (index: number) => values.subarray(index * pixels, (index + 1) * pixels)
  return normalisations.map((normalisation, plane) => ({
    width,
    height,
    image: part(hasScale ? 2 * plane : plane),
    scale: hasScale ? part(2 * plane + 1) : null,
    pixelSizeUm,
    normalisation,
    provenance: { model: id, modelName: name, version, sha256, provider, warnings: [...warnings] },
    elapsedMs: elapsedMs / normalisations.length,
  }))
}

export function imagePrediction(
  network: NetworkModel,
  { pixelSizeUm, dims, data }: ImageRequest,
  answer: Extract<WorkerMessage, { type: 'images' }>,
  payload: Uint8Array,
): ImagePrediction {
  const values = pixelsFrom(payload, 'float32') as Float32Array
  const step = gridStep(imageGrid(network), pixelSizeUm)
  let at = 0
  const images = answer.images.map(({ id, dims, ratio }): ResultImage => {
    const count = dims.reduce((product, size) => product * size, 1)
    const data = values.subarray(at, at + count)
    at += count
    return {
      id,
      dims,
      data,
      channels: channelNames(network, id, dims[1] ?? 1),
      pixelSizeUm: step.pixelSizeUm === null ? null : step.pixelSizeUm / ratio,
    }
  })
  const { id, name, version, sha256 } = network
  const { left } = layOut(network.inputs, network.outputs)
  const warnings = [...answer.warnings, ...left, ...step.warnings, ...distanceWarnings(network, dims, data)]
  return {
    images,
    provenance: { model: id, modelName: name, version, sha256, provider: answer.provider, warnings },
    elapsedMs: answer.elapsedMs,
  }
}

export function classificationOf(
  network: NetworkModel,
  pixelSizeUm: number | null,
  message: WorkerMessage,
  payload: Uint8Array,
): Classification {
  const { classifier } = network
  if (message.type !== 'classified' || !classifier) throw new AppError('Internal', 'The inference process answered another question.')
  const { grid, windows, activation, provider, elapsedMs } = message
  const values = pixelsFrom(payload, 'float32') as Float32Array
  const step = gridStep(imageGrid(network), pixelSizeUm)
  const { id, name, version, sha256 } = network
  // Other sizes than the grid's are what it was trained on; whether this one is among them, the trust instruments say.
  const warnings = [...message.warnings, ...(pixelSizeUm === null ? step.warnings : [])]
  return {
    classes: classifier.classes,
    noveltyLimit: classifier.noveltyLimit,
    windows,
    grid: { ...grid, data: values.subarray(0, grid.width * grid.height) },
    activation: activation && { ...activation, data: values.subarray(grid.width * grid.height) },
    pixelSizeUm: step.pixelSizeUm,
    provenance: { model: id, modelName: name, version, sha256, provider, warnings },
    elapsedMs,
  }
}

/** The first plane of the first output, where only one picture can be shown. Its normalisation cannot be told in one scale and offset. */
export function firstPlane({ images, provenance, elapsedMs }: ImagePrediction): Prediction {
  const [first, ...others] = images
  if (!first) throw new AppError('Internal', 'The network gave no image.')
  const [t = 1, c = 1, z = 1, height = 0, width = 0] = first.dims
  const more = others.length > 0 || t * c * z > 1
  const warning = `Only the first channel of “${first.id}” is shown; the network gives more.`
  return {
    width,
    height,
    image: first.data.subarray(0, width * height),
    scale: null,
    pixelSizeUm: first.pixelSizeUm,
    normalisation: { offset: 0, scale: 1 },
    provenance: more ? { ...provenance, warnings: [...provenance.warnings, warning] } : provenance,
    elapsedMs,
  }
}

function channelNames({ outputs }: NetworkModel, id: string, count: number): string[] {
  const names = outputs.find((output) => output.id === id)?.axes.find(({ type }) => type === 'channel')?.names ?? []
  return Array.from({ length: count }, (_, index) => names[index] ?? (count === 1 ? id : `${id} ${index + 1}`))
}

function distanceWarnings({ distance }: NetworkModel, dims: ImageRequest['dims'], data: Pixels): string[] {
  if (!distance) return []
  const [times, channels, ...rest] = dims
  const size = rest.reduce((product, length) => product * length, 1)
  const places = Array.from({ length: times }, (_, time) => (time * channels + distance.channel) * size)
  const found = places.flatMap((start) => beyondRange(distance, data.subarray(start, start + size)) ?? [])
  return found.slice(0, 1)
}

/** Asks for a test and makes a result of what comes, be it an error. `problem`: why it need not be asked. Rejects only with AbortError. */
export async function selfTest(problem: string | null, ask: () => Promise<WorkerMessage>): Promise<SelfTest> {
  const base = { time: Date.now(), provider: null, elapsedMs: 0, outputs: [] }
  if (problem !== null) return { ...base, passed: false, problem }
  try {
    const answer = await ask()
    if (answer.type !== 'tested') throw new AppError('Internal', 'The inference process answered another question.')
    const outputs = answer.outputs.map(({ tolerance: { relative, absolute, perMillion }, dims, ...rest }) => ({
      ...rest,
      dims: [...dims],
      relative,
      absolute,
      perMillion,
    }))
    const bad = outputs.filter(({ outside, allowed }) => outside > allowed)
    const words = bad.map(({ id, outside, elements }) => `${outside} of ${elements} values of “${id}” are not those of the test`)
    return {
      ...base,
      passed: bad.length === 0,
      problem: words.length > 0 ? `${words.join('; ')}.` : null,
      provider: answer.provider,
      elapsedMs: answer.elapsedMs,
      outputs,
    }
  } catch (error) {
    if (isAbort(error)) throw error
    return { ...base, passed: false, problem: messageOf(error) }
  }
}
