/** How long the host's event loop keeps anything waiting while it shows, enhances and records at once. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createHost } from '#main/host.ts'
import { api } from '#shared/api.ts'
import { createClient } from '#shared/rpc/client.ts'
import { memoryPair } from '#shared/rpc/memory.ts'
import type { Measured } from './measure.ts'

const seconds = 12

export async function benchHostDelay(parent: string): Promise<Measured> {
  const folder = await mkdtemp(join(parent, 'deepscope-bench-'))
  const folders = { config: join(folder, 'config'), logs: join(folder, 'logs'), data: join(folder, 'data') }
  const host = await createHost({ shell: 'browser', folders })
  try {
    const [ours, theirs] = memoryPair()
    host.attach(ours)
    const window = createClient(api, theirs)
    await window.call('microscope.connect', { configuration: 'demo' })
    await window.call('light.set', { channel: 'B', on: true, level: 50 })
    await window.call('live.start', null)
    await window.call('live.enhance', { on: true })
    const shown = { raw: 0, enhanced: 0 }
    for (const kind of ['raw', 'enhanced'] as const) {
      window.receive('live.preview', { kind }, () => {
        shown[kind]++
      })
    }
    await window.call('record.start', { name: 'bench' })
    await new Promise((resolve) => setTimeout(resolve, 4000))
    shown.raw = 0
    shown.enhanced = 0
    const delay = monitorEventLoopDelay({ resolution: 1 })
    delay.enable()
    const before = host.parts.recorder.state.value.frames
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
    delay.disable()
    const recorded = host.parts.recorder.state.value.frames - before
    await window.call('record.stop', null)
    // The monitor counts its own period of 1 ms as delay.
    const at = (percentile: number) => Math.max(0, delay.percentile(percentile) / 1e6 - 1)
    return {
      name: 'host-delay-p99-ms',
      value: at(99),
      unit: 'ms',
      detail: `${seconds} s of live, enhance and record: ${shown.raw} previews, ${shown.enhanced} enhanced, ${recorded} frames recorded; median ${at(50).toFixed(2)} ms, 99.9 % ${at(99.9).toFixed(1)} ms`,
      bar: { atMost: 10 },
    }
  } finally {
    await host.close()
    await rm(folder, { recursive: true, force: true })
  }
}
