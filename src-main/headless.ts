/** The host without a window of its own: the application in a browser, over loopback by default. */
import { join } from 'node:path'
import { createHost, type Host, type HostOptions } from './host.ts'
import { createAccess } from './ipc/access.ts'
import { startHttpServer } from './ipc/http-server.ts'
import { rootFolder } from './processes.ts'

export interface HeadlessOptions extends Omit<HostOptions, 'shell'> {
  /** Address to listen on; anything but loopback opens the microscope to the network. Default 127.0.0.1. */
  readonly host?: string
  /** 0 = any free port (default). */
  readonly port?: number
}

export interface Headless {
  readonly host: Host
  /** Address with the token in it, for the first visit. */
  readonly url: string
  /** The same for other computers, where every address is listened on. */
  readonly remoteUrls: readonly string[]
  /** Safe state, then no more connections. */
  close(): Promise<void>
}

/** Starts host and web server. Rejects with Busy where the port is taken. */
export async function startHeadless({ host: address = '127.0.0.1', port = 0, ...options }: HeadlessOptions = {}): Promise<Headless> {
  const host = await createHost({ ...options, shell: 'browser' })
  try {
    const server = await startHttpServer({
      rendererFolder: join(rootFolder, 'build', 'renderer'),
      host: address,
      port,
      access: createAccess(),
      onClient: (transport) => host.attach(transport),
    })
    return {
      host,
      url: server.url,
      remoteUrls: server.remoteUrls,
      close: async () => {
        await host.close()
        await server.close()
      },
    }
  } catch (error) {
    await host.close()
    throw error
  }
}
