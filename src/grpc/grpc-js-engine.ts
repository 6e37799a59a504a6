import type { Http2Server } from 'node:http2'
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  setLogVerbosity,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { WeirError } from '../errors.ts'
import {
  CONNECTION_WINDOW_BYTES,
  RESET_SETTINGS,
  requireResetSettings,
  STREAM_WINDOW_BYTES,
} from './http2-settings.ts'
import type { EngineOptions, GrpcEngine, Methods, Rpc, RpcHandler } from './rpc.ts'

type GrpcCall = ServerDuplexStream<Buffer, Buffer>

/**
 * gRPC by @grpc/grpc-js: the reference that http2-engine.ts is held against.
 *
 * @throws WeirError `unsupported-runtime` on a Node that would close connections under Envoy
 */
export function createGrpcJsEngine(
  methods: Methods,
  { maxMessageBytes, nodeVersion }: EngineOptions,
): GrpcEngine {
  requireResetSettings(nodeVersion)
  // What grpc-js would print on stderr reaches the log as errors of ours, one line each.
  setLogVerbosity(logVerbosity.NONE)
  const server = new Server({
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.enable_channelz': 0,
  })
  tune(server)
  server.addService(definitionOf(methods), implementationOf(methods))
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  return {
    serve: socket => injector.injectConnection(socket),
    shutdown: () => server.tryShutdown(() => {}),
    close: () => void setImmediate(() => server.forceShutdown()),
  }
}

/** HTTP/2 settings that grpc-js has no option for. Every private name is used here only. */
function tune(server: Server): void {
  const http2Options: unknown = Reflect.get(server, 'commonServerOptions')
  const createHttp2Server: unknown = Reflect.get(server, 'createHttp2Server')
  if (!isRecord(http2Options) || typeof createHttp2Server !== 'function') {
    throw new WeirError('unsupported-runtime', 'this @grpc/grpc-js has no place for HTTP/2 server settings')
  }
  const settings = isRecord(http2Options.settings) ? http2Options.settings : {}
  Object.assign(http2Options, {
    ...RESET_SETTINGS,
    settings: { ...settings, initialWindowSize: STREAM_WINDOW_BYTES },
  })
  Reflect.set(server, 'createHttp2Server', (...args: readonly unknown[]) => {
    const http2: Http2Server = createHttp2Server.apply(server, args)
    http2.on('session', session => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES))
    return http2
  })
}

/** Messages are taken and given as bytes: the codec is ours. */
function definitionOf(methods: Methods): ServiceDefinition {
  const asIs = (message: Buffer): Buffer => message
  return Object.fromEntries(
    Array.from(methods.keys(), path => [
      path,
      {
        path,
        requestStream: true,
        responseStream: true,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    ]),
  )
}

function implementationOf(methods: Methods): UntypedServiceImplementation {
  return Object.fromEntries(
    Array.from(methods, ([path, handler]) => [path, (call: GrpcCall) => connect(call, handler)]),
  )
}

function connect(call: GrpcCall, handler: RpcHandler): void {
  let state: 'open' | 'ended' = 'open'
  /** The first who ends the call does. */
  const finish = (how: () => void): void => {
    if (state === 'ended') return
    state = 'ended'
    how()
  }
  const rpc: Rpc = {
    // It tells nobody what it keeps.
    waitingBytes: 0,
    unsentBytes: 0,
    metadata: key => call.metadata.get(key)[0]?.toString(),
    write: message => (state === 'ended' || call.write(message) ? 'more' : 'full'),
    pause: () => void call.pause(),
    resume: () => void call.resume(),
    end: () => finish(() => call.end()),
    fail: (code, details) => finish(() => call.emit('error', { code, details })),
  }
  const listener = handler(rpc)
  call.on('data', (message: Buffer) => {
    if (state === 'open') listener.onMessage(message)
  })
  call.on('end', () => {
    if (state === 'open') listener.onHalfClose()
  })
  call.on('cancelled', () => finish(() => listener.onCancel()))
  call.on('error', () => finish(() => listener.onCancel()))
  call.on('drain', () => {
    if (state === 'open') listener.onDrain()
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
