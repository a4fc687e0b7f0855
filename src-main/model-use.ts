/** Whether something uses a model, so that it must stay. */
import type { Job, LiveState, Settings } from '#shared/api.ts'

export interface ModelUses {
  readonly settings: Pick<Settings, 'model'>
  readonly live?: Pick<LiveState, 'enhance' | 'model'>
  readonly jobs?: readonly Pick<Job, 'id' | 'status' | 'file'>[]
  /** Model of each job, by the job's id. */
  readonly files?: ReadonlyMap<string, string>
}

/** What uses it, and what to do about it, as a sentence; null = nothing. */
export function inUse(model: string, { settings, live, jobs = [], files }: ModelUses): string | null {
  if (live?.enhance && live.model === model) return 'live view enhances with it. Switch enhancement off first.'
  const job = jobs.find(({ id, status }) => (status === 'waiting' || status === 'running') && files?.get(id) === model)
  if (job) return `${job.file} is being enhanced with it. Wait, or cancel that first.`
  if (settings.model === model) return 'it is the network in use. Choose another one first.'
  return null
}
