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
  /** Runs a small network on the provider and throws if it cannot, or if the result is wrong. */
  readonly probe: (provider: string) => Promise<void>
  /** Told before each attempt, so that the host knows what was being tried if the process dies. */
  readonly onProbe: (provider: string) => Promise<void>
  /** What to say of the one that is used. */
  readonly describe: (provider: string) => string
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
    const reason = provider ? `Not needed: ${names[provider]} works.` : await refusal(id, options)
    if (!provider && reason === null) provider = id
    providers.push({ id, used: provider === id, reason: reason ?? options.describe(id) })
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

/** Why a provider cannot be used; null = it can. */
async function refusal(id: string, { supported, skip, probe, onProbe }: ProbeOptions): Promise<string | null> {
  if (skip[id]) return skip[id]
  if (!supported.includes(id)) return `${names[id]} is not part of ONNX Runtime on this platform (${process.platform}).`
  if (id === 'cpu') return null
  try {
    await onProbe(id)
    await probe(id)
    return null
  } catch (error) {
    return explain(id, messageOf(error))
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
