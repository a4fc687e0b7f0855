import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { type UtilityProcessLike, utilityInference } from '#main/inference/child.ts'
import { type ParentPortLike, portLink } from '#main/inference/link.ts'
import type { Packet } from '#main/inference/wire.ts'

/** Both ends of a utility process, with Electron's manners: messages are copied and arrive later, and the page's end gets `{ data }`. */
function utilityPair(): { host: UtilityProcessLike & EventEmitter; worker: ParentPortLike } {
  const port = new EventEmitter()
  const host = Object.assign(new EventEmitter(), {
    pid: undefined,
    stdout: null,
    stderr: null,
    killed: false,
    postMessage(message: unknown) {
      const data: unknown = structuredClone(message)
      setImmediate(() => port.emit('message', { data }))
    },
    kill() {
      setImmediate(() => host.emit('exit', 9))
      return true
    },
  })
  const worker = Object.assign(port, {
    postMessage(message: unknown) {
      const copy: unknown = structuredClone(message)
      setImmediate(() => host.emit('message', copy))
    },
  })
  return { host, worker: worker as unknown as ParentPortLike }
}

describe('a utility process', () => {
  test('carries headers and pixels both ways', async () => {
    const { host, worker } = utilityPair()
    const child = utilityInference(host)
    const link = portLink(worker)
    const answered = new Promise<Packet>((resolve) => child.onPacket(resolve))
    link.onPacket(({ header, payload }) => {
      void link.send({ got: header }, [payload.map((value) => value + 1), Uint8Array.of(7)])
    })
    child.send({ ask: 1 }, [Uint8Array.of(1, 2, 3)])
    const { header, payload } = await answered
    expect(header).toEqual({ got: { ask: 1 } })
    expect([...payload]).toEqual([2, 3, 4, 7])
  })

  test('a message without pixels arrives with none', async () => {
    const { host, worker } = utilityPair()
    const heard = new Promise<Packet>((resolve) => portLink(worker).onPacket(resolve))
    utilityInference(host).send({ type: 'cancel' }, [])
    expect((await heard).payload.length).toBe(0)
  })

  test('its end is told once, with the code', async () => {
    const { host } = utilityPair()
    const child = utilityInference(host)
    const ended = new Promise<string>((resolve) => child.onExit(resolve))
    child.kill()
    expect(await ended).toBe('exit code 9')
  })
})
