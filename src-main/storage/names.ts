/** Names that come from outside, made fit to be part of a path on every system. */

const longest = 60

/**
 * Letters, digits, `_` and `-` of any script stay; everything else, dots and separators included, becomes `-`. So no path parts, no hidden
 * names and no extension remain. The caller appends a time stamp, after which no name is one that Windows reserves.
 */
export function safeName(name: string, fallback: string): string {
  const cleaned = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{M}\p{N}_-]+/gu, '-')
    .replace(/-{2,}/g, '-')
  const short = [...cleaned].slice(0, longest).join('')
  return short.replace(/^-+|-+$/g, '') || fallback
}

/** Local date and time as part of a file name: 20261123-234143. */
export function timeStamp(date: Date): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`
  return `${day}-${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`
}
