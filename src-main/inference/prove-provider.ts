/** Proves a provider before it is trusted: the same small tensor through it and through the CPU must come out alike. */
import { sessionOptions } from './session-options.ts'

type Runtime = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor'>

/** A 3 × 3 mean of a 4 × 4 image (`x` → `y`), exported by PyTorch 1.13: what both must compute. */
const probeNetwork =
  'CAcSB3B5dG9yY2gaBjEuMTMuMDqAAgp9CgF4CghjLndlaWdodBIBeRoHL2MvQ29udiIEQ29udioSCglkaWxhdGlvbnNAAUABoAEHKgwKBWdyb3VwGAGgAQIqFQoMa2Vy' +
  'bmVsX3NoYXBlQANAA6ABByoRCgRwYWRzQAFAAUABQAGgAQcqEAoHc3RyaWRlc0ABQAGgAQcSCXRvcmNoX2ppdCo6CAEIAQgDCAMQAUIIYy53ZWlnaHRKJDmO4z05juM9' +
  'OY7jPTmO4z05juM9OY7jPTmO4z05juM9OY7jPVobCgF4EhYKFAgBEhAKAggBCgIIAQoCCAQKAggEYhsKAXkSFgoUCAESEAoCCAEKAggBCgIIBAoCCARCAhAN'
/** Largest difference for values around 1. Half precision, which some graphics processors use within, keeps to it. */
const tolerance = 1e-3
const runs = 3

/** Throws where the provider cannot run the network or gives something else. @returns what was found, for a person. */
export async function proveProvider(runtime: Runtime, provider: string): Promise<string> {
  // Any values do, as long as no two are alike.
  const values = Float32Array.from({ length: 16 }, (_, i) => ((i * 7919) % 101) / 50)
  const cpu = await measure(runtime, 'cpu', values)
  const own = await measure(runtime, provider, values)
  const difference = largestDifference(own.values, cpu.values)
  if (!(difference <= tolerance)) {
    throw new Error(`a test network gave results that differ from the CPU's by ${difference.toPrecision(2)}`)
  }
  return `A test network gave the same on it and on the CPU (difference ${difference.toPrecision(1)}), in ${own.ms.toFixed(2)} and ${cpu.ms.toFixed(2)} ms.`
}

/** What the network makes of the values, and the shortest time of some runs. */
async function measure(runtime: Runtime, provider: string, values: Float32Array): Promise<{ values: Float32Array; ms: number }> {
  const session = await runtime.InferenceSession.create(Buffer.from(probeNetwork, 'base64'), sessionOptions(provider))
  try {
    let result: Float32Array = new Float32Array(0)
    let ms = Number.POSITIVE_INFINITY
    for (let run = 0; run <= runs; run++) {
      const began = performance.now()
      const { y } = await session.run({ x: new runtime.Tensor('float32', values, [1, 1, 4, 4]) })
      // The first run prepares.
      if (run > 0) ms = Math.min(ms, performance.now() - began)
      result = Float32Array.from(y?.data as Float32Array)
    }
    return { values: result, ms }
  } finally {
    await session.release()
  }
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return Number.NaN
  // NaN, which Math.max hands on, is no agreement.
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] as number))), 0)
}
