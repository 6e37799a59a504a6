import { once } from 'node:events'
import net from 'node:net'

export interface TcpTap {
  /** `http://127.0.0.1:port`: leads to where the tap was put. */
  readonly origin: string
  /** Resolves when the first byte has come back through it since the last `reset`. */
  readonly answered: Promise<void>
  reset(): void
  close(): Promise<void>
}

/** A hole in the wire in front of `address` (`host:port`): passes every byte, and tells when the first one comes back. */
export async function openTcpTap(address: string): Promise<TcpTap> {
  const [host, port] = address.split(':')
  const sockets = new Set<net.Socket>()
  let { promise, resolve } = Promise.withResolvers<void>()
  const server = net.createServer(client => {
    const peer = net.connect(Number(port), host)
    for (const socket of [client, peer]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => socket.destroy())
    }
    client.pipe(peer)
    peer.on('data', () => resolve())
    peer.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: bound } = server.address() as net.AddressInfo
  return {
    origin: `http://127.0.0.1:${bound}`,
    get answered() {
      return promise
    },
    reset() {
      ;({ promise, resolve } = Promise.withResolvers<void>())
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
