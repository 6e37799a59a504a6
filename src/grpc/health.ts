import { DEAF, GRPC_STATUS, type Rpc, type RpcHandler, type RpcListener } from './rpc.ts'

/** grpc.health.v1.HealthCheckResponse.ServingStatus */
const SERVING_STATUS = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const

/** The standard health service for the whole server: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export class Health {
  #status: 'SERVING' | 'NOT_SERVING' = 'SERVING'
  readonly #watchers = new Set<Rpc>()

  readonly methods: readonly (readonly [string, RpcHandler])[] = [
    ['/grpc.health.v1.Health/Check', rpc => this.#check(rpc)],
    ['/grpc.health.v1.Health/Watch', rpc => this.#watch(rpc)],
  ]

  /** Says so to all who watch, and ends their calls, which would keep the server from ending. */
  stopServing(): void {
    this.#status = 'NOT_SERVING'
    for (const rpc of this.#watchers) {
      rpc.write(encodeStatus(this.#status))
      rpc.fail(GRPC_STATUS.unavailable, 'shutting down')
    }
    this.#watchers.clear()
  }

  #check(rpc: Rpc): RpcListener {
    return {
      ...DEAF,
      onMessage: request => {
        if (!isWholeServer(request)) return rpc.fail(GRPC_STATUS.notFound, 'unknown service')
        rpc.write(encodeStatus(this.#status))
        rpc.end()
      },
      onHalfClose: () => rpc.fail(GRPC_STATUS.internal, 'no request came'),
    }
  }

  #watch(rpc: Rpc): RpcListener {
    return {
      ...DEAF,
      onMessage: request => {
        if (isWholeServer(request)) {
          this.#watchers.add(rpc)
          rpc.write(encodeStatus(this.#status))
        } else {
          rpc.write(encodeStatus('SERVICE_UNKNOWN'))
        }
      },
      onCancel: () => this.#watchers.delete(rpc),
    }
  }
}

/** A HealthCheckRequest names its service in its only field; none, and an empty one, mean the server. */
function isWholeServer(request: Buffer): boolean {
  return request.length === 0 || (request.length === 2 && request[0] === 0x0a && request[1] === 0)
}

function encodeStatus(status: keyof typeof SERVING_STATUS): Buffer {
  return Buffer.from([0x08, SERVING_STATUS[status]])
}
