import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/** A prompt or document with this in it is an attack. */
export const ATTACK_MARKER = 'ATTACK-ME'
/** `HATE-4` in a text gives it severity 4 of Hate, and so with SELFHARM, SEXUAL and VIOLENCE. */
const SEVERITY_MARKER = /(HATE|SELFHARM|SEXUAL|VIOLENCE)-([0-7])/g
/** A text with this in it matches every blocklist that is asked for. */
export const BLOCKLIST_MARKER = 'LISTED'

const MAX_CODE_POINTS = 10_000
const codePoints = (text: string) => [...text].length
const shortText = z.string().refine(text => codePoints(text) <= MAX_CODE_POINTS, 'over 10k characters')

const shieldSchema = z
  .strictObject({
    userPrompt: shortText,
    documents: z
      .array(z.string().regex(/\S/))
      .max(5)
      .refine(documents => codePoints(documents.join('')) <= MAX_CODE_POINTS, 'over 10k characters'),
  })
  .refine(({ userPrompt, documents }) => userPrompt !== '' || documents.length > 0, 'nothing to analyze')

const category = z.enum(['Hate', 'SelfHarm', 'Sexual', 'Violence'])

const analyzeSchema = z.strictObject({
  text: shortText.regex(/\S/),
  categories: z.array(category).min(1).optional(),
  blocklistNames: z
    .array(z.string().regex(/^[0-9A-Za-z._~-]{1,64}$/))
    .min(1)
    .optional(),
  haltOnBlocklistHit: z.boolean().optional(),
  outputType: z.enum(['FourSeverityLevels', 'EightSeverityLevels']).optional(),
})

export type ShieldRequest = z.output<typeof shieldSchema>
export type AnalyzeRequest = z.output<typeof analyzeSchema>

type Asked =
  | { readonly operation: 'shieldPrompt'; readonly body: ShieldRequest }
  | { readonly operation: 'analyze'; readonly body: AnalyzeRequest }

type Operation = Asked['operation']

/** What the stub does instead of judging. */
export type ContentSafetyStubFault =
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

export interface ContentSafetyStub {
  /** The resource's endpoint: protocol and host. */
  readonly endpoint: string
  /** The accepted bodies, in order of arrival. */
  readonly shieldRequests: readonly ShieldRequest[]
  readonly analyzeRequests: readonly AnalyzeRequest[]
  /** Why requests were refused. */
  readonly refusals: readonly string[]
  /** Resolves when a client went away before its answer. */
  readonly abandoned: Promise<void>
  /** Resolves when `count` requests were accepted. */
  waitForRequests(count: number): Promise<void>
  /** Every request of the operation gets this. */
  fail(operation: Operation, fault: ContentSafetyStubFault): void
  close(): Promise<void>
}

interface StubOptions {
  /** The only key let in; undefined takes requests without one, as a container does. */
  readonly apiKey?: string
  /** Default 2024-09-01. */
  readonly apiVersion?: string
}

interface StubState {
  readonly options: StubOptions
  readonly shieldRequests: ShieldRequest[]
  readonly analyzeRequests: AnalyzeRequest[]
  readonly refusals: string[]
  readonly faults: Map<Operation, ContentSafetyStubFault>
  readonly abandoned: PromiseWithResolvers<void>
  accepted: number
  waiters: { readonly count: number; readonly resolve: () => void }[]
}

/** Azure AI Content Safety 2024-09-01 as its OpenAPI file describes it, on a free port of 127.0.0.1. */
export async function startContentSafetyStub(options: StubOptions = {}): Promise<ContentSafetyStub> {
  const state: StubState = {
    options,
    shieldRequests: [],
    analyzeRequests: [],
    refusals: [],
    faults: new Map(),
    abandoned: Promise.withResolvers<void>(),
    accepted: 0,
    waiters: [],
  }
  const server = createServer((request, response) => {
    handle(state, request, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    shieldRequests: state.shieldRequests,
    analyzeRequests: state.analyzeRequests,
    refusals: state.refusals,
    abandoned: state.abandoned.promise,
    waitForRequests: count =>
      new Promise(resolve => {
        if (state.accepted >= count) resolve()
        else state.waiters.push({ count, resolve })
      }),
    fail: (operation, fault) => void state.faults.set(operation, fault),
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handle(state: StubState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('close', () => {
    if (!response.writableFinished) state.abandoned.resolve()
  })
  const checked = check(state.options, request, await readAll(request))
  if (checked.kind === 'refused') {
    state.refusals.push(checked.why)
    const error = { code: 'InvalidRequestBody', message: checked.why }
    response.setHeader('x-ms-error-code', error.code)
    respond(response, checked.status, JSON.stringify({ error }))
    return
  }
  const { asked } = checked
  if (asked.operation === 'analyze') state.analyzeRequests.push(asked.body)
  else state.shieldRequests.push(asked.body)
  state.accepted++
  state.waiters = state.waiters.filter(({ count, resolve }) => {
    if (state.accepted < count) return true
    resolve()
    return false
  })
  const answer = JSON.stringify(asked.operation === 'analyze' ? analyze(asked.body) : shield(asked.body))
  const fault = state.faults.get(asked.operation)
  if (fault === undefined) respond(response, 200, answer)
  else misbehave(fault, response, answer)
}

type Checked =
  | { readonly kind: 'ok'; readonly asked: Asked }
  | { readonly kind: 'refused'; readonly status: number; readonly why: string }

function check(options: StubOptions, request: IncomingMessage, body: string): Checked {
  const refused = (status: number, why: string): Checked => ({ kind: 'refused', status, why })
  const [path, query] = (request.url ?? '').split('?')
  if (request.method !== 'POST') return refused(405, 'only POST')
  if (query !== `api-version=${options.apiVersion ?? '2024-09-01'}`) return refused(404, 'no such version')
  if (request.headers['ocp-apim-subscription-key'] !== options.apiKey) return refused(401, 'access denied')
  if (path === '/contentsafety/text:shieldPrompt') {
    const parsed = shieldSchema.safeParse(JSON.parse(body))
    if (!parsed.success) return refused(400, z.prettifyError(parsed.error))
    return { kind: 'ok', asked: { operation: 'shieldPrompt', body: parsed.data } }
  }
  if (path === '/contentsafety/text:analyze') {
    const parsed = analyzeSchema.safeParse(JSON.parse(body))
    if (!parsed.success) return refused(400, z.prettifyError(parsed.error))
    return { kind: 'ok', asked: { operation: 'analyze', body: parsed.data } }
  }
  return refused(404, 'no such operation')
}

function shield({ userPrompt, documents }: ShieldRequest) {
  const analysis = (text: string) => ({ attackDetected: text.includes(ATTACK_MARKER) })
  return { userPromptAnalysis: analysis(userPrompt), documentsAnalysis: documents.map(analysis) }
}

function analyze(request: AnalyzeRequest) {
  const severities = new Map<string, number>()
  for (const [, name = '', severity] of request.text.matchAll(SEVERITY_MARKER)) {
    severities.set(name, Math.max(severities.get(name) ?? 0, Number(severity)))
  }
  const rounded = (severity: number) =>
    request.outputType === 'EightSeverityLevels' ? severity : severity - (severity % 2)
  const isListed = request.text.includes(BLOCKLIST_MARKER)
  return {
    blocklistsMatch: (isListed ? (request.blocklistNames ?? []) : []).map(blocklistName => ({
      blocklistName,
      blocklistItemId: '877bd6a0-236d-40f2-b6c2-07a6a1886ab1',
      blocklistItemText: BLOCKLIST_MARKER,
    })),
    categoriesAnalysis: (request.categories ?? category.options).map(name => ({
      category: name,
      severity: rounded(severities.get(name.toUpperCase()) ?? 0),
    })),
  }
}

function misbehave(fault: ContentSafetyStubFault, response: ServerResponse, answer: string): void {
  switch (fault.kind) {
    case 'status':
      respond(response, fault.status, '{"error":{"code":"InternalError","message":"as the test wants"}}')
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
  const headers = { 'content-type': 'application/json', 'apim-request-id': '4f2c9f3e-check' }
  response.writeHead(status, headers).end(body)
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
