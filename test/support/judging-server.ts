import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as a stub's judge sees it; header names in lower case. */
export interface StubRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** As it came. */
  readonly body: string
  /** Undefined for what is not JSON. */
  readonly json: unknown
}

export interface StubAnswer {
  readonly status: number
  readonly json: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** What the server does instead of judging. */
export type StubFault =
  /** The judge's answer under this status, with what else is given in place of the judge's. */
  | ({ readonly kind: 'status'; readonly status: number } & Partial<StubAnswer>)
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** The whole answer, of which a byte seems to be missing when the connection drops. */
  | { readonly kind: 'cut' }
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
  /** Resolves when so many clients have. */
  waitForHangUps(count: number): Promise<void>
  /** The next requests that the judge takes get these faults, in order of arrival; a refusal stays one. */
  failNext(...faults: readonly StubFault[]): void
  /** Every one of them that `matches` gets this one, unless a fault waits for the next; what was said last counts. */
  failWhere(matches: (request: StubRequest) => boolean, fault: StubFault): void
  close(): Promise<void>
}

/** What a stub of a service offers whose requests are of one shape: those that it accepted, decoded. */
export interface ServiceStub<Request> extends Omit<JudgingServer, 'requests'> {
  readonly requests: readonly Request[]
}

/** A guard service on a free port of 127.0.0.1: takes POSTs of JSON, and answers what `judge` says. */
export async function startJudgingServer(
  judge: (request: StubRequest) => StubAnswer,
): Promise<JudgingServer> {
  const requests: StubRequest[] = []
  const queued: StubFault[] = []
  const rules: { readonly matches: (request: StubRequest) => boolean; readonly fault: StubFault }[] = []
  const watch = new Watch()
  let hangUps = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('close', () => {
      if (!response.writableFinished) hangUps += 1
      watch.look()
    })
    const seen = await readRequest(request)
    requests.push(seen)
    const answer = checkEnvelope(request) ?? judge(seen)
    const isRefused = answer.status >= 400
    const fault = isRefused
      ? undefined
      : (queued.shift() ?? rules.findLast(({ matches }) => matches(seen))?.fault)
    watch.look()
    respond(response, answer, fault)
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    waitForRequests: count => watch.until(() => requests.length >= count),
    hungUp: watch.until(() => hangUps > 0),
    waitForHangUps: count => watch.until(() => hangUps >= count),
    failNext: (...faults) => void queued.push(...faults),
    failWhere: (matches, fault) => void rules.push({ matches, fault }),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Lets tests wait for what they look for, which is looked at whenever something happened. */
class Watch {
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve()
    return new Promise(resolve => this.#waiting.push({ holds, resolve }))
  }

  look(): void {
    this.#waiting = this.#waiting.filter(({ holds, resolve }) => !holds() || resolve())
  }
}

async function readRequest(request: IncomingMessage): Promise<StubRequest> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  return { path: request.url ?? '', headers: request.headers, body: text, json: parsed(text) }
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
  const body = JSON.stringify(answer.json)
  const send = ({ status, headers }: StubAnswer, text: string): void => {
    response.writeHead(status, { ...headers, 'content-type': 'application/json' }).end(text)
  }
  switch (fault?.kind) {
    case undefined:
      send(answer, body)
      return
    case 'status': {
      const changed = { ...answer, ...fault }
      send(changed, JSON.stringify(changed.json))
      return
    }
    case 'hang':
      return
    case 'reset':
      response.destroy()
      return
    case 'cut':
      response.writeHead(200, { 'content-length': Buffer.byteLength(body) + 1 })
      response.write(body, () => response.destroy())
      return
    case 'body':
      send({ ...answer, status: 200 }, fault.body)
      return
    case 'redirect':
      response.writeHead(307, { location: fault.location }).end(body)
      return
    default:
      fault satisfies never
  }
}
