/** What the host and the inference process say to each other. Both are ours, from one build, so the types are trusted. */
import type { InferenceState, Settings } from '#shared/api.ts'
import type { ErrorData } from '#shared/errors.ts'
import type { PixelType } from '#shared/image/frame.ts'
import type { Band, ClassifiedGrid, ClassifiedWindow, Normalisation } from './inference.ts'
import type { NetworkModel, RunnableModel } from './package.ts'
import type { OutputComparison } from './tensors/self-test.ts'

export type ProviderChoice = Settings['provider']
export type ProviderReport = InferenceState['providers'][number]

/** An image and the network it is for; its pixels follow as payload. */
export interface ImageMessage {
  readonly id: number
  readonly model: RunnableModel
  readonly priority: 'live' | 'batch'
  readonly width: number
  readonly height: number
  readonly pixelType: PixelType
  readonly pixelSizeUm: number | null
  /** null: the whole image. */
  readonly band: Band | null
}

export type HostMessage =
  /** First message. `skip`: providers that must not be tried, and why. */
  | { readonly type: 'start'; readonly choice: ProviderChoice; readonly skip: Readonly<Record<string, string>> }
  /** The pixels of `planes` planes follow one after the other; `normalisations`: one for each, or null to measure that of a single one. */
  | ({
      readonly type: 'predict'
      readonly planes: number
      readonly normalisations: readonly Normalisation[] | null
      readonly scale: boolean
    } & ImageMessage)
  /** Adds an image to the statistics of a series; the last one of a pass is answered with `last`, see `WorkerMessage`. */
  | ({ readonly type: 'measure'; readonly series: string; readonly pass: 'add' | 'refine'; readonly last: boolean } & ImageMessage)
  /** An image of any axes through a network that the quick way does not suit; dims = [t, c, z, y, x]. */
  | {
      readonly type: 'image'
      readonly id: number
      readonly model: NetworkModel
      readonly priority: 'live' | 'batch'
      readonly dims: readonly number[]
      readonly pixelType: PixelType
      readonly pixelSizeUm: number | null
    }
  /** A plane whose content is to be told, by a model that has a classifier. */
  | {
      readonly type: 'classify'
      readonly id: number
      readonly model: NetworkModel
      readonly priority: 'live' | 'batch'
      readonly width: number
      readonly height: number
      readonly pixelType: PixelType
      readonly pixelSizeUm: number | null
    }
  /** The package's own test. */
  | { readonly type: 'test'; readonly id: number; readonly model: NetworkModel; readonly priority: 'batch' }
  | { readonly type: 'cancel'; readonly id: number }

export type WorkerMessage =
  | { readonly type: 'probing'; readonly provider: string }
  | { readonly type: 'ready'; readonly provider: string; readonly providers: readonly ProviderReport[] }
  /** Work on a request has begun: from now on it is to blame for a crash. */
  | { readonly type: 'begin'; readonly id: number }
  | { readonly type: 'progress'; readonly id: number; readonly fraction: number }
  /** Payload: for each plane the image, then the scale if there is one, all float32. */
  | {
      readonly type: 'result'
      readonly id: number
      readonly width: number
      readonly height: number
      readonly hasScale: boolean
      readonly pixelSizeUm: number | null
      /** One for each plane. */
      readonly normalisations: readonly Normalisation[]
      readonly provider: string
      readonly warnings: readonly string[]
      readonly elapsedMs: number
    }
  /** `normalisation` is null while passes are still needed. */
  | { readonly type: 'measured'; readonly id: number; readonly normalisation: Normalisation | null }
  /** Payload: the images one after the other, float32. */
  | {
      readonly type: 'images'
      readonly id: number
      readonly images: readonly { readonly id: string; readonly dims: readonly number[]; readonly ratio: number }[]
      readonly provider: string
      readonly warnings: readonly string[]
      readonly elapsedMs: number
    }
  /** Payload: the plane on the network's grid, then the maps of the evidence, if there are any, all float32. */
  | {
      readonly type: 'classified'
      readonly id: number
      readonly grid: Omit<ClassifiedGrid, 'data'>
      readonly windows: readonly ClassifiedWindow[]
      readonly activation: { readonly width: number; readonly height: number } | null
      readonly provider: string
      readonly warnings: readonly string[]
      readonly elapsedMs: number
    }
  | {
      readonly type: 'tested'
      readonly id: number
      readonly outputs: readonly OutputComparison[]
      readonly provider: string
      readonly elapsedMs: number
    }
  | { readonly type: 'failure'; readonly id: number; readonly error: ErrorData }
