import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { WeirError } from '../errors.ts'
import { listenOnPath } from './unix-socket.ts'

/** Binds addresses and hands over the connections that come. */
export interface Listener {
  /**
   * `host:port` (port 0: the kernel chooses) or `unix:///path`; resolves with the address that was bound.
   *
   * @throws WeirError `address-in-use` when it cannot be bound
   */
  listen(address: string): Promise<string>
  /** Takes no new connections; resolves when those that there are have ended. */
  close(): Promise<void>
  /** Ends the connections that there are at once. */
  destroy(): void
}

/** @param socketMode what a Unix socket lets whom do, as in `chmod` */
export function createListener(socketMode: number, onConnection: (socket: Socket) => void): Listener {
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const open = (): Server => {
    const server = createServer(socket => {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      onConnection(socket)
    })
    servers.push(server)
    return server
  }
  const close = async (): Promise<void> => {
    await Promise.all(servers.splice(0).map(closed))
  }
  return {
    async listen(address) {
      try {
        if (!address.startsWith('unix://')) return await listenOnHost(address, open)
        await listenOnPath(open(), address.slice('unix://'.length), socketMode)
        return address
      } catch (error) {
        await close()
        throw listenError(address, error)
      }
    },
    close,
    destroy() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Binds every address of the host, as peers may try any: `localhost` is two. Resolves with `host:port`. */
async function listenOnHost(address: string, open: () => Server): Promise<string> {
  const { host, port } = split(address)
  let bound = port
  for (const { address: ip } of await lookup(host, { all: true })) {
    const server = open()
    server.listen({ host: ip, port: bound })
    await once(server, 'listening')
    const name = server.address()
    if (name !== null && typeof name === 'object') bound = name.port
  }
  return address.replace(/:\d+$/, `:${bound}`)
}

function split(address: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(address) ?? []
  return { host: bracketed ?? plain ?? '', port: Number(port) }
}

function closed(server: Server): Promise<void> {
  // One that never came to listen has nothing to close, and says so by an error.
  return new Promise(resolve => server.close(() => resolve()))
}

function listenError(address: string, cause: unknown): WeirError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
  const why = code === 'EADDRINUSE' ? 'it is in use' : code
  const message = `cannot listen on ${address}: ${why}; choose another address by server.listen or --listen`
  return new WeirError('address-in-use', message, { cause })
}
