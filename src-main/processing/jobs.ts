/**
 * Files waiting to be enhanced, one after the other, for the window.
 *
 *   waiting ──▶ running ──▶ done | failed | cancelled
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import type { Job, Provenance } from '#shared/api.ts'
import { Cell, type ReadonlyCell } from '#shared/emitter.ts'
import { AppError, abortError, isAbort, isError, messageOf } from '#shared/errors.ts'
import type { Places } from '#shared/places.ts'
import type { Surfaces } from '#shared/surfaces.ts'
import type { AnswerJudge, Judge } from '../analysis/trust/thread.ts'
import type { PictureFacts } from '../analysis/trust/training.ts'
import type { SeriesInference } from '../inference/inference.ts'
import { openTiff } from '../storage/tiff/open.ts'
import { enhanceFile, type Surface } from './enhance-file.ts'
import { largestLook, type Picture, reduced } from './picture.ts'
import { secondsLeft } from './remaining.ts'
import { Throughput } from './throughput.ts'

export interface NewJob {
  readonly path: string
  /** The file is ours: it is removed when the job ends. */
  readonly temporary: boolean
  /** Makes the file, when the job begins. */
  readonly prepare?: ((signal: AbortSignal) => Promise<void>) | undefined
  /** For a person, and for the output's name. */
  readonly name: string
  /** µm; null = what the file says. */
  readonly pixelSizeUm: number | null
  /** null: the one that suits the pixels. */
  readonly model: string | null
  /** Surfaces to refocus to, of a network that refocuses. */
  readonly refocus?: Surfaces | null | undefined
}

export interface JobResult {
  readonly before: Picture
  readonly after: Picture
  readonly inputUnits: boolean
  readonly provenance: Provenance
  readonly facts: PictureFacts
  /** Whether `before` is the plane itself, not a smaller copy of it. */
  readonly original: boolean
  /** µm from the focus of `before` to what `after` shows; null = the same surface. */
  readonly distanceUm: number | null
  /** Of a network that refocuses: any of them can be shown. */
  readonly surfaces: readonly Surface[]
  /** Of a network that tells what a picture shows; null for any other. */
  readonly places: Places | null
  /** Path of the OME-TIFF, or of the table of places. */
  readonly output: string
}

export interface JobsOptions {
  readonly inference: SeriesInference
  readonly judge: Judge & AnswerJudge
  /** Where results go; asked when a job begins. */
  readonly outFolder: () => string
}

const waitingLimit = 200
const listed = 100
/** Finished jobs whose pictures are kept for looking. */
const kept = 4
/** Progress is announced no more often, ms. */
const announceMs = 200

export class Jobs implements AsyncDisposable {
  readonly #state = new Cell<readonly Job[]>([])
  readonly #waiting: { readonly id: string; readonly job: NewJob }[] = []
  readonly #results = new Map<string, JobResult>()
  readonly #models = new Map<string, string>()
  #running: { readonly id: string; readonly abort: AbortController } | null = null
  #working: Promise<void> = Promise.resolve()
  #disposed = false

  constructor(private readonly options: JobsOptions) {}

  /** Where results go now. */
  get outFolder(): string {
    return this.options.outFolder()
  }

  /** Model of each job that waits or runs. */
  get models(): ReadonlyMap<string, string> {
    return this.#models
  }

  get state(): ReadonlyCell<readonly Job[]> {
    return this.#state
  }

  /** Queues a file and returns the job's id. Throws Busy where too many wait. */
  start(job: NewJob): string {
    if (this.#disposed) throw abortError('The application is closing.')
    if (this.#waiting.length >= waitingLimit) throw new AppError('Busy', `${waitingLimit} files are waiting to be enhanced already.`)
    const id = randomUUID()
    const entry: Job = {
      id,
      file: job.name,
      status: 'waiting',
      progress: 0,
      remaining: null,
      rate: null,
      model: job.model,
      output: null,
      warnings: [],
      verdict: null,
      judged: null,
      answer: null,
      problem: null,
    }
    // Only what has ended leaves the list: everything else must stay in sight to be cancelled.
    let spare = this.#state.value.length + 1 - listed
    const stay = this.#state.value.filter(({ status }) => status === 'waiting' || status === 'running' || --spare < 0)
    this.#state.set([...stay, entry])
    this.#waiting.push({ id, job })
    if (job.model !== null) this.#models.set(id, job.model)
    if (!this.#running) this.#working = this.#work()
    return id
  }

  /** Ends a job between two tiles; harmless where it has ended. */
  cancel(id: string): void {
    if (this.#running?.id === id) this.#running.abort.abort()
    const index = this.#waiting.findIndex((waiting) => waiting.id === id)
    const [waiting] = index < 0 ? [] : this.#waiting.splice(index, 1)
    if (!waiting) return
    this.#models.delete(id)
    this.#patch(id, { status: 'cancelled' })
    void discard(waiting.job)
  }

  /** The first plane before and after. Rejects with Busy while the job runs, BadRequest where there is nothing to show. */
  async result(id: string): Promise<JobResult> {
    const result = this.#results.get(id)
    if (result) return result
    const job = this.#state.value.find((candidate) => candidate.id === id)
    if (!job) throw new AppError('BadRequest', 'There is no such job.')
    if (job.status === 'waiting' || job.status === 'running') throw new AppError('Busy', `${job.file} is not finished yet.`)
    if (job.status === 'done') throw new AppError('BadRequest', `The pictures of ${job.file} are no longer in memory. Open ${job.output}.`)
    throw new AppError('BadRequest', job.problem ?? `${job.file} was cancelled, so there is nothing to show.`)
  }

  /** One of the surfaces that it was refocused to. Rejects as `result` does, and with BadRequest where there is no such surface. */
  async surface(id: string, index: number): Promise<Surface> {
    const { surfaces } = await this.result(id)
    const surface = surfaces[index]
    if (surface) return surface
    const there =
      surfaces.length > 0 ? `There are ${surfaces.length} surfaces, and no number ${index + 1}.` : 'This result was not refocused.'
    throw new AppError('BadRequest', there)
  }

  /** That surface, read from the file, at most 2048 pixels wide. Rejects as `surface` and `openTiff` do. */
  async picture(id: string, index: number, signal?: AbortSignal): Promise<Picture> {
    const { output } = await this.result(id)
    const { plane } = await this.surface(id, index)
    await using source = await openTiff(output, signal ? { signal } : {})
    const { width, height } = source
    return await reduced({ width, height, data: await source.readPlane(plane, signal) }, largestLook)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    for (const { id } of [...this.#waiting]) this.cancel(id)
    this.#running?.abort.abort()
    await this.#working
  }

  async #work(): Promise<void> {
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const abort = new AbortController()
      this.#running = { id: next.id, abort }
      await this.#enhance(next.id, next.job, abort.signal)
      this.#models.delete(next.id)
      await discard(next.job)
    }
    this.#running = null
  }

  async #enhance(id: string, job: NewJob, signal: AbortSignal): Promise<void> {
    const throughput = new Throughput()
    let announced = 0
    this.#patch(id, { status: 'running' })
    try {
      await job.prepare?.(signal)
      const begun = performance.now()
      const {
        output,
        warnings,
        verdict,
        judged,
        before,
        after,
        inputUnits,
        provenance,
        facts,
        original,
        distanceUm = null,
        surfaces = [],
        places = null,
      } = await enhanceFile(
        {
          path: job.path,
          name: job.name,
          outFolder: this.options.outFolder(),
          model: job.model,
          pixelSizeUm: job.pixelSizeUm,
          refocus: job.refocus,
          preview: false,
          signal,
          onModel: (model) => {
            this.#models.set(id, model)
            this.#patch(id, { model })
          },
          onProgress: (progress, done) => {
            const now = performance.now()
            const rate = throughput.rate(now, done)
            if (now - announced < announceMs) return
            announced = now
            this.#patch(id, { progress, rate, remaining: secondsLeft(now - begun, progress) })
          },
        },
        this.options,
      )
      this.#keep(id, { before, after, inputUnits, provenance, facts, original, distanceUm, surfaces, places, output })
      this.#patch(id, {
        status: 'done',
        progress: 1,
        rate: null,
        remaining: 0,
        output,
        warnings: [...warnings],
        verdict,
        judged,
        answer: places?.words ?? null,
      })
    } catch (error) {
      if (isAbort(error)) this.#patch(id, { status: 'cancelled', rate: null, remaining: null })
      else this.#patch(id, { status: 'failed', rate: null, remaining: null, problem: sentence(error) })
    }
  }

  #keep(id: string, result: JobResult): void {
    this.#results.set(id, result)
    for (const old of this.#results.keys()) {
      if (this.#results.size <= kept) break
      this.#results.delete(old)
    }
  }

  #patch(id: string, change: Partial<Job>): void {
    this.#state.set(this.#state.value.map((job) => (job.id === id ? { ...job, ...change } : job)))
  }
}

function sentence(error: unknown): string {
  return isError(error) ? `${error.message} ${error.advice}` : messageOf(error)
}

async function discard(job: NewJob): Promise<void> {
  if (job.temporary) await rm(job.path, { force: true }).catch(() => undefined)
}
