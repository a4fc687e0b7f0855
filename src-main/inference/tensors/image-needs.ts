/** What an image must be like for a network, in words. */
import type { TensorDescription } from '../bioimage-io/description.ts'
import { type ImageLayout, layOut, NoImage } from './image-layout.ts'

export interface ImageNeeds {
  readonly possible: boolean
  /** "planes of one channel", or why images are not what it takes. */
  readonly words: string
}

export function imageNeeds({
  inputs,
  outputs,
  task,
}: {
  /** See `NetworkModel.task`. */
  readonly task?: string | null
  readonly inputs: readonly TensorDescription[]
  readonly outputs: readonly TensorDescription[]
}): ImageNeeds {
  if (task === 'classification') {
    return { possible: false, words: 'It tells what an image shows and makes no image of it, so images cannot be enhanced with it.' }
  }
  try {
    return { possible: true, words: needsInWords(layOut(inputs, outputs)) }
  } catch (error) {
    if (!(error instanceof NoImage)) throw error
    return { possible: false, words: `It cannot be run on images, because ${error.message}. Its self-test runs.` }
  }
}

function needsInWords({ channels, rules }: ImageLayout): string {
  const total = channels.reduce((sum, each) => sum + each, 0)
  const kind = rules.t ? (rules.z ? 'series of stacks' : 'series of planes') : rules.z ? 'stacks' : 'planes'
  const split = channels.length > 1 ? ` (${channels.join(' + ')} for its ${channels.length} inputs)` : ''
  return `${kind} of ${total === 1 ? 'one channel' : `${total} channels`}${split}`
}
