import { type CreateEngine, DEAF, GRPC_STATUS, type Rpc, type RpcListener } from '../grpc/rpc.ts'
import { createGrpcServer } from '../grpc/server.ts'
import type { TlsIdentity } from '../grpc/tls.ts'
import { Call } from './call.ts'
import type { CallDeps } from './call-deps.ts'
import { OpenCalls } from './open-calls.ts'

const PROCESS = '/envoy.service.ext_proc.v3.ExternalProcessor/Process'

export interface ExtProcService {
  /**
   * `host:port` (port 0: the kernel chooses) or `unix:///path`; resolves with the address that was bound.
   *
   * @throws WeirError `address-in-use` when it cannot be bound
   */
  listen(address: string): Promise<string>
  /** Calls that are open now. */
  readonly openCalls: number
  /**
   * Shows another TLS identity to those that connect from now on.
   *
   * @throws Error of OpenSSL, and then the old one stays
   */
  renewTls(identity: TlsIdentity): void
  /**
   * Takes no new calls and lets the running ones finish; after `deadlineMs` ends what is left as UNAVAILABLE,
   * and cuts short what shadow scans still run. Resolves when none of them is left.
   */
  drain(deadlineMs: number): Promise<void>
}

export interface ServiceOptions {
  /** The largest body a policy allows: BUFFERED sends it as one message. */
  readonly maxBodyBytes: number
  readonly nodeVersion: string
  /** Most calls open at once; one more ends as RESOURCE_EXHAUSTED before anything of it is read. */
  readonly maxExchanges?: number | undefined
  /** Rights of a Unix socket, as in `chmod`. */
  readonly socketMode?: number | undefined
  /** Plain text without. */
  readonly tls?: TlsIdentity | undefined
  /** Hears why a peer was not let in by TLS. */
  readonly onTlsRefused?: ((why: string) => void) | undefined
  /** Left out: the fastest. */
  readonly createEngine?: CreateEngine | undefined
}

/** Room around a body for the rest of its message. */
const MESSAGE_OVERHEAD_BYTES = 1024 * 1024
/** A Unix socket is its owner's and its group's. */
const DEFAULT_SOCKET_MODE = 0o660

export function createExtProcService(deps: CallDeps, options: ServiceOptions): ExtProcService {
  const calls = new OpenCalls()
  const { maxExchanges = Number.POSITIVE_INFINITY } = options
  const process = (rpc: Rpc): RpcListener => {
    if (calls.size >= maxExchanges) {
      deps.telemetry.turnedAway()
      return turnAway(rpc)
    }
    const call = new Call(rpc, deps, () => leave())
    const leave = calls.add(call)
    return call
  }
  const server = createGrpcServer([[PROCESS, process]], {
    maxMessageBytes: options.maxBodyBytes + MESSAGE_OVERHEAD_BYTES,
    nodeVersion: options.nodeVersion,
    streamWindowBytes: deps.ledger.shareInTransit,
    socketMode: options.socketMode ?? DEFAULT_SOCKET_MODE,
    tls: options.tls,
    onTlsRefused: options.onTlsRefused,
    createEngine: options.createEngine,
  })
  return {
    listen: server.listen,
    renewTls: server.renewTls,
    get openCalls() {
      return calls.size
    },
    async drain(deadlineMs) {
      const deadline = setTimeout(() => {
        for (const call of calls.all()) call.abandon()
        deps.shadows.stop()
        server.forceClose()
      }, deadlineMs)
      await server.shutdown()
      await deps.shadows.idle()
      clearTimeout(deadline)
    },
  }
}

/** Envoy fails closed on it. The call may be used only after its listener was given. */
function turnAway(rpc: Rpc): RpcListener {
  queueMicrotask(() => rpc.fail(GRPC_STATUS.resourceExhausted, 'too many exchanges'))
  return DEAF
}
