import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'

/** A promise that the test fulfils: what the stub does next waits for it. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

export function gate(): Gate {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open }
}

export interface UpstreamRequest {
  readonly method: string
  readonly path: string
  readonly headers: http.IncomingHttpHeaders
  /** The body's bytes so far; all of them once `complete` has resolved. */
  readonly body: Buffer
  /** Resolves with the whole body; rejects when it was cut. */
  readonly complete: Promise<Buffer>
  /** Resolves when the exchange breaks off before the whole answer is out; never otherwise. */
  readonly aborted: Promise<void>
}

export interface UpstreamReply {
  /** Sends the header block at once. Must come first. */
  head(status: number, headers?: http.OutgoingHttpHeaders): void
  /** Sends one chunk and resolves when the socket took it. */
  send(chunk: string | Uint8Array): Promise<void>
  end(trailers?: Record<string, string>): void
  /** Breaks the connection (HTTP/1) or resets the stream (HTTP/2) in the middle of the answer. */
  cut(): void
}

export type UpstreamHandler = (request: UpstreamRequest, reply: UpstreamReply) => void | Promise<void>

/** A whole answer in order: chunks go out one by one, each gate holds back what comes after it. */
export interface Script {
  /** Default 200. */
  readonly status?: number
  readonly headers?: http.OutgoingHttpHeaders
  readonly chunks?: readonly (string | Uint8Array | Gate)[]
  readonly trailers?: Record<string, string>
  /** Cut instead of a clean end. */
  readonly ending?: 'end' | 'cut'
  /** Default: the request's whole body is awaited first. */
  readonly answers?: 'after-body' | 'at-once'
}

export interface Upstream {
  /** `host:port`. */
  readonly address: string
  /** In order of arrival. */
  readonly requests: readonly UpstreamRequest[]
  /** Takes effect for the next request. */
  respond(next: Script | UpstreamHandler): void
  /** The request of that index, waited for until its headers have come. */
  request(index: number): Promise<UpstreamRequest>
  /** Ends the server and all its connections. Rejects with the first error that a handler threw. */
  stop(): Promise<void>
}

/** Starts a stand-in for an LLM on a free loopback port. Without `respond` it answers 200 `{}`. */
export async function startUpstream(options: { protocol?: 'http1' | 'http2' } = {}): Promise<Upstream> {
  const requests: UpstreamRequest[] = []
  const waiting = new Map<number, (request: UpstreamRequest) => void>()
  let handler: UpstreamHandler = runScript({
    headers: { 'content-type': 'application/json' },
    chunks: ['{}'],
  })
  let failure: { error: unknown } | undefined

  const serve = async (incoming: Incoming, outgoing: Outgoing) => {
    const request = record(incoming, outgoing)
    const index = requests.push(request) - 1
    waiting.get(index)?.(request)
    try {
      await handler(request, replyOn(outgoing))
    } catch (error) {
      // A client that went away is no fault of the handler; anything else fails the test at `stop`.
      if (!outgoing.destroyed && !isDisconnect(error)) failure ??= { error }
      destroy(outgoing)
    }
  }
  const server = options.protocol === 'http2' ? http2.createServer(serve) : http.createServer(serve)
  // Closing an idle connection races with the next request on it, which Envoy then answers with 503.
  if (server instanceof http.Server) server.keepAliveTimeout = 0
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    address: `127.0.0.1:${portOf(server.address())}`,
    requests,
    respond(next) {
      handler = typeof next === 'function' ? next : runScript(next)
    },
    request(index) {
      const known = requests[index]
      if (known) return Promise.resolve(known)
      return new Promise(resolve => waiting.set(index, resolve))
    },
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
      if (failure) throw failure.error
    },
  }
}

/** The peer's end of the connection went while bytes were on their way. */
function isDisconnect(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['EPIPE', 'ECONNRESET'].includes(String(error.code))
}

function runScript(script: Script): UpstreamHandler {
  return async (request, reply) => {
    if (script.answers !== 'at-once') await request.complete
    reply.head(script.status ?? 200, script.headers)
    for (const step of script.chunks ?? []) {
      if (typeof step === 'string' || step instanceof Uint8Array) await reply.send(step)
      else await Promise.race([step.opened, request.aborted])
    }
    if (script.ending === 'cut') reply.cut()
    else reply.end(script.trailers)
  }
}

type Incoming = http.IncomingMessage | http2.Http2ServerRequest
type Outgoing = http.ServerResponse | http2.Http2ServerResponse

function record(incoming: Incoming, outgoing: Outgoing): UpstreamRequest {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  const complete = new Promise<Buffer>((resolve, reject) => {
    incoming.once('end', () => resolve(Buffer.concat(chunks)))
    const fail = () => reject(new Error('the request was cut'))
    incoming.once('aborted', fail)
    incoming.once('error', fail)
  })
  // Whoever awaits `complete` sees the cut; nobody has to.
  complete.catch(() => {})
  const aborted = new Promise<void>(resolve => {
    if ('stream' in outgoing) {
      const { stream } = outgoing
      stream.once('close', () => {
        if (stream.rstCode !== http2.constants.NGHTTP2_NO_ERROR) resolve()
      })
    } else {
      outgoing.once('close', () => {
        if (!outgoing.writableFinished) resolve()
      })
    }
  })
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    get body() {
      return Buffer.concat(chunks)
    },
    complete,
    aborted,
  }
}

function replyOn(outgoing: Outgoing): UpstreamReply {
  return {
    head(status, headers = {}) {
      outgoing.statusCode = status
      for (const [name, value] of Object.entries(headers)) {
        if (value !== undefined) outgoing.setHeader(name, value)
      }
      if ('stream' in outgoing) outgoing.writeHead(status)
      else outgoing.flushHeaders()
    },
    send(chunk) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
      return new Promise((resolve, reject) => {
        const done = (error?: Error | null) => (error ? reject(error) : resolve())
        if ('stream' in outgoing) outgoing.stream.write(bytes, done)
        else outgoing.write(bytes, done)
      })
    },
    end(trailers) {
      if (trailers) outgoing.addTrailers(trailers)
      outgoing.end()
    },
    cut() {
      destroy(outgoing)
    },
  }
}

function destroy(outgoing: Outgoing): void {
  if ('stream' in outgoing) outgoing.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)
  else outgoing.destroy()
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('not listening on a port')
  return address.port
}
