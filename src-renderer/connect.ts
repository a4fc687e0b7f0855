/** Finds the line to the host: the port that Electron's preload hands to the page, or a WebSocket to where the page came from. */
import { type Api, api } from '#shared/api.ts'
import { AppError } from '#shared/errors.ts'
import { createClient } from '#shared/rpc/client.ts'
import type { Remote } from '#shared/rpc/remote.ts'
import { messagePortTransport } from './transports/message-port.ts'
import { webSocketTransport } from './transports/web-socket.ts'

/** What the preload's message to the page says. */
const portMessage = 'deepscope:port'
const portTimeoutMs = 10_000

/** Must be called before the page has loaded, so that the port's message is not missed. */
export function connectToHost(): () => Promise<Remote<Api>> {
  const open = window.deepscope ? electronPorts() : () => webSocketTransport(rpcAddress())
  return async () => createClient(api, await open())
}

function rpcAddress(): string {
  return `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/rpc`
}

/** Every port serves one connection; after a loss the next one is waited for. */
function electronPorts() {
  let given: MessagePort | undefined
  let taker: ((port: MessagePort) => void) | undefined
  window.addEventListener('message', (event) => {
    const port = event.ports[0]
    if (event.source !== window || event.data !== portMessage || !port) return
    if (taker) taker(port)
    else given = port
  })
  return async () => {
    const port = given ?? (await next())
    given = undefined
    return messagePortTransport(port)
  }

  function next(): Promise<MessagePort> {
    return new Promise((resolve, reject) => {
      const patience = setTimeout(() => {
        taker = undefined
        reject(new AppError('ConnectionLost', 'The window has not been connected to its host yet.'))
      }, portTimeoutMs)
      taker = (port) => {
        clearTimeout(patience)
        taker = undefined
        resolve(port)
      }
    })
  }
}
