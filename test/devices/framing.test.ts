import { describe, expect, it } from 'vitest'
import { LineFraming, visible } from '#main/devices/serial/framing.ts'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))

/** Named streams, each with the lines that its protocol description promises. */
const streams: readonly (readonly [string, string, readonly string[]])[] = [
  ['lines ended by CR LF (ASI, CoolLED)', ':A 1 2\r\nN\r\n', [':A 1 2', 'N']],
  ['lines ended by CR alone (Prior)', 'R\r0\r', ['R', '0']],
  ['an ETX after LF, as the LX-4000 sends it', ':A\r\n\x03:A 5\r\n\x03', [':A', ':A 5']],
  ['empty lines', '\r\n\r\n:A\r\n\r\n', [':A']],
  ['spaces before the line end', ':A \r\n', [':A']],
  ['noise, which stays visible', '\xf8\x9e\r\n', ['\xf8\x9e']],
]

describe('framing', () => {
  for (const [name, stream, lines] of streams) {
    it(`reads ${name}, in one chunk and byte by byte and cut at every place`, () => {
      expect(new LineFraming().push(bytes(stream))).toEqual(lines)
      const single = new LineFraming()
      expect([...bytes(stream)].flatMap((byte) => single.push(Uint8Array.of(byte)))).toEqual(lines)
      for (let cut = 0; cut <= stream.length; cut++) {
        const framing = new LineFraming()
        expect([...framing.push(bytes(stream.slice(0, cut))), ...framing.push(bytes(stream.slice(cut)))]).toEqual(lines)
      }
    })
  }

  it('gives a line as soon as its CR is there, and does not take the LF for a line', () => {
    const framing = new LineFraming()
    expect(framing.push(bytes('B\r'))).toEqual(['B'])
    expect(framing.push(bytes('\nN\r'))).toEqual(['N'])
  })

  it('throws an over-long line away, and only that line', () => {
    const framing = new LineFraming()
    const noise = 'x'.repeat(1000)
    expect([noise, noise, noise, `${noise}\r\n:A\r\n`].flatMap((chunk) => framing.push(bytes(chunk)))).toEqual([':A'])
  })

  it('forgets a started line when it is reset', () => {
    const framing = new LineFraming()
    framing.push(bytes(':A 12'))
    expect(framing.pending).toBe(':A 12')
    framing.reset()
    expect(framing.push(bytes('N\r\n'))).toEqual(['N'])
  })

  it('shows control characters and noise in messages', () => {
    expect(visible('W X\r\n\x03\xf8')).toBe('W X\\r\\n\\x03\\xf8')
  })
})
