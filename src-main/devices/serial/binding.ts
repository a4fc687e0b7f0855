/** The seam below the serial port: the operating system's ports, or emulators in this process. */
import { readdir, stat } from 'node:fs/promises'
import { SerialPort } from 'serialport'

/** A port that could be opened; what is unknown of it is undefined. */
export interface PortInfo {
  /** What `open` takes: "/dev/ttyUSB0", "COM3". */
  readonly path: string
  readonly manufacturer: string | undefined
  readonly serialNumber: string | undefined
  readonly pnpId: string | undefined
  readonly locationId: string | undefined
  readonly productId: string | undefined
  readonly vendorId: string | undefined
}

export interface BindingOptions {
  readonly path: string
  readonly baudRate: number
}

/**
 * An open port as serialport's stream uses it; the same shape as `BindingPortInterface` of @serialport/bindings-interface, whose types
 * cannot be resolved from an ES module. Reads and writes cut off by `close` reject with `canceled: true`; any other error means that
 * the device is gone.
 */
export interface BindingPort {
  readonly isOpen: boolean
  close(): Promise<void>
  /** Resolves with at least one byte. */
  read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }>
  write(bytes: Buffer): Promise<void>
  update(options: { baudRate: number }): Promise<void>
  set(options: { dtr?: boolean; rts?: boolean }): Promise<void>
  get(): Promise<{ cts: boolean; dsr: boolean; dcd: boolean }>
  getBaudRate(): Promise<{ baudRate: number }>
  flush(): Promise<void>
  drain(): Promise<void>
}

/** What opens and lists ports. */
export interface SerialBinding {
  list(): Promise<PortInfo[]>
  open(options: BindingOptions): Promise<BindingPort>
}

/** Ports by their devices in sysfs; only those with hardware behind them. For systems without udevadm. */
async function listFromSysfs(folder = '/sys/class/tty'): Promise<PortInfo[]> {
  const names = await readdir(folder).catch(() => [])
  const found = await Promise.all(
    names
      .filter((name) => /^tty(USB|ACM|AMA|XRUSB|O)\d+$/.test(name))
      .map(async (name) => ((await stat(`${folder}/${name}/device`).catch(() => null)) ? [name] : [])),
  )
  return found.flat().map((name) => ({
    path: `/dev/${name}`,
    manufacturer: undefined,
    serialNumber: undefined,
    pnpId: undefined,
    locationId: undefined,
    productId: undefined,
    vendorId: undefined,
  }))
}

/** The real ports of this computer. Listing them survives a Linux without udevadm. */
export const systemBinding: SerialBinding = {
  list: () => SerialPort.binding.list().catch(() => listFromSysfs()),
  open: (options) => SerialPort.binding.open(options) as Promise<BindingPort>,
}
