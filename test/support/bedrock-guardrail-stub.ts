import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'
import { type AwsAuth, awsAuthRefusal } from './aws-auth.ts'

const requestSchema = z.strictObject({
  source: z.enum(['INPUT', 'OUTPUT']),
  content: z
    .array(
      z.strictObject({
        text: z.strictObject({
          text: z.string().regex(/\S/),
          qualifiers: z.array(z.enum(['grounding_source', 'query', 'guard_content'])).optional(),
        }),
      }),
    )
    .min(1),
  outputScope: z.enum(['INTERVENTIONS', 'FULL']).optional(),
})

export type BedrockStubRequest = z.output<typeof requestSchema>

/** What the stub does instead of judging. */
export type BedrockStubFault =
  /** An AWS error: `x-amzn-errortype` and a message. */
  | { readonly kind: 'status'; readonly status: number; readonly type?: string; readonly message?: string }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** 200 with exactly this body. */
  | { readonly kind: 'body'; readonly body: string }
  /** 307 with a clean answer as its body. */
  | { readonly kind: 'redirect'; readonly location: string }

export interface BedrockStubOptions {
  readonly auth: AwsAuth
  readonly region?: string
  /** As in the path, decoded. */
  readonly guardrail?: string
  readonly version?: string
  readonly maxTextUnits?: number
}

export interface BedrockStub {
  /** Scheme, host and port. */
  readonly endpoint: string
  /** The accepted bodies, in order of arrival. */
  readonly requests: readonly BedrockStubRequest[]
  /** Why requests were refused, in order. */
  readonly refusals: readonly string[]
  waitForRequests(count: number): Promise<void>
  /** From now on these are let in, and no others. */
  accept(auth: AwsAuth): void
  /** The next accepted request without a fault of its own gets this one. */
  failNext(fault: BedrockStubFault): void
  /** Answers every text with this in it by the fault. */
  failFor(marker: string, fault: BedrockStubFault): void
  close(): Promise<void>
}

interface StubState {
  readonly options: BedrockStubOptions
  auth: AwsAuth
  readonly requests: BedrockStubRequest[]
  readonly refusals: string[]
  readonly queued: BedrockStubFault[]
  readonly marked: Map<string, BedrockStubFault>
  waiters: { readonly count: number; readonly resolve: () => void }[]
}

/** ApplyGuardrail as its reference and the SDK's model describe it, on a free port of 127.0.0.1, and as strict. */
export async function startBedrockStub(options: BedrockStubOptions): Promise<BedrockStub> {
  const state: StubState = {
    options,
    auth: options.auth,
    requests: [],
    refusals: [],
    queued: [],
    marked: new Map(),
    waiters: [],
  }
  const server = createServer((request, response) => {
    handle(state, request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests: state.requests,
    refusals: state.refusals,
    waitForRequests: count =>
      state.requests.length >= count
        ? Promise.resolve()
        : new Promise(resolve => state.waiters.push({ count, resolve })),
    accept: auth => {
      state.auth = auth
    },
    failNext: fault => void state.queued.push(fault),
    failFor: (marker, fault) => void state.marked.set(marker, fault),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(state: StubState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readAll(request)
  const checked = check(state, request, body)
  if (checked.kind === 'refused') {
    state.refusals.push(checked.message)
    respondError(response, checked.status, checked.type, checked.message)
    return
  }
  state.requests.push(checked.request)
  state.waiters = state.waiters.filter(({ count, resolve }) => {
    if (state.requests.length < count) return true
    resolve()
    return false
  })
  const marked = [...state.marked].find(([marker]) => body.includes(marker))?.[1]
  const fault = state.queued.shift() ?? marked
  if (fault === undefined) respond(response, JSON.stringify(judge(checked.request)))
  else misbehave(fault, response)
}

type Checked =
  | { readonly kind: 'ok'; readonly request: BedrockStubRequest }
  | { readonly kind: 'refused'; readonly status: number; readonly type: string; readonly message: string }

function check({ options, auth }: StubState, request: IncomingMessage, body: string): Checked {
  const refused = (status: number, type: string, message: string): Checked => ({
    kind: 'refused',
    status,
    type,
    message,
  })
  const id = encodeURIComponent(options.guardrail ?? 'gr1')
  if (request.method !== 'POST' || request.url !== `/guardrail/${id}/version/${options.version ?? '1'}/apply`)
    return refused(404, 'ResourceNotFoundException', `no such path ${request.url}`)
  const denied = awsAuthRefusal(auth, request, body, `${options.region ?? 'eu-west-1'}/bedrock`)
  if (denied !== undefined) return refused(403, denied.type, denied.message)
  if (request.headers['content-type'] !== 'application/json') {
    return refused(415, 'UnsupportedMediaType', 'not JSON')
  }
  const parsed = requestSchema.safeParse(JSON.parse(body))
  if (!parsed.success) return refused(400, 'ValidationException', z.prettifyError(parsed.error))
  const guarded = parsed.data.content.filter(isGuarded)
  const units = Math.ceil(guarded.reduce((sum, { text }) => sum + [...text.text].length, 0) / 1000)
  const max = options.maxTextUnits ?? 25
  if (units > max) return refused(429, 'ThrottlingException', tooLarge(units, max))
  return { kind: 'ok', request: parsed.data }
}

/** As the service words it. */
export function tooLarge(units: number, max: number): string {
  return `Input text size (${units} text units) exceeds the maximum allowed (${max} text units) for the content filter policy (Classic tier).`
}

function isGuarded({ text: { qualifiers } }: BedrockStubRequest['content'][number]): boolean {
  return qualifiers === undefined || qualifiers.includes('guard_content')
}

/** A text with the marker is blocked by the content filter of this type. */
export const FILTERS = {
  'ATTACK-ME': 'PROMPT_ATTACK',
  'HATE-ME': 'HATE',
  'INSULT-ME': 'INSULTS',
  'SEX-ME': 'SEXUAL',
  'VIOLENCE-ME': 'VIOLENCE',
  'MISCONDUCT-ME': 'MISCONDUCT',
} as const

/** E-mail addresses and `acct-1234` are anonymised, 078-05-1120 is blocked, WATCH-ME is only watched. */
function judge(request: BedrockStubRequest) {
  const texts = request.content.filter(isGuarded).map(({ text }) => text.text)
  const all = texts.join('\n')
  const found = (pattern: RegExp, entry: object) =>
    [...new Set(all.match(pattern))].map(match => ({ match, ...entry }))
  const blocked = { action: 'BLOCKED', detected: true }
  const masked = { action: 'ANONYMIZED', detected: true }
  // Only the whole scope tells of filters that found nothing.
  const idle = { confidence: 'NONE', filterStrength: 'LOW', action: 'NONE', detected: false }
  const filters = Object.entries(FILTERS).flatMap(([marker, type]) => {
    if (all.includes(marker)) return [{ type, confidence: 'HIGH', filterStrength: 'LOW', ...blocked }]
    return request.outputScope === 'FULL' ? [{ type, ...idle }] : []
  })
  const watched = all.includes('WATCH-ME')
    ? [{ type: 'VIOLENCE', confidence: 'LOW', filterStrength: 'LOW', action: 'NONE', detected: true }]
    : []
  const assessment = {
    topicPolicy: all.includes('TOPIC-ME')
      ? { topics: [{ name: 'Investing Advice', type: 'DENY', ...blocked }] }
      : null,
    contentPolicy: { filters: [...filters, ...watched] },
    wordPolicy: {
      customWords: found(/WORD-ME/g, blocked),
      managedWordLists: found(/SWEAR-ME/g, { type: 'PROFANITY', ...blocked }),
    },
    sensitiveInformationPolicy: {
      piiEntities: [
        ...found(EMAIL, { type: 'EMAIL', ...masked }),
        ...found(/078-05-1120/g, { type: 'US_SOCIAL_SECURITY_NUMBER', ...blocked }),
      ],
      regexes: found(ACCOUNT, { name: 'Account No', regex: ACCOUNT.source, ...masked }),
    },
    contextualGroundingPolicy: groundingOf(request, all),
    invocationMetrics: { guardrailProcessingLatency: 180 },
  }
  const actions: unknown[] = JSON.stringify(assessment).match(/"action":"[A-Z]+"/g) ?? []
  const isBlocked = actions.includes('"action":"BLOCKED"')
  const isMasked = actions.includes('"action":"ANONYMIZED"')
  const outputs = isBlocked
    ? [{ text: 'Sorry, the guardrail blocked this.' }]
    : texts.map(text => ({ text: text.replace(EMAIL, '{EMAIL}').replace(ACCOUNT, '{Account No}') }))
  return {
    action: isBlocked || isMasked ? 'GUARDRAIL_INTERVENED' : 'NONE',
    actionReason: isBlocked ? 'Guardrail blocked.' : null,
    outputs: isBlocked || isMasked ? outputs : [],
    assessments: [assessment],
    usage: { topicPolicyUnits: 1 },
    guardrailCoverage: { textCharacters: { guarded: all.length, total: all.length } },
  }
}

const EMAIL = /[a-z.]{1,30}@[a-z.]{1,30}[a-z]/g
const ACCOUNT = /acct-\d+/g

/** Judged only when there is a source and a query, as the service does. */
function groundingOf({ content }: BedrockStubRequest, all: string) {
  const has = (qualifier: 'grounding_source' | 'query') =>
    content.some(({ text }) => text.qualifiers?.includes(qualifier))
  if (!has('grounding_source') || !has('query')) return null
  const filter = (type: string, marker: string) =>
    all.includes(marker)
      ? { type, threshold: 0.7, score: 0.2, action: 'BLOCKED', detected: true }
      : { type, threshold: 0.7, score: 0.9, action: 'NONE', detected: false }
  return { filters: [filter('GROUNDING', 'INVENTED'), filter('RELEVANCE', 'OFF-TOPIC')] }
}

function misbehave(fault: BedrockStubFault, response: ServerResponse): void {
  switch (fault.kind) {
    case 'status':
      respondError(response, fault.status, fault.type ?? 'InternalServerException', fault.message ?? 'a test')
      return
    case 'hang':
      return
    case 'reset':
      response.destroy()
      return
    case 'body':
      respond(response, fault.body)
      return
    case 'redirect':
      response.writeHead(307, { location: fault.location }).end('{"action":"NONE","assessments":[]}')
      return
    default:
      fault satisfies never
  }
}

function respond(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() }).end(body)
}

function respondError(response: ServerResponse, status: number, type: string, message: string): void {
  const headers = { 'content-type': 'application/json', 'x-amzn-errortype': `${type}:http://internal/` }
  response.writeHead(status, headers).end(JSON.stringify({ message }))
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
