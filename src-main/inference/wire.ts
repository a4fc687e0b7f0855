/**
 * How the host and the inference process talk over a byte stream: raw frames, because a structured clone of an 8 MiB image takes
 * longer than copying it.
 *
 *   | header length: u32 LE | payload length: f64 LE | header: JSON, UTF-8 | payload |
 */

/** A message and, behind it, raw bytes (pixels). */
export interface Packet {
  readonly header: unknown
  /** Starts at offset 0 of its own buffer, so typed arrays can be laid over it. */
  readonly payload: Uint8Array
}

const prefixLength = 12
const largestHeader = 1 << 20
const largestPayload = 2 ** 32

/** The bytes of one message; the parts are not copied, and must not change until they are written. */
export function encodePacket(header: unknown, parts: readonly Uint8Array[]): Uint8Array[] {
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.allocUnsafe(prefixLength)
  prefix.writeUInt32LE(json.length, 0)
  prefix.writeDoubleLE(
    parts.reduce((sum, part) => sum + part.byteLength, 0),
    4,
  )
  return [Buffer.concat([prefix, json]), ...parts]
}

/** Cuts a byte stream into messages, however its chunks are split or merged. Throws on bytes that cannot be a message. */
export class PacketReader {
  readonly #prefix = Buffer.alloc(prefixLength)
  #filled = 0
  #header: Buffer | null = null
  #payload: Uint8Array | null = null

  constructor(private readonly onPacket: (packet: Packet) => void) {}

  push(chunk: Uint8Array): void {
    let at = 0
    do {
      if (!this.#header || !this.#payload) at = this.#readPrefix(chunk, at)
      if (!this.#header || !this.#payload) return
      at = this.#readBody(this.#header, this.#payload, chunk, at)
    } while (at < chunk.length)
  }

  #readPrefix(chunk: Uint8Array, at: number): number {
    const taken = Math.min(prefixLength - this.#filled, chunk.length - at)
    this.#prefix.set(chunk.subarray(at, at + taken), this.#filled)
    this.#filled += taken
    if (this.#filled === prefixLength) {
      const header = this.#prefix.readUInt32LE(0)
      const payload = this.#prefix.readDoubleLE(4)
      const sound = header > 0 && header <= largestHeader && Number.isInteger(payload) && payload >= 0 && payload <= largestPayload
      if (!sound) throw new Error('The inference process sent bytes that are not a message.')
      this.#header = Buffer.alloc(header)
      // Uninitialised memory: every byte is overwritten before anyone sees it.
      this.#payload = Buffer.allocUnsafeSlow(payload)
      this.#filled = 0
    }
    return at + taken
  }

  #readBody(header: Buffer, payload: Uint8Array, chunk: Uint8Array, start: number): number {
    let at = start
    const fill = (target: Uint8Array, filled: number) => {
      const taken = Math.min(target.length - filled, chunk.length - at)
      target.set(chunk.subarray(at, at + taken), filled)
      at += taken
      this.#filled += taken
    }
    if (this.#filled < header.length) fill(header, this.#filled)
    if (this.#filled >= header.length) fill(payload, this.#filled - header.length)
    if (this.#filled === header.length + payload.length) {
      this.#header = null
      this.#payload = null
      this.#filled = 0
      this.onPacket({ header: JSON.parse(header.toString('utf8')), payload })
    }
    return at
  }
}
