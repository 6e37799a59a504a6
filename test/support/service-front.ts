import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** What the front does instead of handing on the service's answer. */
export type FrontFault =
  /** This status, and a body that quotes the whole request, as a careless service does. */
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** 200 with exactly this body; the service is not asked. */
  | { readonly kind: 'body'; readonly body: string }
  /** 307 to a path of the front's own, with the service's answer as its body. */
  | { readonly kind: 'redirect' }
  /** Half of the service's answer, then the connection drops. */
  | { readonly kind: 'cut' }

export interface FrontRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What stands between a guardrail and the stub of its service: any service's faults, and all that was said. */
export interface ServiceFront {
  /** Without a path. */
  readonly origin: string
  readonly requests: readonly FrontRequest[]
  /** The service's own answers, as they came. */
  readonly answers: readonly { readonly status: number; readonly body: string }[]
  /** Every request gets this one until it is changed; undefined hands the service's answers on. */
  fault: FrontFault | undefined
  /** Resolves when `count` requests have been read in all. */
  waitForRequests(count: number): Promise<void>
  /** Resolves when a client went away before its answer. */
  readonly hungUp: Promise<void>
  close(): Promise<void>
}

export interface FrontOptions {
  /** Speaks TLS with this certificate. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** A front before the service at `target` (an origin), on a free port of 127.0.0.1. */
export async function startServiceFront(target: string, { tls }: FrontOptions = {}): Promise<ServiceFront> {
  const requests: FrontRequest[] = []
  const answers: { status: number; body: string }[] = []
  const hungUp = Promise.withResolvers<void>()
  let waiters: { readonly count: number; readonly resolve: () => void }[] = []
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('close', () => {
      if (!response.writableFinished) hungUp.resolve()
    })
    const seen = { path: request.url ?? '', headers: request.headers, body: await readAll(request) }
    requests.push(seen)
    waiters = waiters.filter(({ count, resolve }) => requests.length < count || resolve())
    const { fault } = front
    if (fault?.kind === 'body') return respond(response, 200, fault.body)
    const answer = await forward(target, seen)
    answers.push(answer)
    respondBy(fault, response, seen, answer)
  }
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy())
  }
  const server = tls === undefined ? createServer(onRequest) : createTlsServer(tls, onRequest)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const front: ServiceFront = {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    answers,
    fault: undefined,
    waitForRequests: count =>
      requests.length >= count ? Promise.resolve() : new Promise(resolve => waiters.push({ count, resolve })),
    hungUp: hungUp.promise,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return front
}

interface FrontAnswer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

/** As it came, but for the headers that belong to a connection. */
async function forward(target: string, { path, headers, body }: FrontRequest): Promise<FrontAnswer> {
  const sent = Object.entries(headers).flatMap(([name, value]) =>
    ['host', 'connection', 'content-length', 'transfer-encoding'].includes(name)
      ? []
      : [[name, String(value)] satisfies [string, string]],
  )
  const answer = await fetch(`${target}${path}`, { method: 'POST', headers: sent, body })
  const ids = ['x-amzn-requestid', 'x-amzn-errortype', 'apim-request-id', 'x-ms-error-code']
  return {
    status: answer.status,
    body: await answer.text(),
    headers: Object.fromEntries(
      ids.flatMap(name => (answer.headers.has(name) ? [[name, answer.headers.get(name) ?? '']] : [])),
    ),
  }
}

function respondBy(
  fault: Exclude<FrontFault, { kind: 'body' }> | undefined,
  response: ServerResponse,
  request: FrontRequest,
  answer: FrontAnswer,
): void {
  switch (fault?.kind) {
    case undefined:
      respond(response, answer.status, answer.body, answer.headers)
      return
    case 'status':
      respond(response, fault.status, JSON.stringify({ message: request }), fault.headers)
      return
    case 'hang':
      return
    case 'reset':
      response.destroy()
      return
    case 'redirect':
      respond(response, 307, answer.body, { location: '/elsewhere' })
      return
    case 'cut': {
      const half = answer.body.slice(0, answer.body.length >> 1)
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(answer.body),
      })
      // With nothing to send there is no write to wait for; the headers are out either way.
      response.flushHeaders()
      response.write(half === '' ? ' ' : half, () => response.destroy())
      return
    }
    default:
      fault satisfies never
  }
}

function respond(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(body)
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
