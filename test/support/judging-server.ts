import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as a stub's judge sees it; header names in lower case. */
export interface StubRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Undefined for what is not JSON. */
  readonly json: unknown
}

export interface StubAnswer {
  readonly status: number
  readonly json: unknown
}

/** What the server does instead of judging. */
export type StubFault =
  | { readonly kind: 'status'; readonly status: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }
  /** 200 with exactly this body. */
  | { readonly kind: 'body'; readonly body: string }
  /** 307 with the answer as its body, which a client that looks at the body only would take. */
  | { readonly kind: 'redirect'; readonly location: string }

export interface JudgingServer {
  /** Without a path. */
  readonly origin: string
  /** What the judge was asked, refused requests included. */
  readonly requests: readonly StubRequest[]
  /** Resolves when `count` requests have been read in all. */
  waitForRequests(count: number): Promise<void>
  /** Resolves when a client has gone without waiting for its answer. */
  readonly hungUp: Promise<void>
  /** The next request gets this fault; faults queue up. */
  failNext(fault: StubFault): void
  close(): Promise<void>
}

/** A guard service on a free port of 127.0.0.1: takes POSTs of JSON, and answers what `judge` says. */
export async function startJudgingServer(
  judge: (request: StubRequest) => StubAnswer,
): Promise<JudgingServer> {
  const requests: StubRequest[] = []
  const faults: StubFault[] = []
  const hungUp = Promise.withResolvers<void>()
  let waiters: { readonly count: number; readonly resolve: () => void }[] = []
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) hungUp.resolve()
    })
    readRequest(request).then(
      seen => {
        requests.push(seen)
        respond(response, checkEnvelope(request) ?? judge(seen), faults.shift())
        waiters = waiters.filter(({ count, resolve }) => requests.length < count || resolve())
      },
      () => response.destroy(),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    waitForRequests: count =>
      requests.length >= count ? Promise.resolve() : new Promise(resolve => waiters.push({ count, resolve })),
    hungUp: hungUp.promise,
    failNext: fault => void faults.push(fault),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function readRequest(request: IncomingMessage): Promise<StubRequest> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  return { path: request.url ?? '', headers: request.headers, json: parsed(text) }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function checkEnvelope(request: IncomingMessage): StubAnswer | undefined {
  if (request.method !== 'POST') return { status: 405, json: { error: 'only POST' } }
  if (request.headers['content-type'] !== 'application/json')
    return { status: 415, json: { error: 'not JSON' } }
  return undefined
}

function respond(response: ServerResponse, answer: StubAnswer, fault: StubFault | undefined): void {
  const json = JSON.stringify(answer.json)
  switch (fault?.kind) {
    case undefined:
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(json)
      return
    case 'status':
      response.writeHead(fault.status, { 'content-type': 'application/json' }).end(json)
      return
    case 'hang':
      return
    case 'reset':
      response.destroy()
      return
    case 'body':
      response.writeHead(200, { 'content-type': 'application/json' }).end(fault.body)
      return
    case 'redirect':
      response.writeHead(307, { location: fault.location }).end(json)
      return
    default:
      fault satisfies never
  }
}
