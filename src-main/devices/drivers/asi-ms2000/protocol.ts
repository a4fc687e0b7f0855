/**
 * ASI MS-2000 and Tiger: the bytes.
 *
 *   host  M X=12345 Y=-20 CR          device  :A SP CR LF            accepted: the move has only begun
 *   host  W X Y CR                    device  :A SP 12345 SP -20 SP CR LF      tenths of µm, in the order X Y Z
 *   host  / CR                        device  B CR LF | N CR LF      any axis busy, none busy
 *   host  \ CR                        device  :A CR LF | :N-21 CR LF           halted; -21 where something moved
 *   host  S X? Y? CR                  device  :A SP X=5.7 Y=5.7 CR LF          mm/s; AC: ms to top speed; SL, SU: limits in mm
 *   host  V CR                        device  :A SP Version: USB-9.2n CR LF
 *   refused                           device  :N-4 CR LF
 *
 * 9600 (factory), 19200, 28800 or 115200 baud, 8N1, no handshake; LX-4000 adds ETX after LF. Sources: Micro-Manager's ASIStage and
 * ASITiger adapters, asiimaging.com/docs. Not checked on a device: code 21, and that SL and SU are known to every firmware.
 */
import { AppError } from '#shared/errors.ts'
import type { Request } from '../../serial/exchange.ts'

export type Axis = 'X' | 'Y' | 'Z'

/** Tenths of µm in a µm. */
const UNITS = 10

/** A read lost to noise is simply asked again. */
const RETRIES = 2

const meanings: Readonly<Record<number, string>> = {
  1: 'it does not know this command',
  2: 'it has no such axis',
  3: 'a value is missing',
  4: 'a value is out of its range',
  5: 'the operation failed',
  6: 'the result is undefined',
  7: 'no such card',
  21: 'it was halted',
}

/** The reason in words if the line is a refusal. Firmwares write ":N-4", ":N -4" and ":N4". */
export function refusalOf(line: string): string | null {
  const code = /^:N\s*-?\s*(\d+)/.exec(line)?.[1]
  return code === undefined ? null : (meanings[Number(code)] ?? `error ${code}`)
}

const accepted = /^:A\b/

function numbers(reply: string, count: number, of: string): number[] {
  const found = reply.replace(/^:A/, '').trim().split(/\s+/).map(Number)
  if (found.length >= count && found.every(Number.isFinite)) return found
  throw new AppError('DeviceTimeout', `The ASI controller's answer to "${of}" makes no sense: "${reply}".`, { sent: of, received: reply })
}

/** Absolute, µm. Sending it twice does no harm. */
export function move(targets: Partial<Record<Axis, number>>): Request<void> {
  const parts = Object.entries(targets).map(([axis, um]) => `${axis}=${Math.round(um * UNITS)}`)
  return { command: `M ${parts.join(' ')}`, reply: accepted, parse: () => {}, retries: 1 }
}

/** µm, in the order of the axes asked for, which must be X before Y before Z. */
export function where(axes: readonly Axis[]): Request<number[]> {
  const command = `W ${axes.join(' ')}`
  const number = '\\s+-?\\d+(\\.\\d*)?'
  return {
    command,
    reply: new RegExp(`^:A(${number}){${axes.length}}$`),
    parse: (reply) => numbers(reply, axes.length, command).map((value) => value / UNITS),
    retries: RETRIES,
    priority: 'poll',
  }
}

/** true: some axis is busy. */
export const status: Request<boolean> = {
  command: '/',
  reply: /^[BN]$/,
  parse: (reply) => reply === 'B',
  retries: RETRIES,
  priority: 'poll',
}

/** Stops every axis, ahead of everything. */
export const halt: Request<void> = {
  command: '\\',
  reply: /^:A$|^:N\s*-?21/,
  parse: () => {},
  retries: 1,
  priority: 'stop',
}

export const version: Request<string> = {
  command: 'V',
  reply: /^:A\s*Version/i,
  parse: (reply) => reply.replace(/^:A\s*Version:?\s*/i, ''),
  retries: RETRIES,
}

/** A setting of each axis: S (mm/s), AC (ms), SL and SU (mm). */
export function setting(name: 'S' | 'AC' | 'SL' | 'SU', axes: readonly Axis[]): Request<number[]> {
  const command = `${name} ${axes.map((axis) => `${axis}?`).join(' ')}`
  return {
    command,
    reply: /^:A?\s*[A-Z]=/,
    parse: (reply) => numbers(reply.replace(/^:A?/, '').replace(/[A-Z]=/g, ' '), axes.length, command),
    retries: RETRIES,
  }
}

/** Ends whatever half a line the host died in, then halts. */
export const safeBytes: readonly number[] = [...Buffer.from('\r\\\r', 'latin1')]
