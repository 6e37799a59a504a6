import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import type { CreateEngine, RpcHandler } from '../../src/grpc/rpc.ts'
import { createGrpcServer, type GrpcServer, type GrpcServerOptions } from '../../src/grpc/server.ts'

export const METHOD = '/test.Service/Method'

/** A server of one method, and a connection to it that says whatever a test wants it to. */
export interface WireRig {
  readonly server: GrpcServer
  readonly address: string
  readonly session: ClientHttp2Session
  call(headers?: Record<string, string | undefined>): WireCall
  stop(): Promise<void>
}

/** A call of raw frames. */
export interface WireCall {
  readonly stream: ClientHttp2Stream
  /** Initial headers, and trailers, joined as soon as the call has ended; bytes that came in between. */
  readonly ended: Promise<{ readonly headers: Record<string, string>; readonly body: Buffer }>
}

export async function startWire(
  createEngine: CreateEngine,
  handler: RpcHandler,
  options: Partial<GrpcServerOptions> = {},
): Promise<WireRig> {
  const server = createGrpcServer([[METHOD, handler]], {
    maxMessageBytes: 1_000_000,
    nodeVersion: process.versions.node,
    socketMode: 0o600,
    createEngine,
    ...options,
  })
  const address = await server.listen('127.0.0.1:0')
  const session = connect(`http://${address}`)
  session.on('error', () => {})
  await once(session, 'connect')
  return {
    server,
    address,
    session,
    call: headers =>
      watch(
        session.request({
          ':method': 'POST',
          ':path': METHOD,
          'content-type': 'application/grpc',
          te: 'trailers',
          ...headers,
        }),
      ),
    async stop() {
      session.destroy()
      server.forceClose()
      await server.shutdown()
    },
  }
}

function watch(stream: ClientHttp2Stream): WireCall {
  const headers: Record<string, string> = {}
  const take = (more: object): void => {
    for (const [key, value] of Object.entries(more)) headers[key] = String(value)
  }
  let body = Buffer.alloc(0)
  stream.on('response', take)
  stream.on('trailers', take)
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    body = Buffer.concat([body, chunk])
  })
  // The reading side ends with the answer, whether or not the call was half-closed.
  const ended = new Promise<{ readonly headers: Record<string, string>; readonly body: Buffer }>(resolve => {
    for (const event of ['end', 'close']) stream.on(event, () => resolve({ headers, body }))
  })
  return { stream, ended }
}

/** A message as gRPC frames it. */
export function framed(message: Uint8Array | string, flag = 0): Buffer {
  const bytes = Buffer.from(message)
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([prefix, bytes])
}

/** The messages in what a call received. */
export function unframed(body: Buffer): string[] {
  const messages: string[] = []
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 1)
    messages.push(body.subarray(at + 5, at + 5 + length).toString())
    at += 5 + length
  }
  return messages
}
