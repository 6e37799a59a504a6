import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/** The keys of an AnalyzerRequest that Weir sends and nothing else; an empty text is the service's "No text provided". */
const requestSchema = z.strictObject({
  text: z.string().min(1),
  language: z.string().min(1),
  entities: z.array(z.string().min(1)).min(1).optional(),
  score_threshold: z.number().min(0).max(1).optional(),
})

export type PresidioStubRequest = z.output<typeof requestSchema>

/** What the stub does instead of judging. */
export type PresidioStubFault =
  | { readonly kind: 'status'; readonly status: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Sends half of the answer and drops the connection. */
  | { readonly kind: 'cut' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** 200 with exactly this body. */
  | { readonly kind: 'body'; readonly body: string }
  /** Judges, and answers once `until` resolves. */
  | { readonly kind: 'gate'; readonly until: Promise<unknown> }
  /** 307 with the answer as its body, which a client that looks at the body only would take. */
  | { readonly kind: 'redirect'; readonly location: string }

export interface PresidioStub {
  /** The base URL, without `/analyze`. */
  readonly url: string
  /** The accepted bodies, in order of arrival. */
  readonly requests: readonly PresidioStubRequest[]
  /** Requests whose connection the client gave up before the answer. */
  readonly aborted: number
  /** How many requests were open at once, at most. */
  readonly mostAtOnce: number
  /** Resolves when so many requests have been accepted in all. */
  waitForRequests(count: number): Promise<void>
  /** Resolves when so many requests were given up. */
  waitForAborts(count: number): Promise<void>
  /** The next request without a fault of its own gets this one; faults queue up. */
  failNext(fault: PresidioStubFault): void
  /** Every request for a text with `part` in it gets this one. */
  failFor(part: string, fault: PresidioStubFault): void
  close(): Promise<void>
}

interface StubState {
  readonly requests: PresidioStubRequest[]
  readonly queued: PresidioStubFault[]
  readonly byPart: Map<string, PresidioStubFault>
  aborted: number
  open: number
  mostAtOnce: number
  waiters: { readonly isOver: () => boolean; readonly resolve: () => void }[]
}

/** Presidio's analyzer as app.py of presidio-analyzer has it, on a free port of 127.0.0.1. */
export async function startPresidioStub(): Promise<PresidioStub> {
  const state: StubState = {
    requests: [],
    queued: [],
    byPart: new Map(),
    aborted: 0,
    open: 0,
    mostAtOnce: 0,
    waiters: [],
  }
  const server = createServer((request, response) => {
    handle(state, request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests: state.requests,
    get aborted() {
      return state.aborted
    },
    get mostAtOnce() {
      return state.mostAtOnce
    },
    waitForRequests: count => waitFor(state, () => state.requests.length >= count),
    waitForAborts: count => waitFor(state, () => state.aborted >= count),
    failNext: fault => void state.queued.push(fault),
    failFor: (part, fault) => void state.byPart.set(part, fault),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function waitFor(state: StubState, isOver: () => boolean): Promise<void> {
  return new Promise(resolve => {
    state.waiters.push({ isOver, resolve })
    settle(state)
  })
}

function settle(state: StubState): void {
  state.waiters = state.waiters.filter(({ isOver, resolve }) => {
    if (isOver()) resolve()
    return !isOver()
  })
}

async function handle(state: StubState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  state.open += 1
  state.mostAtOnce = Math.max(state.mostAtOnce, state.open)
  response.on('close', () => {
    state.open -= 1
    if (!response.writableFinished) state.aborted += 1
    settle(state)
  })
  const body = await readAll(request)
  if (request.url !== '/analyze') return respond(response, 404, { error: 'The requested URL was not found.' })
  if (request.method !== 'POST') return respond(response, 405, { error: 'The method is not allowed.' })
  if (request.headers['content-type'] !== 'application/json') return respond(response, 415, { error: 'type' })
  const parsed = requestSchema.safeParse(parseJson(body))
  if (!parsed.success) return respond(response, 500, { error: z.prettifyError(parsed.error) })
  if (parsed.data.language !== 'en') return respond(response, 500, { error: 'No matching recognizers.' })
  state.requests.push(parsed.data)
  settle(state)
  const answer = JSON.stringify(judge(parsed.data))
  const byPart = [...state.byPart].find(([part]) => parsed.data.text.includes(part))?.[1]
  const fault = byPart ?? state.queued.shift()
  if (fault === undefined) respond(response, 200, answer)
  else await misbehave(fault, response, answer)
}

/** What the pattern recognizers of Presidio find, and the scores that they give. */
const RECOGNIZERS = [
  { entity_type: 'EMAIL_ADDRESS', pattern: /[\w.]+@[\w.]+\.\w+/g, score: 1 },
  { entity_type: 'PHONE_NUMBER', pattern: /\d{3}-\d{3}-\d{4}/g, score: 0.75 },
  { entity_type: 'US_DRIVER_LICENSE', pattern: /\b[A-Z]\d{7}\b/g, score: 0.3 },
]

function judge({ text, entities, score_threshold = 0 }: PresidioStubRequest) {
  return RECOGNIZERS.filter(({ entity_type }) => entities?.includes(entity_type) ?? true)
    .filter(({ score }) => score >= score_threshold)
    .flatMap(({ entity_type, pattern, score }) =>
      [...text.matchAll(pattern)].map(match => ({
        analysis_explanation: null,
        end: codePoints(text.slice(0, match.index + match[0].length)),
        entity_type,
        score,
        start: codePoints(text.slice(0, match.index)),
      })),
    )
}

function codePoints(text: string): number {
  return [...text].length
}

async function misbehave(fault: PresidioStubFault, response: ServerResponse, answer: string): Promise<void> {
  switch (fault.kind) {
    case 'status':
      return respond(response, fault.status, { error: 'as the test wants' })
    case 'hang':
      return
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length + 1 })
      response.write(answer, () => response.destroy())
      return
    case 'reset':
      response.destroy()
      return
    case 'body':
      return respond(response, 200, fault.body)
    case 'gate':
      await fault.until
      return respond(response, 200, answer)
    case 'redirect':
      response.writeHead(307, { location: fault.location }).end(answer)
      return
    default:
      fault satisfies never
  }
}

function respond(response: ServerResponse, status: number, body: string | object): void {
  const raw = typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json' }).end(raw)
}

/** Undefined for what is not JSON: the schema refuses it like any other wrong body. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
