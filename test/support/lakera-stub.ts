import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import type { LakeraOffsets, LakeraStubRequest } from './lakera-judge.ts'
import { judge, requestSchema } from './lakera-judge.ts'

export type { LakeraOffsets } from './lakera-judge.ts'
export { CARD_MARKER, FLAG_MARKER, PII_MARKER, PROFANITY_MARKER } from './lakera-judge.ts'

/** What the stub does instead of judging. */
export type LakeraStubFault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterSec?: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Sends the headers and half of the answer, and never the rest. */
  | { readonly kind: 'stall' }
  /** Sends half of the answer and drops the connection. */
  | { readonly kind: 'cut' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** 200 with exactly this body. */
  | { readonly kind: 'body'; readonly body: string | Uint8Array }
  /** Judges and answers once `until` resolves. */
  | { readonly kind: 'gate'; readonly until: Promise<unknown> }
  /** 307 with the answer as its body, which a client that looks at the body only would take. */
  | { readonly kind: 'redirect'; readonly location: string }

export const garbage: LakeraStubFault = { kind: 'body', body: '<html>Bad gateway</html>' }
export const truncatedJson: LakeraStubFault = { kind: 'body', body: '{"flagged":tr' }
export const flaggedNull: LakeraStubFault = { kind: 'body', body: '{"flagged":null}' }

export interface LakeraStubOptions {
  /** The only key let in; undefined takes requests without Authorization, as a self-hosted Lakera does. */
  readonly apiKey?: string
  /** The projects that exist; without it any does. */
  readonly projects?: readonly string[]
  /** A longer body is answered with 413. */
  readonly maxBytes?: number
}

export interface LakeraStub {
  /** The whole endpoint URL, path included. */
  readonly url: string
  /** The accepted bodies, in order of arrival. */
  readonly requests: readonly LakeraStubRequest[]
  /** How payloads count from now on; at first in code points. */
  offsets: LakeraOffsets
  /** Resolves when a connection has ended before its answer was out: the client has gone, unless a fault cut it. */
  readonly hungUp: Promise<void>
  /** TCP connections that were opened so far. */
  readonly connections: number
  /** Resolves when `count` requests have been read in all, answered or not. */
  waitForRequests(count: number): Promise<void>
  /** The next request without a fault of its own gets this one; faults queue up. */
  failNext(fault: LakeraStubFault): void
  /** Every request without a queued fault gets this one; undefined judges again. */
  failAlways(fault: LakeraStubFault | undefined): void
  /** Drops all connections, hanging requests included. */
  close(): Promise<void>
}

interface StubState {
  readonly options: LakeraStubOptions
  readonly requests: LakeraStubRequest[]
  readonly queued: LakeraStubFault[]
  always: LakeraStubFault | undefined
  offsets: LakeraOffsets
  received: number
  connections: number
  waiters: { readonly count: number; readonly resolve: () => void }[]
}

/** Lakera Guard v2 as far as its reference describes it, on a free port of 127.0.0.1, and as strict. */
export async function startLakeraStub(options: LakeraStubOptions = {}): Promise<LakeraStub> {
  const state: StubState = {
    options,
    requests: [],
    queued: [],
    always: undefined,
    offsets: 'code-points',
    received: 0,
    connections: 0,
    waiters: [],
  }
  const hungUp = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    response.on('close', () => {
      if (!response.writableFinished) hungUp.resolve()
    })
    handle(state, request, response).catch(() => response.destroy())
  })
  server.on('connection', () => {
    state.connections++
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v2/guard`,
    requests: state.requests,
    hungUp: hungUp.promise,
    get offsets() {
      return state.offsets
    },
    set offsets(offsets) {
      state.offsets = offsets
    },
    get connections() {
      return state.connections
    },
    waitForRequests: count => waitForRequests(state, count),
    failNext: fault => void state.queued.push(fault),
    failAlways(fault) {
      state.always = fault
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function waitForRequests(state: StubState, count: number): Promise<void> {
  if (state.received >= count) return Promise.resolve()
  return new Promise(resolve => state.waiters.push({ count, resolve }))
}

async function handle(state: StubState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readAll(request)
  state.received++
  state.waiters = state.waiters.filter(({ count, resolve }) => {
    if (state.received < count) return true
    resolve()
    return false
  })
  const checked = check(state.options, request, body)
  if (checked.kind === 'refused') {
    respond(response, checked.status, { error: checked.why })
    return
  }
  state.requests.push(checked.request)
  const answer = JSON.stringify(judge(checked.request, state.offsets))
  const fault = state.queued.shift() ?? state.always
  if (fault === undefined) respond(response, 200, answer)
  else await misbehave(fault, response, answer)
}

type Checked =
  | { readonly kind: 'ok'; readonly request: LakeraStubRequest }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }

function check(options: LakeraStubOptions, request: IncomingMessage, body: string): Checked {
  const refused = (status: number, why: string): Checked => ({ kind: 'refused', status, why })
  if (request.url !== '/v2/guard') return refused(404, 'no such path')
  if (request.method !== 'POST') return refused(405, 'only POST')
  const expected = options.apiKey === undefined ? undefined : `Bearer ${options.apiKey}`
  if (request.headers.authorization !== expected) return refused(401, 'wrong or unexpected key')
  if (request.headers['content-type'] !== 'application/json') return refused(415, 'not JSON')
  if (Buffer.byteLength(body) > (options.maxBytes ?? Number.POSITIVE_INFINITY))
    return refused(413, 'too large')
  const parsed = requestSchema.safeParse(parseJson(body))
  if (!parsed.success) return refused(400, z.prettifyError(parsed.error))
  const { project_id: project } = parsed.data
  if (project !== undefined && options.projects && !options.projects.includes(project)) {
    return refused(404, 'no such project')
  }
  return { kind: 'ok', request: parsed.data }
}

/** Undefined for what is not JSON: the schema refuses it like any other wrong body. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

async function misbehave(fault: LakeraStubFault, response: ServerResponse, answer: string): Promise<void> {
  switch (fault.kind) {
    case 'status':
      if (fault.retryAfterSec !== undefined) response.setHeader('retry-after', fault.retryAfterSec)
      return respond(response, fault.status, { error: 'as the test wants' })
    case 'hang':
      return
    case 'stall':
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      response.write(answer.slice(0, answer.length / 2), () => {
        if (fault.kind === 'cut') response.destroy()
      })
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

function respond(response: ServerResponse, status: number, body: string | Uint8Array | object): void {
  const raw = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json' }).end(raw)
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
