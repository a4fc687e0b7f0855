/** What every driver says about itself. */
import type { DeviceKind } from '#shared/device.ts'
import type { Request } from '../serial/exchange.ts'
import type { PortOptions } from '../serial/port.ts'

export interface Driver {
  readonly id: string
  /** For a person: "ASI MS-2000". */
  readonly label: string
  readonly kinds: readonly DeviceKind[]
  /** Baud rates it can be set to, the most likely first. */
  readonly bauds: readonly number[]
  /** A harmless question that only this device answers in the expected shape. */
  readonly recognise: Request<string>
  /** What makes it safe, whatever it was doing: motion halted, light off. */
  readonly safeBytes: readonly number[]
  /** Opens the port and the devices on it; closes the port where that fails. */
  readonly open: (port: PortOptions, options: never, signal?: AbortSignal) => Promise<AsyncDisposable>
}
