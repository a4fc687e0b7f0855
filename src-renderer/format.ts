/** Numbers as a person reads them. */

export function fixed(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  const text = value.toFixed(digits)
  // A minus sign of a digit's width, and no negative zero.
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', '−')
}

/** With all its digits, and the minus sign of `fixed`. */
export function exact(value: number): string {
  return String(value).replace('-', '−')
}

/** Four significant digits, integers whole. */
export function intensity(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  return fixed(value, Number.isInteger(value) || Math.abs(value) >= 1000 ? 0 : 1)
}

export function byteSize(bytes: number | null): string {
  if (bytes === null) return '–'
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${value.toFixed(power === 0 || value >= 100 ? 0 : 1)} ${units[power]}`
}

/** "3.4 Mpx/s, 6.5 planes/s": of the file's own pixels and planes. */
export function rateText({ megapixels, planes }: { readonly megapixels: number; readonly planes: number }): string {
  return `${fixed(megapixels, 1)} Mpx/s, ${fixed(planes, planes < 1 ? 2 : 1)} planes/s`
}

/** 0:07, 12:34, 1:02:03 */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

export function dateTime(time: string | number): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}

export function clock(time: number, withMilliseconds = false): string {
  const date = new Date(time)
  const seconds = date.toLocaleTimeString(undefined, { hour12: false })
  return withMilliseconds ? `${seconds}.${String(date.getMilliseconds()).padStart(3, '0')}` : seconds
}

export function fileName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path
}
