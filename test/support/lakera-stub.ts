import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/** A text with this in it is flagged as a prompt attack. */
export const FLAG_MARKER = 'FLAG-ME'
/** A text with this in it is flagged as holding an e-mail address. */
export const PII_MARKER = 'PII-ME'

const contentPart = z.strictObject({ type: z.literal('text'), text: z.string().min(1) })

/** The documented keys and nothing else; content is text and never empty, or the service answers 400. */
const requestSchema = z.strictObject({
  messages: z
    .array(
      z.strictObject({
        role: z.enum(['user', 'assistant', 'system', 'tool', 'developer']),
        content: z.union([z.string().regex(/\S/), z.array(contentPart).min(1)]),
      }),
    )
    .min(1),
  project_id: z.string().min(1).optional(),
  payload: z.boolean().optional(),
  breakdown: z.boolean().optional(),
  dev_info: z.boolean().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
})

export type LakeraStubRequest = z.output<typeof requestSchema>

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
}

export interface LakeraStub {
  /** The whole endpoint URL, path included. */
  readonly url: string
  /** The accepted bodies, in order of arrival. */
  readonly requests: readonly LakeraStubRequest[]
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
    received: 0,
    connections: 0,
    waiters: [],
  }
  const server = createServer((request, response) => {
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
  const answer = JSON.stringify(judge(checked.request))
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

/** Flags by the markers, and reports every detector run in every message, detected or not, as the service does. */
function judge(request: LakeraStubRequest) {
  const project = request.project_id ?? null
  const detectors = [
    { type: 'prompt_attack', marker: FLAG_MARKER },
    { type: 'pii/email', marker: PII_MARKER },
    { type: 'moderated_content/hate', marker: undefined },
  ]
  const breakdown = request.messages.flatMap(({ content }, message) => {
    const text = typeof content === 'string' ? content : content.map(part => part.text).join('\n')
    return detectors.map(({ type, marker }, index) => {
      const detected = marker !== undefined && text.includes(marker)
      return {
        project_id: project,
        policy_id: 'policy-a1',
        detector_id: `detector-${index + 1}`,
        detector_type: type,
        detected,
        result: detected ? 'l1_confident' : 'l5_unlikely',
        message_id: message,
      }
    })
  })
  return {
    flagged: breakdown.some(({ detected }) => detected),
    ...(request.breakdown === true ? { breakdown } : {}),
    metadata: { request_uuid: randomUUID() },
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
