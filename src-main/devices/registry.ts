/** Which drivers there are, what answers on this computer's ports, and the way from a configuration to a microscope. */
import { abortError } from '#shared/errors.ts'
import { readConfiguration } from './configuration.ts'
import { openDemoMicroscope } from './demo.ts'
import { asiMs2000 } from './drivers/asi-ms2000/driver.ts'
import { coolLedPe300 } from './drivers/coolled-pe300.ts'
import type { Driver } from './drivers/driver.ts'
import type { Microscope } from './kinds.ts'
import { openMicroscope } from './open.ts'
import { type PortInfo, type SerialBinding, systemBinding } from './serial/binding.ts'
import { Exchange } from './serial/exchange.ts'
import { Port } from './serial/port.ts'

export const drivers: readonly Driver[] = [asiMs2000, coolLedPe300]

/** How long a device may take to answer the recognising question, ms; a line at 9600 baud takes 30. */
const PROBE_MS = 150

export interface Detected {
  readonly driver: string
  /** What it calls itself. */
  readonly label: string
  readonly path: string
  readonly baudRate: number
}

/** Asks every driver's harmless question on every port at every baud rate the driver knows; ports side by side. */
export async function detect(options: { readonly binding?: SerialBinding } = {}, signal?: AbortSignal): Promise<Detected[]> {
  const binding = options.binding ?? systemBinding
  const ports = await binding.list()
  const found = await Promise.all(ports.map((port) => probe(port, binding, signal)))
  if (signal?.aborted) throw abortError()
  return found.filter((each) => each !== null)
}

async function probe({ path }: PortInfo, binding: SerialBinding, signal?: AbortSignal): Promise<Detected | null> {
  for (const driver of drivers) {
    for (const baudRate of driver.bauds) {
      const port = await Port.open({ path, baudRate, binding }, signal).catch(() => null)
      // In use, not permitted, or gone: no other speed will help.
      if (!port) return null
      const exchange = new Exchange(port, { device: driver.label })
      try {
        const name = await exchange.send({ ...driver.recognise, timeoutMs: PROBE_MS, retries: 0 }, signal)
        return { driver: driver.id, label: `${driver.label} (${name})`, path, baudRate }
      } catch {
        // Somebody else, or another speed.
      } finally {
        exchange[Symbol.dispose]()
        await port.close()
      }
    }
  }
  return null
}

/**
 * `demo`, or the path of a configuration file. Rejects with DatasetInvalid (naming the file and the field), the device's error, or
 * AbortError; nothing stays open then.
 */
export async function openConfiguration(configuration: string, signal?: AbortSignal): Promise<Microscope> {
  if (configuration === 'demo') return openDemoMicroscope({}, signal)
  return openMicroscope(await readConfiguration(configuration), {}, signal)
}
