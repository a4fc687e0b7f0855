/** Which drivers there are, what answers on this computer's ports, and the way from a configuration to a microscope. */
import type { PortFinding } from '#shared/device.ts'
import { abortError, messageOf } from '#shared/errors.ts'
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

export interface DetectOptions {
  /** The operating system's ports unless given. */
  readonly binding?: SerialBinding
  /** Ports of the microscope that is connected: they are left alone. */
  readonly inUse?: readonly string[]
}

/**
 * Asks every driver's harmless question on every port at every baud rate the driver knows; ports side by side, those with a device first.
 * A port that cannot be opened says why. Rejects with AbortError only.
 */
export async function detect(options: DetectOptions = {}, signal?: AbortSignal): Promise<PortFinding[]> {
  const { binding = systemBinding, inUse = [] } = options
  const ports = await binding.list()
  const found = await Promise.all(
    ports.map(async (port): Promise<PortFinding> => {
      const finding = { path: port.path, about: aboutOf(port), device: null, problem: null }
      if (inUse.includes(port.path)) return { ...finding, problem: 'The microscope that is connected uses it.' }
      return { ...finding, ...(await probe(port, binding, signal)) }
    }),
  )
  if (signal?.aborted) throw abortError()
  return found.sort((a, b) => Number(b.device !== null) - Number(a.device !== null))
}

function aboutOf({ manufacturer, serialNumber }: PortInfo): string | null {
  return [manufacturer, serialNumber && `serial number ${serialNumber}`].filter(Boolean).join(', ') || null
}

async function probe({ path }: PortInfo, binding: SerialBinding, signal?: AbortSignal): Promise<Pick<PortFinding, 'device' | 'problem'>> {
  for (const driver of drivers) {
    for (const baudRate of driver.bauds) {
      let port: Port
      try {
        port = await Port.open({ path, baudRate, binding }, signal)
      } catch (error) {
        // In use, not permitted, or gone: no other speed will help.
        return { device: null, problem: messageOf(error) }
      }
      const exchange = new Exchange(port, { device: driver.label })
      try {
        const name = await exchange.send({ ...driver.recognise, timeoutMs: PROBE_MS, retries: 0 }, signal)
        return { device: { driver: driver.id, label: `${driver.label} (${name})`, baudRate, kinds: [...driver.kinds] }, problem: null }
      } catch {
        // Somebody else, or another speed.
      } finally {
        exchange[Symbol.dispose]()
        await port.close()
      }
    }
  }
  const known = drivers.map(({ label }) => label).join(' or ')
  return { device: null, problem: `No ${known} answers here. Check that it is switched on and that no other program uses the port.` }
}

/**
 * `demo`, or the path of a configuration file. Rejects with ConfigurationInvalid (naming the file and the field), the device's error, or
 * AbortError; nothing stays open then.
 */
export async function openConfiguration(configuration: string, signal?: AbortSignal): Promise<Microscope> {
  if (configuration === 'demo') return openDemoMicroscope({}, signal)
  return openMicroscope(await readConfiguration(configuration), {}, signal)
}
