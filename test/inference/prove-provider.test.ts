import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { proveProvider } from '#main/inference/prove-provider.ts'

/** The real runtime on the CPU, whose results come out changed wherever another provider was asked for. */
function runtimeThatChanges(change: (value: number) => number) {
  const create = async (model: Uint8Array, options: { executionProviders: readonly string[] }) => {
    const session = await InferenceSession.create(model, { executionProviders: ['cpu'] })
    if (options.executionProviders[0] === 'cpu') return session
    return {
      run: async (feeds: Record<string, Tensor>) => {
        const { y } = await session.run(feeds)
        return { y: new Tensor('float32', Float32Array.from(y?.data as Float32Array, change), y?.dims ?? []) }
      },
      release: () => session.release(),
    }
  }
  return { Tensor, InferenceSession: { create } } as unknown as Parameters<typeof proveProvider>[0]
}

test('a provider that agrees with the CPU is trusted, with the times of both', async () => {
  const found = await proveProvider(
    runtimeThatChanges((value) => value * (1 + 1e-6)),
    'webgpu',
  )
  expect(found).toMatch(/the same on it and on the CPU .*, in [\d.]+ and [\d.]+ ms\.$/)
})

test.each([
  ['something else', (value: number) => value + 0.01],
  ['nothing', () => 0],
  ['no numbers', () => Number.NaN],
])('a provider that gives %s is not', async (_name, change) => {
  await expect(proveProvider(runtimeThatChanges(change), 'webgpu')).rejects.toThrow(/differ/)
})
