import { describe, expect, it } from 'vitest'
import { mulberry32 } from '#main/analysis/trust/perturb.ts'
import { isError } from '#shared/errors.ts'
import { decode, encode, join } from '#shared/rpc/codec.ts'

const limits = { headBytes: 2 ** 20 }
const round = (message: unknown) => decode(join(encode(message)), limits)

/** A message as the layout in the codec's header draws it, put together by hand. */
function handmade(head: unknown, body: number[] = [], magic = 'DSC1'): Uint8Array {
  const text = typeof head === 'string' ? head : JSON.stringify(head)
  const json = Buffer.from(text.padEnd(Math.ceil(Buffer.byteLength(text) / 8) * 8, ' '))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.byteLength)
  return Buffer.concat([Buffer.from(magic), length, json, Buffer.from(body)])
}

const failure = (data: Uint8Array) => {
  try {
    decode(data, limits)
    return null
  } catch (error) {
    return error
  }
}

describe('the codec', () => {
  it('writes the layout that its header draws', () => {
    const bytes = join(encode({ a: 1, b: new Uint16Array([0x0102, 0x0304]) }))
    expect(Buffer.from(bytes)).toEqual(Buffer.from(handmade('[{"a":1,"b":null},[["Uint16Array",2,["b"]]]]', [2, 1, 4, 3])))
  })

  it('aligns every array, so that it can be used where it lies', () => {
    const message = decode(
      join(encode([new Uint8Array(3), new Float64Array([1.5]), new Uint8Array(1), new Float32Array([2.5])])),
      limits,
    ) as [Uint8Array, Float64Array, Uint8Array, Float32Array]
    expect(message[1].buffer).toBe(message[0].buffer)
    expect([message[1].byteOffset % 8, message[3].byteOffset % 4]).toEqual([0, 0])
    expect([message[1][0], message[3][0]]).toEqual([1.5, 2.5])
  })

  it('copies no pixel when writing', () => {
    const pixels = new Uint16Array(10_000)
    const { parts } = encode({ header: {}, bytes: pixels })
    expect(parts.map((part) => part.buffer)).toContain(pixels.buffer)
  })

  it('reads from memory that is not aligned', () => {
    const bytes = join(encode({ a: new Float64Array([Math.E]) }))
    const shifted = new Uint8Array(bytes.byteLength + 1)
    shifted.set(bytes, 1)
    expect(decode(shifted.subarray(1), limits)).toEqual({ a: new Float64Array([Math.E]) })
  })

  it('reads a message in whatever pieces it comes, and copies none that is whole', () => {
    const message = { a: new Uint16Array([1, 2, 3]), b: [new Float64Array([Math.PI, 2])], text: 'µm' }
    const bytes = join(encode(message))
    for (let size = 1; size < bytes.byteLength; size++) {
      const pieces: Uint8Array[] = []
      for (let start = 0; start < bytes.byteLength; start += size) pieces.push(bytes.subarray(start, start + size))
      expect(decode(pieces, limits)).toEqual(message)
    }
    const { head, parts } = encode({ pixels: new Uint8Array(10_000) })
    expect((decode([head, ...parts], limits) as { pixels: Uint8Array }).pixels.buffer).toBe(parts[0]?.buffer)
  })

  it('gives every message memory of its own', () => {
    const messages = Array.from({ length: 2000 }, (_, i) => ({ i, text: 'µ'.repeat(i % 97), small: new Uint8Array([i & 0xff]) }))
    const written = messages.map((message) => join(encode(message)))
    expect(written.map((bytes) => decode(bytes, limits))).toEqual(messages)
  })

  it('leaves the sender its message', () => {
    const message = { list: [{ pixels: new Uint8Array([1]) }], other: { x: 1 } }
    round(message)
    expect(message).toEqual({ list: [{ pixels: new Uint8Array([1]) }], other: { x: 1 } })
  })

  it.each([
    ['too short', new Uint8Array(7)],
    ['another format', handmade([1], [], 'RIFF')],
    ['a head beyond the end', handmade([1]).subarray(0, 12)],
    ['no JSON', handmade('[1')],
    ['no text', Buffer.concat([handmade([1]).subarray(0, 8), Buffer.alloc(8, 0xff)])],
    ['a head that is no list', handmade({ a: 1 })],
    ['a head of three', handmade([1, [], 2])],
    ['bytes nobody asked for', handmade([1], [0])],
    ['an array beyond the end', handmade([null, [['Uint8Array', 9, []]]], [1])],
    ['an array of absurd length', handmade([null, [['Float64Array', 2 ** 52, []]]])],
    ['an array of negative length', handmade([null, [['Uint8Array', -1, []]]], [1])],
    ['an array of half an element', handmade([null, [['Uint8Array', 0.5, []]]], [1])],
    ['an unknown type', handmade([null, [['Function', 1, []]]], [1])],
    ['a type that every object has', handmade([null, [['constructor', 1, []]]], [1])],
    ['a place that is not there', handmade([{}, [['Uint8Array', 1, ['a']]]], [1])],
    ['a place that is taken', handmade([{ a: 1 }, [['Uint8Array', 1, ['a']]]], [1])],
    ['a place in a prototype', handmade([{}, [['Uint8Array', 1, ['__proto__', 'a']]]], [1])],
    ['a place in an own key called like the prototype', handmade('[{"__proto__":null},[["Uint8Array",1,["__proto__"]]]]', [1])],
    [
      'a place in an array that was put there',
      handmade(
        [
          null,
          [
            ['Uint8Array', 1, []],
            ['Uint8Array', 0, [0]],
          ],
        ],
        [1],
      ),
    ],
    ['a place that is no list', handmade([null, [['Uint8Array', 1, 'a']]], [1])],
    ['a list of arrays that is none', handmade([null, 7])],
    ['a list that is too long', handmade([null, Array.from({ length: 1025 }, () => ['Uint8Array', 0, []])])],
  ])('refuses %s', (_, data) => {
    expect(isError(failure(data), 'BadRequest')).toBe(true)
  })

  it('refuses a head larger than allowed before reading it', () => {
    const error = failure(handmade(['x'.repeat(2 ** 20)]))
    expect(isError(error, 'BadRequest')).toBe(true)
    expect((error as Error).message).toContain('1048576')
  })

  it('refuses what cannot be written', () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    expect(() => encode(circle)).toThrow()
    expect(() => encode({ n: 10n })).toThrow()
  })

  it('meets 5,000 damaged messages (seeded) with a message or BadRequest, never anything else', () => {
    const random = mulberry32(7)
    const good = join(
      encode({ type: 'frame', id: 1, header: { n: 1, list: [1, 2] }, bytes: new Uint8Array(40), more: [new Float32Array(3)] }),
    )
    for (let n = 0; n < 5000; n++) {
      const bad = good.slice(0, random() < 0.3 ? Math.floor(random() * good.byteLength) : undefined)
      for (let hits = 0; hits < 4; hits++) bad[Math.floor(random() * bad.byteLength)] = Math.floor(random() * 256)
      const error = failure(bad)
      expect(error === null || isError(error, 'BadRequest')).toBe(true)
    }
  })
})
