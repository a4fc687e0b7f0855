import { createServer } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { activeResources, leaksSince } from '#test/helpers/leaks.ts'

it('the leak check sees a forgotten timer, port and server, and nothing once they are closed', async () => {
  const before = activeResources()
  expect(leaksSince(before)).toBe('')
  const timer = setInterval(() => undefined, 1000)
  const { port1 } = new MessageChannel()
  port1.on('message', () => undefined)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const left = leaksSince(before)
  for (const type of ['Timeout', 'MessagePort', 'TCP']) expect(left).toContain(type)
  clearInterval(timer)
  port1.close()
  server.close()
  await expect.poll(() => leaksSince(before)).toBe('')
})
