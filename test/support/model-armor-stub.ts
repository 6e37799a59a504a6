import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { z } from 'zod'

/** A text with this in it is a prompt attack. */
export const ATTACK_MARKER = 'FLAG-ME'

const dataItem = z.strictObject({ text: z.string().min(1) })
const METHODS = {
  sanitizeUserPrompt: z.strictObject({ userPromptData: dataItem }),
  sanitizeModelResponse: z.strictObject({
    modelResponseData: dataItem,
    userPrompt: z.string().min(1).optional(),
  }),
}

export interface ModelArmorStubRequest {
  /** Behind `/v1/`, as in `projects/p/locations/l/templates/t:sanitizeUserPrompt`. */
  readonly resource: string
  readonly text: string
  readonly userPrompt: string | undefined
}

/** What the stub does instead of judging. */
export type ModelArmorStubFault =
  | { readonly kind: 'status'; readonly status: number }
  /** Takes the request and never answers. */
  | { readonly kind: 'hang' }
  /** Sends the answer without its last byte and drops the connection. */
  | { readonly kind: 'cut' }
  /** Closes the connection without an answer. */
  | { readonly kind: 'reset' }
  /** 200 with exactly this body. */
  | { readonly kind: 'body'; readonly body: string }
  /** 307 with the answer as its body, which a client that looks at the body only would take. */
  | { readonly kind: 'redirect'; readonly location: string }

export interface ModelArmorStubOptions {
  /** The only token let in; undefined takes requests without one, as a proxy that adds it does. */
  readonly accessToken?: string
  /** `projects/…/templates/…`; another is 404. */
  readonly template: string
}

export interface ModelArmorStub {
  /** The origin, without `/v1`. */
  readonly url: string
  /** The accepted requests, in order of arrival. */
  readonly requests: readonly ModelArmorStubRequest[]
  /** Resolves when so many requests have been accepted in all. */
  waitForRequests(count: number): Promise<void>
  /** Resolves when the client gave up so many requests. */
  waitForAborts(count: number): Promise<void>
  /** The next request without a fault of its own gets this one; faults queue up. */
  failNext(fault: ModelArmorStubFault): void
  /** Every request for a text with `part` in it gets this one. */
  failFor(part: string, fault: ModelArmorStubFault): void
  close(): Promise<void>
}

interface StubState {
  readonly options: ModelArmorStubOptions
  readonly requests: ModelArmorStubRequest[]
  readonly queued: ModelArmorStubFault[]
  readonly byPart: Map<string, ModelArmorStubFault>
  aborted: number
  waiters: { readonly isOver: () => boolean; readonly resolve: () => void }[]
}

/** Model Armor as google/cloud/modelarmor/v1/service.proto has it, in JSON, on a free port of 127.0.0.1. */
export async function startModelArmorStub(options: ModelArmorStubOptions): Promise<ModelArmorStub> {
  const state: StubState = {
    options,
    requests: [],
    queued: [],
    byPart: new Map(),
    aborted: 0,
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
  response.on('close', () => {
    if (!response.writableFinished) state.aborted += 1
    settle(state)
  })
  const checked = check(state.options, request, await readAll(request))
  if (typeof checked === 'number') return respond(response, checked, { error: { code: checked } })
  state.requests.push(checked)
  settle(state)
  const byPart = [...state.byPart].find(([part]) => checked.text.includes(part))?.[1]
  const fault = byPart ?? state.queued.shift()
  const answer = JSON.stringify(judge(checked.text))
  if (fault === undefined) respond(response, 200, answer)
  else await misbehave(fault, response, answer)
}

/** The request, or the status that refuses it. */
function check(
  { accessToken, template }: ModelArmorStubOptions,
  request: IncomingMessage,
  body: string,
): ModelArmorStubRequest | number {
  const resource = request.url?.replace(/^\/v1\//, '') ?? ''
  const [name, method] = resource.split(':')
  if (request.method !== 'POST' || name !== template) return 404
  if (request.headers['content-type'] !== 'application/json') return 415
  if (request.headers.authorization !== (accessToken && `Bearer ${accessToken}`)) return 401
  const parsed = parseJson(body)
  if (method === 'sanitizeUserPrompt') {
    const prompt = METHODS.sanitizeUserPrompt.safeParse(parsed).data
    return prompt ? { resource, text: prompt.userPromptData.text, userPrompt: undefined } : 400
  }
  if (method !== 'sanitizeModelResponse') return 404
  const answer = METHODS.sanitizeModelResponse.safeParse(parsed).data
  return answer ? { resource, text: answer.modelResponseData.text, userPrompt: answer.userPrompt } : 400
}

const RAN = 'EXECUTION_SUCCESS'
const NO_MATCH = { executionState: RAN, matchState: 'NO_MATCH_FOUND' }

/** All filters ran; prompt attacks by the marker, e-mail addresses by a pattern, with both countings of their places. */
function judge(text: string) {
  const isAttack = text.includes(ATTACK_MARKER)
  const findings = [...text.matchAll(/[\w.]+@[\w.]+\.\w+/g)].map(match => {
    const [before, through] = [text.slice(0, match.index), text.slice(0, match.index + match[0].length)]
    return {
      infoType: 'EMAIL_ADDRESS',
      likelihood: 'VERY_LIKELY',
      location: {
        byteRange: { start: `${Buffer.byteLength(before)}`, end: `${Buffer.byteLength(through)}` },
        codepointRange: { start: `${[...before].length}`, end: `${[...through].length}` },
      },
    }
  })
  const state = (matched: boolean) => (matched ? 'MATCH_FOUND' : 'NO_MATCH_FOUND')
  return {
    sanitizationResult: {
      filterMatchState: state(isAttack || findings.length > 0),
      invocationResult: 'SUCCESS',
      filterResults: {
        csam: { csamFilterFilterResult: NO_MATCH },
        malicious_uris: { maliciousUriFilterResult: NO_MATCH },
        rai: {
          raiFilterResult: {
            ...NO_MATCH,
            raiFilterTypeResults: {
              dangerous: { confidenceLevel: 'LOW_AND_ABOVE', matchState: 'NO_MATCH_FOUND' },
              harassment: { matchState: 'NO_MATCH_FOUND' },
            },
          },
        },
        pi_and_jailbreak: {
          piAndJailbreakFilterResult: {
            executionState: RAN,
            matchState: state(isAttack),
            ...(isAttack ? { confidenceLevel: 'HIGH' } : {}),
          },
        },
        sdp: {
          sdpFilterResult: {
            inspectResult: {
              executionState: RAN,
              matchState: state(findings.length > 0),
              ...(findings.length > 0 ? { findings } : {}),
            },
          },
        },
      },
      sanitizationMetadata: {},
    },
  }
}

async function misbehave(
  fault: ModelArmorStubFault,
  response: ServerResponse,
  answer: string,
): Promise<void> {
  switch (fault.kind) {
    case 'status':
      return respond(response, fault.status, { error: { code: fault.status, message: 'as the test wants' } })
    case 'hang':
      return
    case 'cut':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      response.write(answer.slice(0, -1), () => response.destroy())
      return
    case 'reset':
      response.destroy()
      return
    case 'body':
      return respond(response, 200, fault.body)
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
