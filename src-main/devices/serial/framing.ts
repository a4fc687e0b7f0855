/** Bytes to lines, however the chunks are cut. */

/** Longer than any reply to be expected; what exceeds it is noise. */
const LONGEST_LINE = 2048

const CR = 0x0d
const LF = 0x0a

/**
 * Cuts a stream into lines that end with CR, LF or CR LF. Empty lines and control characters at a line's start (the ETX that
 * some controllers add after LF) are dropped; bytes above 0x7F become Latin-1 characters, so noise stays visible in messages.
 */
export class LineFraming {
  #part = ''
  /** Inside an over-long line: everything up to the next line end is thrown away. */
  #overflow = false

  /** The lines that this chunk completes. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let start = 0
    for (let i = 0; i < chunk.length; i++) {
      if (chunk[i] !== CR && chunk[i] !== LF) continue
      this.#append(chunk, start, i)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is being removed
      const line = this.#part.replace(/^[\0-\x1f]+/, '').trimEnd()
      if (line && !this.#overflow) lines.push(line)
      this.reset()
      start = i + 1
    }
    this.#append(chunk, start, chunk.length)
    return lines
  }

  /** Forgets a started line. */
  reset(): void {
    this.#part = ''
    this.#overflow = false
  }

  /** The started line, for messages. */
  get pending(): string {
    return this.#part
  }

  #append(chunk: Uint8Array, start: number, end: number): void {
    if (this.#overflow || start >= end) return
    this.#part += Buffer.from(chunk.buffer, chunk.byteOffset + start, end - start).toString('latin1')
    if (this.#part.length > LONGEST_LINE) {
      this.#part = ''
      this.#overflow = true
    }
  }
}

/** Text as a person can read it in a message: control characters and noise as \x.. */
export function visible(text: string): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0)
    if (character === '\r') return '\\r'
    if (character === '\n') return '\\n'
    return code < 0x20 || code > 0x7e ? `\\x${code.toString(16).padStart(2, '0')}` : character
  }).join('')
}
