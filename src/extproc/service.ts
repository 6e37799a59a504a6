import {
  type Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedHandleCall,
} from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { WeirError } from '../errors.ts'
import { Call } from './call.ts'
import type { CallDeps } from './call-deps.ts'
import { createTunedServer } from './transport.ts'

/** Messages are taken and given as bytes: the codec is ours (decode.ts, encode.ts). */
const SERVICE: ServiceDefinition = {
  Process: {
    path: '/envoy.service.ext_proc.v3.ExternalProcessor/Process',
    requestStream: true,
    responseStream: true,
    requestSerialize: (message: Buffer) => message,
    requestDeserialize: (message: Buffer) => message,
    responseSerialize: (message: Buffer) => message,
    responseDeserialize: (message: Buffer) => message,
  },
}

export interface ExtProcService {
  /** `host:port` or `unix:///path`; resolves with the port that was bound (0 for a socket). */
  listen(address: string): Promise<number>
  /** Calls that are open now. */
  readonly openCalls: number
  /**
   * Takes no new calls and lets the running ones finish; after `deadlineMs` ends what is left as UNAVAILABLE.
   * Resolves when all calls are over and no shadow scan runs any more.
   */
  drain(deadlineMs: number): Promise<void>
}

export interface ServiceOptions {
  /** The largest body a policy allows: BUFFERED sends it as one message. */
  readonly maxBodyBytes: number
  readonly nodeVersion: string
}

/** Room around a body for the rest of its message. */
const MESSAGE_OVERHEAD_BYTES = 1024 * 1024

export function createExtProcService(deps: CallDeps, options: ServiceOptions): ExtProcService {
  const server = createTunedServer(
    {
      'grpc.max_receive_message_length': options.maxBodyBytes + MESSAGE_OVERHEAD_BYTES,
      'grpc.max_send_message_length': -1,
      'grpc.enable_channelz': 0,
    },
    options.nodeVersion,
  )
  const calls = new Set<Call>()
  const process = (grpc: ConstructorParameters<typeof Call>[0]): void => {
    const call = new Call(grpc, deps, () => calls.delete(call))
    calls.add(call)
  }
  server.addService(SERVICE, { Process: process as UntypedHandleCall })
  const health = new HealthImplementation({ '': 'SERVING' })
  health.addToServer(server)

  return {
    listen: address => bind(server, address),
    get openCalls() {
      return calls.size
    },
    async drain(deadlineMs) {
      health.setStatus('', 'NOT_SERVING')
      const shutdown = new Promise<void>(resolve => server.tryShutdown(() => resolve()))
      const deadline = setTimeout(() => {
        for (const call of calls) call.abandon()
        // What a peer does not close by itself now is closed under it.
        setImmediate(() => server.forceShutdown())
      }, deadlineMs)
      await shutdown
      clearTimeout(deadline)
      await deps.shadows.idle()
    },
  }
}

function bind(server: Server, address: string): Promise<number> {
  const target = address.startsWith('unix://') ? `unix:${address.slice('unix://'.length)}` : address
  return new Promise((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else {
        const message = `cannot listen on ${address}: is it in use? Choose another with server.listen or --listen`
        reject(new WeirError('address-in-use', message, { cause: error }))
      }
    })
  })
}
