/** How far the work on a file is, and how quick. */

/** Of the file's own planes and pixels, how much has been through the network. */
export interface Done {
  readonly planes: number
  readonly megapixels: number
}

/** `share`: of all planes, 0…1. */
export function doneOf(
  { width, height, planes }: { readonly width: number; readonly height: number; readonly planes: number },
  share: number,
): Done {
  return { planes: planes * share, megapixels: (planes * share * width * height) / 1e6 }
}

/** Shorter stretches say little: planes come in groups. */
const shortestMs = 500
const windowMs = 10_000

/** Planes and megapixels per second over the last ten seconds. */
export class Throughput {
  readonly #marks: { readonly at: number; readonly done: Done }[] = []

  /** `now`: ms. null while it is too early to say. */
  rate(now: number, done: Done): Done | null {
    this.#marks.push({ at: now, done })
    // One mark older than the window stays, so that slow work has a rate too.
    while (this.#marks.length > 2 && (this.#marks[1]?.at ?? now) <= now - windowMs) this.#marks.shift()
    const [first] = this.#marks
    if (!first || now - first.at < shortestMs || done.megapixels <= first.done.megapixels) return null
    const seconds = (now - first.at) / 1000
    return {
      planes: (done.planes - first.done.planes) / seconds,
      megapixels: (done.megapixels - first.done.megapixels) / seconds,
    }
  }
}
