/** The thread that judges, as the host sees it. It starts with the first question and again after a failure. */
import { Worker } from 'node:worker_threads'
import { AppError, abortError, type ErrorData, errorFromData } from '#shared/errors.ts'
import { entryPath } from '../../processes.ts'
import type { Judgement, JudgeRequest } from './judge.ts'
import type { AnswerJudgement, AnswerRequest } from './judge-answer.ts'

/** What the thread is asked: of a picture that a network made, or of a name that it gave. */
export type ThreadQuestion =
  | { readonly of: 'picture'; readonly request: JudgeRequest }
  | { readonly of: 'answer'; readonly request: AnswerRequest }

export type ThreadReply =
  | { readonly id: number; readonly judgement: Judgement | AnswerJudgement; readonly error?: undefined }
  | { readonly id: number; readonly error: ErrorData; readonly judgement?: undefined }

export interface Judge {
  /** The pictures are copied, so they may change afterwards. Rejects with Internal, or AbortError when `signal` says so or when disposed. */
  judge(request: JudgeRequest, signal?: AbortSignal): Promise<Judgement>
}

/** Likewise of what a network told of a picture. */
export interface AnswerJudge {
  judgeAnswer(request: AnswerRequest, signal?: AbortSignal): Promise<AnswerJudgement>
}

interface Asked {
  resolve(judgement: Judgement | AnswerJudgement): void
  reject(error: Error): void
}

export class TrustThread implements Judge, AnswerJudge, AsyncDisposable {
  readonly #asked = new Map<number, Asked>()
  #worker: Worker | undefined
  #lastId = 0
  #disposed = false

  /** @param program the worker's; the built one unless a test brings its own */
  constructor(private readonly program?: string) {}

  judge(request: JudgeRequest, signal?: AbortSignal): Promise<Judgement> {
    return this.#ask({ of: 'picture', request }, signal) as Promise<Judgement>
  }

  judgeAnswer(request: AnswerRequest, signal?: AbortSignal): Promise<AnswerJudgement> {
    return this.#ask({ of: 'answer', request }, signal) as Promise<AnswerJudgement>
  }

  #ask(question: ThreadQuestion, signal?: AbortSignal): Promise<Judgement | AnswerJudgement> {
    if (this.#disposed) return Promise.reject(abortError('The application is closing.'))
    if (signal?.aborted) return Promise.reject(abortError())
    const id = ++this.#lastId
    const giveUp = () => this.#giveUp(id)
    signal?.addEventListener('abort', giveUp, { once: true })
    return new Promise<Judgement | AnswerJudgement>((resolve, reject) => {
      this.#asked.set(id, { resolve, reject })
      this.#running().postMessage({ id, ...question })
    }).finally(() => signal?.removeEventListener('abort', giveUp))
  }

  /** Arithmetic cannot be interrupted: where nobody else waits for the thread, it is ended, and the next question starts another. */
  #giveUp(id: number): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    asked?.reject(abortError())
    if (this.#asked.size > 0) return
    void this.#worker?.terminate()
    this.#worker = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true
    this.#rejectAll(abortError('The application is closing.'))
    await this.#worker?.terminate()
  }

  #running(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(this.program ?? entryPath('trust-worker'))
    const ended = (reason: string, cause?: unknown) => {
      if (this.#worker !== worker) return
      this.#worker = undefined
      this.#rejectAll(new AppError('Internal', `The trust instruments stopped: ${reason}.`, {}, cause))
    }
    worker.on('message', (reply: ThreadReply) => this.#settle(reply))
    worker.on('error', (error) => ended('their thread failed', error))
    worker.on('exit', () => ended('their thread ended'))
    this.#worker = worker
    return worker
  }

  #settle(reply: ThreadReply): void {
    const asked = this.#asked.get(reply.id)
    this.#asked.delete(reply.id)
    if (reply.judgement) asked?.resolve(reply.judgement)
    else asked?.reject(errorFromData(reply.error))
  }

  #rejectAll(error: Error): void {
    for (const asked of this.#asked.values()) asked.reject(error)
    this.#asked.clear()
  }
}
