/** What a network told of a picture, window by window: one of several places, or none. */
import { trustReportSchema } from './trust.ts'
import { z } from './zod.ts'

/** What is said of a window that looks like none of the places, and of one that holds nothing but noise. */
export const noPlace = 'none of these'
export const nothing = 'nothing there'

/** Pixels of the picture, from the top left. */
const partSchema = z.object({ x: z.number(), y: z.number(), width: z.number().positive(), height: z.number().positive() })

export const toldWindowSchema = partSchema.extend({
  /** The most probable place, `noPlace` or `nothing`. */
  place: z.string(),
  /** How unlike every place; null = the network does not say. */
  novelty: z.number().nullable(),
  /** Every place with its probability if it is one of them, the most probable first. */
  ranked: z.array(z.object({ place: z.string(), probability: z.number() })),
})
export type ToldWindow = z.infer<typeof toldWindowSchema>

export const placesSchema = z.object({
  /** One line for the whole file: "mitochondria, 97 %". */
  words: z.string(),
  /** The place whose evidence is shown; null: the network gives no evidence, and the picture itself is shown. */
  shown: z.string().nullable(),
  /** Which part of the picture was told, and is shown. */
  frame: partSchema,
  /** Of the first plane, and what the instruments of trust say of it. */
  windows: z.array(toldWindowSchema),
  report: trustReportSchema,
})
export type Places = z.infer<typeof placesSchema>

/** A class of a package in words: "endoplasmic reticulum". */
export function placeName(name: string): string {
  return name.replaceAll(/[-_]/g, ' ')
}

export function rankedPlaces(classes: readonly string[], probabilities: readonly number[]): ToldWindow['ranked'] {
  return classes
    .map((place, i) => ({ place: placeName(place), probability: probabilities[i] ?? 0 }))
    .sort((a, b) => b.probability - a.probability)
}

/** Nothing is certain, and nothing impossible. */
export function oddsWords(probability: number): string {
  const percent = Math.round(100 * probability)
  return percent > 99 ? 'over 99 %' : percent < 1 ? 'under 1 %' : `${percent} %`
}

/** Whether a place is named of it. */
export function isNamed({ place }: ToldWindow): boolean {
  return place !== noPlace && place !== nothing
}

/** One line for a person: of one window the place and its probability, of several how often each was named. */
export function placeWords(windows: readonly ToldWindow[]): string {
  const [only, another] = windows
  if (!only) return nothing
  if (!another) {
    const [first] = only.ranked
    if (only.place === noPlace) return `${noPlace}; least unlike ${first?.place ?? '?'}`
    return isNamed(only) && first ? `${only.place}, ${oddsWords(first.probability)}` : only.place
  }
  const counts = new Map<string, number>()
  for (const { place } of windows) counts.set(place, (counts.get(place) ?? 0) + 1)
  const words = [...counts].sort(([, a], [, b]) => b - a).map(([place, count]) => `${place} in ${count}`)
  return `${words.join(', ')} of ${windows.length} windows`
}
