/** A network of a package, opened and run in this process. */
import * as ort from 'onnxruntime-node'
import { readPackage } from '#main/inference/catalog.ts'
import { loadWeights } from '#main/inference/load-weights.ts'
import type { NetworkModel } from '#main/inference/package.ts'
import type { ImageResult, RunTensors } from '#main/inference/tensors/run-image.ts'
import { tensorRunner } from '#main/inference/tensors/session.ts'

/** Fails where the package in `folder` cannot be run. */
export async function openNetwork(folder: string): Promise<{ readonly model: NetworkModel; readonly run: RunTensors }> {
  const model = (await readPackage(folder))?.network
  if (!model) throw new Error(`${folder} holds no network that can be run.`)
  const { bytes, external } = await loadWeights(model)
  return { model, run: tensorRunner(ort, model, await ort.InferenceSession.create(bytes, { externalData: external })) }
}

/** What a run of `runImage` gives, and the progress it told on its way. */
export async function finish(
  steps: AsyncGenerator<number, readonly ImageResult[]>,
): Promise<{ readonly results: readonly ImageResult[]; readonly fractions: readonly number[] }> {
  const fractions: number[] = []
  for (;;) {
    const step = await steps.next()
    if (step.done) return { results: step.value, fractions }
    fractions.push(step.value)
  }
}
