import type { Socket } from 'node:net'
import { Health } from './health.ts'
import { createHttp2Engine } from './http2-engine.ts'
import { createListener } from './listener.ts'
import type { CreateEngine, EngineOptions, RpcHandler } from './rpc.ts'
import { createTlsDoor, type TlsIdentity } from './tls.ts'

export interface GrpcServer {
  /**
   * `host:port` (port 0: the kernel chooses) or `unix:///path`; resolves with the address that was bound.
   *
   * @throws WeirError `address-in-use` when it cannot be bound
   */
  listen(address: string): Promise<string>
  /** Takes no new calls and lets the running ones finish. Resolves when every connection is closed. */
  shutdown(): Promise<void>
  /**
   * Shows another TLS identity to peers that connect from now on; without effect on a server without TLS.
   *
   * @throws Error of OpenSSL, and then the old one stays
   */
  renewTls(identity: TlsIdentity): void
  /** Closes what connections are left, behind what was written to them. */
  forceClose(): void
}

export interface GrpcServerOptions extends EngineOptions {
  /** The default is the fastest of those that the tests pass with. */
  readonly createEngine?: CreateEngine | undefined
  /** Rights of a Unix socket. */
  readonly socketMode: number
  /** Plain text without. */
  readonly tls?: TlsIdentity | undefined
  /** Hears why a peer was not let in by TLS. */
  readonly onTlsRefused?: ((why: string) => void) | undefined
}

/** What a peer gets to take the last bytes before its connection is cut. */
const LINGER_MS = 500

/** A gRPC server for one service, with the standard health service beside it. */
export function createGrpcServer(
  service: readonly (readonly [string, RpcHandler])[],
  {
    createEngine = createHttp2Engine,
    socketMode,
    tls,
    onTlsRefused = () => {},
    ...options
  }: GrpcServerOptions,
): GrpcServer {
  const health = new Health()
  const engine = createEngine(new Map([...service, ...health.methods]), options)
  const serve = (socket: Socket): void => engine.serve(socket)
  const door = tls && createTlsDoor(tls, { onConnection: serve, onRefused: onTlsRefused })
  const listener = createListener(socketMode, door?.accept ?? serve)
  let cut: NodeJS.Timeout | undefined
  return {
    listen: listener.listen,
    renewTls: identity => door?.renew(identity),
    async shutdown() {
      health.stopServing()
      const closed = listener.close()
      engine.shutdown()
      await closed
      clearTimeout(cut)
    },
    forceClose() {
      engine.close()
      cut = setTimeout(listener.destroy, LINGER_MS)
    },
  }
}
