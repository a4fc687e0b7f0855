/** Chooses what runs the networks, by trying; runs inside the inference process, so a driver that crashes takes nothing else along. */
import { messageOf } from '#shared/errors.ts'
import type { ProviderChoice, ProviderReport } from './messages.ts'

/** Fastest first. */
const order = ['cuda', 'dml', 'coreml', 'webgpu', 'cpu'] as const

const names: Readonly<Record<string, string>> = {
  cuda: 'CUDA',
  dml: 'DirectML',
  coreml: 'CoreML',
  webgpu: 'WebGPU',
  cpu: 'CPU',
}

export interface ProbeOptions {
  readonly choice: ProviderChoice
  /** Providers that this build of the runtime knows. */
  readonly supported: readonly string[]
  /** Providers that must not be tried, and why. */
  readonly skip: Readonly<Record<string, string>>
  /** Runs a small network on the provider and on the CPU; throws if it cannot, or if they differ. Says in a sentence what was found. */
  readonly probe: (provider: string) => Promise<string>
  /** Told before each attempt, so that the host knows what was being tried if the process dies. */
  readonly onProbe: (provider: string) => Promise<void>
  /** What to say of the CPU where it is used. */
  readonly cpu: string
}

/** Tries providers in order. The CPU is not tried out: where it fails, nothing works. */
export async function chooseProvider(options: ProbeOptions): Promise<{ readonly provider: string; readonly providers: ProviderReport[] }> {
  const { choice, supported, skip } = options
  const known: string[] = order.filter((id) => supported.includes(id))
  if (choice !== 'auto' && !known.includes(choice)) known.unshift(choice)
  // A chosen provider goes first, and the CPU stands in where it fails.
  const tried = choice === 'auto' ? known : [...known.filter((id) => id === choice), ...known.filter((id) => id === 'cpu' && id !== choice)]
  const providers: ProviderReport[] = []
  let provider: string | null = null
  for (const id of tried) {
    const { works, reason } = provider ? { works: false, reason: `Not needed: ${names[provider]} works.` } : await tryOut(id, options)
    if (works) provider = id
    providers.push({ id, used: works, reason })
  }
  for (const id of known) {
    if (!tried.includes(id)) providers.push({ id, used: false, reason: `Not tried: ${names[choice]} was chosen in the settings.` })
  }
  if (!provider) throw new Error(`No provider works: ${providers.map(({ id, reason }) => `${names[id]}: ${reason}`).join(' ')}`)
  for (const id of Object.keys(skip)) {
    if (!providers.some((report) => report.id === id)) providers.push({ id, used: false, reason: skip[id] ?? '' })
  }
  return { provider, providers }
}

/** Whether a provider can be used, and what proves it or stands against it. */
async function tryOut(id: string, { supported, skip, probe, onProbe, cpu }: ProbeOptions): Promise<{ works: boolean; reason: string }> {
  if (skip[id]) return { works: false, reason: skip[id] }
  if (!supported.includes(id)) {
    return { works: false, reason: `${names[id]} is not part of ONNX Runtime on this platform (${process.platform}).` }
  }
  if (id === 'cpu') return { works: true, reason: cpu }
  try {
    await onProbe(id)
    return { works: true, reason: await probe(id) }
  } catch (error) {
    return { works: false, reason: explain(id, messageOf(error)) }
  }
}

/** The runtime's own messages are for its developers; the usual ones are put into words. */
function explain(id: string, message: string): string {
  if (id === 'webgpu' && /adapter/i.test(message)) return 'WebGPU found no graphics processor with a working driver.'
  if (id === 'cuda' && /load (shared )?library/i.test(message)) {
    return 'The CUDA libraries of ONNX Runtime are not installed, or no NVIDIA driver was found.'
  }
  return `${names[id]} failed when it was tried: ${message.split('\n')[0]?.slice(0, 200)}`
}
