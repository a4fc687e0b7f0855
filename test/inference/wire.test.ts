import { describe, expect, test } from 'vitest'
import { encodePacket, type Packet, PacketReader } from '#main/inference/wire.ts'

function bytesOfPackets(...packets: readonly [unknown, readonly Uint8Array[]][]): Buffer {
  return Buffer.concat(packets.flatMap(([header, parts]) => encodePacket(header, parts)))
}

describe('packets', () => {
  const bytes = bytesOfPackets(
    [{ a: 'µm' }, [Uint8Array.of(1, 2), Uint8Array.of(3)]],
    [{ b: 2 }, []],
    [{ c: 3 }, [new Uint8Array(300).fill(9)]],
  )

  test.each([1, 2, 11, 12, 13, 64, 10_000])('arrive as they were sent, in chunks of %i bytes', (size) => {
    const packets: Packet[] = []
    const reader = new PacketReader((packet) => packets.push(packet))
    for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
    expect(packets.map(({ header }) => header)).toEqual([{ a: 'µm' }, { b: 2 }, { c: 3 }])
    expect(packets.map(({ payload }) => payload.length)).toEqual([3, 0, 300])
    expect([...(packets[0]?.payload ?? [])]).toEqual([1, 2, 3])
  })

  test('bytes that cannot be a message are refused instead of waited for', () => {
    const reader = new PacketReader(() => undefined)
    expect(() => reader.push(Buffer.alloc(12, 0xff))).toThrow(/not a message/)
  })
})
