import { describe, expect, it } from 'vitest'
import { previewStream } from '#main/ipc/preview.ts'
import { Emitter } from '#shared/emitter.ts'
import { abortError } from '#shared/errors.ts'
import { FrameSender } from '#shared/rpc/frame-sender.ts'

interface Header {
  readonly n: number
  readonly dropped: number
}

/** A camera, and a window with credit for `credit` pictures. */
function setUp(credit: number, newest: number | null) {
  const camera = new Emitter<number>()
  const shown: Header[] = []
  let described = 0
  const sink = new FrameSender<Header>({
    policy: 'latest',
    credit,
    transmit: ({ header }) => shown.push(header),
    finish: () => undefined,
    fail: (error) => {
      throw error
    },
  })
  const stop = previewStream({ newest, onFrame: (listener) => camera.on(listener) }, sink, (n, dropped) => {
    described++
    return { header: { n, dropped }, bytes: new Uint8Array([n]) }
  })
  return { camera, sink, shown, stop, described: () => described }
}

describe('a preview', () => {
  it('begins with the newest picture, if there is one', () => {
    expect(setUp(2, 41).shown).toEqual([{ n: 41, dropped: 0 }])
    expect(setUp(2, null).shown).toEqual([])
  })

  it('of 100 pictures for a window that takes one describes two, the first and the newest, and counts 98', () => {
    const { camera, sink, shown, described } = setUp(1, null)
    for (let n = 0; n < 100; n++) camera.emit(n)
    expect(described()).toBe(1)
    sink.grant(1)
    expect(shown).toEqual([
      { n: 0, dropped: 0 },
      { n: 99, dropped: 98 },
    ])
    expect(described()).toBe(2)
  })

  it('ends when it is stopped, and is no fault when its window goes', () => {
    const { camera, sink, shown, stop } = setUp(10, null)
    camera.emit(1)
    sink.close(abortError())
    camera.emit(2)
    stop()
    expect(camera.listenerCount).toBe(0)
    expect(shown).toEqual([{ n: 1, dropped: 0 }])
  })
})
