import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/** An input with this in it is flagged as hate, with score 0.9. */
export const HATE_MARKER = 'HATE-ME'
/** An input with this in it has violence at score 0.6, which the service itself does not flag. */
export const VIOLENCE_MARKER = 'VIOLENCE-ME'

/** The documented keys and nothing else. A blank input is refused, and one that the model would clip as well. */
const requestSchema = z.strictObject({
  model: z.enum(['omni-moderation-latest', 'omni-moderation-2024-09-26']),
  input: z.array(z.string().regex(/\S/)).min(1),
})

export type ModerationStubRequest = z.output<typeof requestSchema>

/** What the stub does instead of judging. */
export type ModerationStubFault =
  | { readonly kind: 'status'; readonly status: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Sends half of the answer and drops the connection. */
  | { readonly kind: 'cut' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** 200 with exactly this body. */
  | { readonly kind: 'body'; readonly body: string }
  /** 307 with the answer as its body. */
  | { readonly kind: 'redirect'; readonly location: string }

type Matches = (request: ModerationStubRequest) => boolean

export interface ModerationStub {
  /** The whole endpoint URL, path included. */
  readonly url: string
  /** The accepted bodies, in order of arrival. */
  readonly requests: readonly ModerationStubRequest[]
  /** Why requests were refused. */
  readonly refusals: readonly string[]
  /** The most requests that were unanswered at one time. */
  readonly mostAtOnce: number
  /** Resolves when `count` requests were accepted. */
  waitForRequests(count: number): Promise<void>
  /** Resolves when a client went away before its answer. */
  readonly abandoned: Promise<void>
  /** The next requests get this each, in order of arrival. */
  failNext(...faults: readonly ModerationStubFault[]): void
  /** Every request that `matches` gets this: for scans of several requests, whose order of arrival is open. */
  failWhere(matches: Matches, fault: ModerationStubFault): void
  close(): Promise<void>
}

interface StubState {
  readonly apiKey: string | undefined
  readonly requests: ModerationStubRequest[]
  readonly refusals: string[]
  readonly queued: ModerationStubFault[]
  readonly rules: { readonly matches: Matches; readonly fault: ModerationStubFault }[]
  readonly abandoned: PromiseWithResolvers<void>
  waiters: { readonly count: number; readonly resolve: () => void }[]
  atOnce: number
  mostAtOnce: number
}

/** `POST /v1/moderations` as its reference describes it, on a free port of 127.0.0.1; without a key it takes none. */
export async function startModerationStub(apiKey?: string): Promise<ModerationStub> {
  const state: StubState = {
    apiKey,
    requests: [],
    refusals: [],
    queued: [],
    rules: [],
    abandoned: Promise.withResolvers<void>(),
    waiters: [],
    atOnce: 0,
    mostAtOnce: 0,
  }
  const server = createServer((request, response) => {
    handle(state, request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1/moderations`,
    requests: state.requests,
    refusals: state.refusals,
    get mostAtOnce() {
      return state.mostAtOnce
    },
    abandoned: state.abandoned.promise,
    waitForRequests: count =>
      new Promise(resolve => {
        if (state.requests.length >= count) resolve()
        else state.waiters.push({ count, resolve })
      }),
    failNext: (...faults) => void state.queued.push(...faults),
    failWhere: (matches, fault) => void state.rules.push({ matches, fault }),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(state: StubState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  state.mostAtOnce = Math.max(state.mostAtOnce, ++state.atOnce)
  response.on('close', () => {
    state.atOnce--
    if (!response.writableFinished) state.abandoned.resolve()
  })
  const checked = check(state, request, await readAll(request))
  if (checked.kind === 'refused') {
    state.refusals.push(checked.why)
    const error = { message: checked.why, type: 'invalid_request_error', param: null, code: null }
    respond(response, checked.status, JSON.stringify({ error }))
    return
  }
  state.requests.push(checked.request)
  const fault = state.queued.shift() ?? state.rules.find(({ matches }) => matches(checked.request))?.fault
  state.waiters = state.waiters.filter(({ count, resolve }) => {
    if (state.requests.length < count) return true
    resolve()
    return false
  })
  const answer = JSON.stringify(judge(checked.request))
  if (fault === undefined) respond(response, 200, answer)
  else misbehave(fault, response, answer)
}

type Checked =
  | { readonly kind: 'ok'; readonly request: ModerationStubRequest }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }

function check(state: StubState, request: IncomingMessage, body: string): Checked {
  const refused = (status: number, why: string): Checked => ({ kind: 'refused', status, why })
  if (request.url !== '/v1/moderations' || request.method !== 'POST') return refused(404, 'no such operation')
  const expected = state.apiKey === undefined ? undefined : `Bearer ${state.apiKey}`
  if (request.headers.authorization !== expected) return refused(401, 'Incorrect API key provided')
  const parsed = requestSchema.safeParse(JSON.parse(body))
  if (!parsed.success) return refused(400, z.prettifyError(parsed.error))
  // The worst case of its tokenizer: one token a byte. The real one would clip without a word.
  const bytes = parsed.data.input.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (bytes > 32_768) return refused(400, 'the input may be clipped')
  return { kind: 'ok', request: parsed.data }
}

/** The categories with their scores, every one of them, as the service answers. */
export function moderationResult(scores: Readonly<Record<string, number>> = {}) {
  const names = [
    'harassment',
    'harassment/threatening',
    'hate',
    'hate/threatening',
    'illicit',
    'illicit/violent',
    'self-harm',
    'self-harm/instructions',
    'self-harm/intent',
    'sexual',
    'sexual/minors',
    'violence',
    'violence/graphic',
  ]
  const all = names.map(name => [name, scores[name] ?? 0.0001] as const)
  return {
    flagged: all.some(([, score]) => score > 0.8),
    categories: Object.fromEntries(all.map(([name, score]) => [name, score > 0.8])),
    category_scores: Object.fromEntries(all),
    category_applied_input_types: Object.fromEntries(all.map(([name]) => [name, ['text']])),
  }
}

function judge({ model, input }: ModerationStubRequest) {
  const results = input.map(text =>
    moderationResult({
      hate: text.includes(HATE_MARKER) ? 0.9 : 0.0001,
      violence: text.includes(VIOLENCE_MARKER) ? 0.6 : 0.0001,
    }),
  )
  return { id: 'modr-0001', model, results }
}

function misbehave(fault: ModerationStubFault, response: ServerResponse, answer: string): void {
  switch (fault.kind) {
    case 'status':
      respond(response, fault.status, '{"error":{"message":"as the test wants"}}')
      return
    case 'hang':
      return
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      response.write(answer.slice(0, answer.length / 2), () => response.destroy())
      return
    case 'reset':
      response.destroy()
      return
    case 'body':
      respond(response, 200, fault.body)
      return
    case 'redirect':
      response.writeHead(307, { location: fault.location }).end(answer)
      return
    default:
      fault satisfies never
  }
}

function respond(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(body)
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
