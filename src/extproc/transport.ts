import type { Http2Server } from 'node:http2'
import { Server, type ServerOptions } from '@grpc/grpc-js'
import { WeirError } from '../errors.ts'

/**
 * Envoy ends calls by RST_STREAM. Node takes many of those for a rapid-reset attack (CVE-2023-44487) and closes the
 * connection, with every other call on it. The peer here is one's own proxy, so the guard is set far above
 * what it sends.
 */
const STREAM_RESET_BURST = 1_000_000_000
const STREAM_RESET_RATE = 1_000_000_000

/** HTTP/2's default windows of 64 KiB throttle large bodies; these doubled their throughput. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024

/** A grpc-js server on HTTP/2 settings that grpc-js has no option for. Every private name is used here only. */
export function createTunedServer(options: ServerOptions, nodeVersion: string): Server {
  requireResetSettings(nodeVersion)
  const server = new Server(options)
  const http2Options: unknown = Reflect.get(server, 'commonServerOptions')
  const createHttp2Server: unknown = Reflect.get(server, 'createHttp2Server')
  if (!isRecord(http2Options) || typeof createHttp2Server !== 'function') {
    throw new WeirError('unsupported-runtime', 'this @grpc/grpc-js has no place for HTTP/2 server settings')
  }
  const settings = isRecord(http2Options.settings) ? http2Options.settings : {}
  Object.assign(http2Options, {
    streamResetBurst: STREAM_RESET_BURST,
    streamResetRate: STREAM_RESET_RATE,
    settings: { ...settings, initialWindowSize: STREAM_WINDOW_BYTES },
  })
  Reflect.set(server, 'createHttp2Server', (...args: readonly unknown[]) => {
    const http2: Http2Server = createHttp2Server.apply(server, args)
    http2.on('session', session => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES))
    return http2
  })
  return server
}

/** Node 24 obeys streamResetBurst from 24.21 on, Node 26 from 26.10 on; older ones ignore it without a word. */
export function requireResetSettings(nodeVersion: string): void {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number)
  const obeys = (major === 24 && minor >= 21) || (major === 26 && minor >= 10) || major > 26
  if (obeys) return
  throw new WeirError(
    'unsupported-runtime',
    `Node ${nodeVersion} closes connections on which Envoy resets many streams; use Node 24.21, 26.10 or newer (npm scripts of this project do)`,
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
