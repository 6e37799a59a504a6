import { stat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import {
  logVerbosity,
  type Server,
  ServerCredentials,
  type ServiceDefinition,
  setLogVerbosity,
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
  /**
   * `host:port` (port 0: the kernel chooses) or `unix:///path`; resolves with the address that was bound.
   *
   * @throws WeirError `address-in-use` when it cannot be bound
   */
  listen(address: string): Promise<string>
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
  // What grpc-js would print on stderr reaches the log as errors of ours, one line each.
  setLogVerbosity(logVerbosity.NONE)
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

async function bind(server: Server, address: string): Promise<string> {
  const path = address.startsWith('unix://') ? address.slice('unix://'.length) : undefined
  if (path !== undefined) await removeStaleSocket(path)
  const target = path === undefined ? address : `unix:${path}`
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(listenError(address, error))
    })
  })
  return path === undefined ? address.replace(/:\d+$/, `:${port}`) : address
}

function listenError(address: string, cause: Error): WeirError {
  const code = /E[A-Z]{4,}/.exec(cause.message)?.[0] ?? 'unknown error'
  const why = code === 'EADDRINUSE' ? 'it is in use' : code
  const message = `cannot listen on ${address}: ${why}; choose another address by server.listen or --listen`
  return new WeirError('address-in-use', message, { cause })
}

/** A process that was killed leaves its socket behind, and nobody can bind there again. One that answers stays. */
async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = await stat(path).then(
    file => file.isSocket(),
    () => false,
  )
  if (!isSocket) return
  const isAlive = await new Promise<boolean>(resolve => {
    const probe = connect(path, () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
  if (!isAlive) await unlink(path)
}
