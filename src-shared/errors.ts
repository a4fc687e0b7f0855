/**
 * One error class for the whole application. The kind is chosen by what the person can do next, not by where it happened.
 * Errors cross process borders as data, so compare with `isError(err, kind)`, never with `instanceof`.
 */

/** Every kind of failure, with what the person can do about it. */
export const errorKinds = {
  DeviceNotFound: 'Check that the device is plugged in, powered, and not opened by another program.',
  DeviceDisconnected: 'Check the cable and the power, then reconnect the device.',
  DeviceTimeout: 'The device did not answer in time. Check its power and cable, then try again.',
  DeviceRefused: 'The device rejected the command. Change the request and try again.',
  OutOfRange: 'Choose a value within the stated limits.',
  Busy: 'Wait for the running task to end, or cancel it.',
  ModelInvalid: 'Choose another model, or reinstall this one.',
  OutOfMemory: 'Close other programs, or choose a smaller image or another model, then try again.',
  ModelFailed: 'Try again; if it fails again, choose the CPU or another model.',
  DatasetInvalid: 'Check that the file is complete and of a supported type.',
  ConfigurationInvalid: 'Correct the configuration file, or choose another microscope.',
  StorageFull: 'Free some disk space, or choose another folder.',
  StorageRefused: 'Choose another folder, or make this one writable.',
  BadRequest: 'The request was malformed. This is a fault of the program that sent it.',
  NotPermitted: 'Another window is in control. Take control first.',
  ConnectionLost: 'The connection to the microscope host was lost. It will be tried again.',
  Internal: 'This is a fault in Deepscope. Export the log and report it.',
} as const

export type ErrorKind = keyof typeof errorKinds

/** Facts about a failure that a program or a log may need: device id, path, limits, bytes. JSON values only. */
export type ErrorInfo = Readonly<Record<string, string | number | boolean | null | readonly number[]>>

/** An error as it travels between processes. */
export interface ErrorData {
  readonly name: 'AppError' | 'AbortError'
  readonly kind: ErrorKind | 'Aborted'
  readonly message: string
  readonly info: ErrorInfo
  readonly cause?: ErrorData
}

/** A failure with a message that a person can read. */
export class AppError extends Error {
  override readonly name = 'AppError'

  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly info: ErrorInfo = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause })
  }

  /** What the person can do next. */
  get advice(): string {
    return errorKinds[this.kind]
  }
}

/** The error of a task that somebody cancelled. It is never logged as a fault. */
export function abortError(message = 'Cancelled.'): DOMException {
  return new DOMException(message, 'AbortError')
}

/** True for the error of a cancelled task, from whichever realm or process it came. */
export function isAbort(error: unknown): boolean {
  return typeof error === 'object' && error !== null && (error as { name?: unknown }).name === 'AbortError'
}

/** True for an application error, of the given kind if one is given. Works across realms and transports. */
export function isError(error: unknown, kind?: ErrorKind): error is AppError {
  if (typeof error !== 'object' || error === null) return false
  const candidate = error as { name?: unknown; kind?: unknown }
  if (candidate.name !== 'AppError' || typeof candidate.kind !== 'string') return false
  return kind === undefined || candidate.kind === kind
}

/** Any thrown value as a sentence for a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The same with what the person can do next, for one line. Own errors only: others have no advice. */
export function explanationOf(error: unknown): string {
  return isError(error) && error.kind !== 'Internal' ? `${error.message} ${errorKinds[error.kind] ?? ''}`.trimEnd() : messageOf(error)
}

/** Turns any thrown value into data that survives JSON and structured clone. Unknown errors become `Internal`. */
export function errorToData(error: unknown, depth = 0): ErrorData {
  const cause = error instanceof Error && error.cause !== undefined && depth < 4 ? errorToData(error.cause, depth + 1) : undefined
  const rest = cause ? { cause } : {}
  if (isAbort(error)) return { name: 'AbortError', kind: 'Aborted', message: messageOf(error), info: {}, ...rest }
  if (isError(error)) return { name: 'AppError', kind: error.kind, message: error.message, info: error.info, ...rest }
  return { name: 'AppError', kind: 'Internal', message: messageOf(error), info: {}, ...rest }
}

/** The inverse of `errorToData`. */
export function errorFromData(data: ErrorData): Error {
  if (data.kind === 'Aborted') return abortError(data.message)
  const kind = data.kind in errorKinds ? data.kind : 'Internal'
  return new AppError(kind, data.message, data.info, data.cause && errorFromData(data.cause))
}
