import { once } from 'node:events'
import net from 'node:net'

/** What a cache client takes for a server without keys: each of its commands is answered by an empty text. */
export interface CacheListener {
  /** `redis://127.0.0.1:port` */
  readonly url: string
  /** Connections that came so far. */
  readonly came: number
  /** Resolves as soon as so many are open. */
  untilOpen(connections: number): Promise<void>
  close(): Promise<void>
}

export async function startCacheListener(): Promise<CacheListener> {
  const sockets = new Set<net.Socket>()
  const waiting = new Set<() => void>()
  let came = 0
  const changed = (): void => {
    for (const look of [...waiting]) look()
  }
  const server = net.createServer(socket => {
    came += 1
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', () => socket.write('$0\r\n\r\n'))
    socket.on('close', () => {
      sockets.delete(socket)
      changed()
    })
    changed()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return {
    url: `redis://127.0.0.1:${port}`,
    get came() {
      return came
    },
    untilOpen: connections =>
      new Promise(resolve => {
        const look = (): void => {
          if (sockets.size !== connections) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
