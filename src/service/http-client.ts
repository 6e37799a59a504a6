import type { Dispatcher } from 'undici'
import { Agent, buildConnector, request } from 'undici'
import type { FailureDetail, FailureReason } from '../guardrail/guardrail.ts'
import { GuardrailFailure } from '../guardrail/guardrail.ts'
import type { ResolveAll } from './egress.ts'
import { guardConnector } from './egress.ts'
import { abortFailure, readFailure, retryAfterMs, sendFailure } from './http-failure.ts'

/** How a service is reached. Chosen per guardrail in the config, never implied. */
export interface ServiceAccess {
  /** `unverified` accepts any certificate. */
  readonly tls: 'verified' | 'unverified'
  /** `public-too` lets http go to any address, else to loopback and private ones only. */
  readonly plaintext: 'private-only' | 'public-too'
  /** Milliseconds for DNS, TCP and TLS together. */
  readonly connectTimeoutMs: number
  /** Milliseconds from the request to the first byte of its answer; undefined leaves it to the signal. */
  readonly firstByteTimeoutMs: number | undefined
}

export interface JsonPost {
  /** Absolute http or https URL. */
  readonly url: string
  /** Sent besides content-type and accept. Their values may be secrets: no error ever quotes one. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  /** Carries the deadline. Aborted with a GuardrailFailure as its reason, that is what the request fails with. */
  readonly signal: AbortSignal
  /** Default 1 MiB. A longer answer is a bad-response, read no further. */
  readonly maxResponseBytes?: number
  /** More headers, made of the exact body that is sent: for services whose requests are signed. */
  readonly signBody?: (body: string) => Promise<Readonly<Record<string, string>>>
  /**
   * For services whose error status does not say enough: gets the status, up to 16 KiB of the error's body, which is
   * waited for then, and its headers. Undefined: the reason is the status's own. The text goes nowhere else.
   */
  readonly readError?: (
    status: number,
    body: string,
    headers: JsonAnswer['headers'],
  ) => FailureReason | undefined
}

export interface JsonAnswer {
  /** 200–299. */
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly json: unknown
}

/**
 * Posts JSON and reads a JSON answer, or throws a GuardrailFailure with the closer cause as its detail: `unreachable`
 * (DNS, connection, TLS, an address that must not be asked), `timeout` (connecting, the first byte, a stalled body),
 * `rate-limited` (429), `bad-response` (any other status but 2xx, redirects included, a cut, oversized, non-JSON or
 * null body), `cancelled` (the signal aborted, or the client is closed), `internal` (the request cannot be sent).
 */
export type PostJson = (post: JsonPost) => Promise<JsonAnswer>

export interface HttpClient {
  /** Connections are shared by those who reach the same origin in the same way. */
  connect(access: ServiceAccess): PostJson
  /** Ends all connections; requests under way fail as cancelled. */
  close(): Promise<void>
}

export interface HttpClientOptions {
  /** Connections per origin. Past it requests wait for a free one, under their own deadline. */
  readonly maxConnections?: number
  /** What names resolve to; default the system's resolver. */
  readonly resolve?: ResolveAll
}

const DEFAULT_MAX_RESPONSE_BYTES = 1024 * 1024
/** How much of an error's body is read to keep its connection; past it the connection is dropped. */
const MAX_DRAINED_BYTES = 16 * 1024
/** A body that stalls this long is given up, also when nobody waits for it any more. */
const BODY_STALL_MS = 30_000

/**
 * Pools of kept-alive connections per origin and access. Redirects are never followed, proxies never used, and no
 * socket is opened to an address that egress.ts refuses.
 */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const agents = new Map<string, Agent>()
  const agentFor = (access: ServiceAccess): Agent => {
    const key = `${access.tls} ${access.plaintext} ${access.connectTimeoutMs}`
    const known = agents.get(key)
    if (known !== undefined) return known
    const agent = openAgent(access, options)
    agents.set(key, agent)
    return agent
  }
  return {
    connect: access => {
      const agent = agentFor(access)
      return post => postJson({ dispatcher: agent, headersTimeout: access.firstByteTimeoutMs ?? 0 }, post)
    },
    async close() {
      await Promise.all([...agents.values()].map(agent => agent.destroy()))
    },
  }
}

function openAgent(
  { tls, plaintext, connectTimeoutMs: timeout }: ServiceAccess,
  { maxConnections = 128, resolve }: HttpClientOptions,
): Agent {
  const connect = guardConnector(
    lookup => buildConnector({ timeout, rejectUnauthorized: tls === 'verified', lookup }),
    { allowPlaintext: plaintext === 'public-too', resolve },
  )
  return new Agent({ connections: maxConnections, pipelining: 1, bodyTimeout: BODY_STALL_MS, connect })
}

interface Via {
  readonly dispatcher: Agent
  readonly headersTimeout: number
}

async function postJson(via: Via, post: JsonPost): Promise<JsonAnswer> {
  // The agent would open a connection all the same.
  if (post.signal.aborted) throw abortFailure(post.signal, 'timeout-total')
  const response = await send(via, post)
  await checkStatus(response, post)
  const bytes = await readBody(response.body, post)
  return { status: response.statusCode, headers: response.headers, json: parseJson(bytes) }
}

async function send(
  via: Via,
  { url, headers, body, signal, signBody }: JsonPost,
): Promise<Dispatcher.ResponseData> {
  const bytes = JSON.stringify(body)
  const signed = await signBody?.(bytes)
  try {
    return await request(url, {
      ...via,
      method: 'POST',
      headers: { accept: 'application/json', ...headers, ...signed, 'content-type': 'application/json' },
      body: bytes,
      signal,
    })
  } catch (error) {
    throw sendFailure(error, signal)
  }
}

/** Leaves the response readable when it is a 2xx; else throws. */
async function checkStatus(response: Dispatcher.ResponseData, post: JsonPost): Promise<void> {
  const { statusCode, headers, body } = response
  if (statusCode >= 200 && statusCode < 300) return
  const message = `the guard service answered status ${statusCode}`
  const fail = (reason: FailureReason): GuardrailFailure =>
    new GuardrailFailure(reason, message, {
      detail: statusDetail(statusCode),
      retryAfterMs: retryAfterMs(headers['retry-after'], Date.now()),
    })
  const byStatus = statusCode === 429 ? 'rate-limited' : 'bad-response'
  if (post.readError === undefined) {
    // Not awaited: the answer is known, and a slow error body must not turn it into a timeout.
    body.dump({ limit: MAX_DRAINED_BYTES }).catch(() => {})
    throw fail(byStatus)
  }
  const text = await readErrorText(body, post.signal)
  throw fail(post.readError(statusCode, text, headers) ?? byStatus)
}

function statusDetail(status: number): FailureDetail {
  if (status >= 500) return 'status-5xx'
  return status >= 300 && status < 400 ? 'redirect' : 'status-4xx'
}

/** The first 16 KiB at most; what came, when the rest was cut off. */
async function readErrorText(body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      length += chunk.byteLength
      // Leaving the loop destroys the body, and with it the connection.
      if (length >= MAX_DRAINED_BYTES) break
    }
  } catch {
    if (signal.aborted) throw abortFailure(signal, 'timeout-total')
  }
  return Buffer.concat(chunks, Math.min(length, MAX_DRAINED_BYTES)).toString('utf8')
}

async function readBody(body: AsyncIterable<Uint8Array>, post: JsonPost): Promise<Uint8Array> {
  const maxBytes = post.maxResponseBytes ?? DEFAULT_MAX_RESPONSE_BYTES
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.byteLength
      // Throwing out of the loop destroys the body, and with it the connection.
      if (length > maxBytes)
        throw new GuardrailFailure('bad-response', `the answer is over ${maxBytes} bytes`, {
          detail: 'too-large',
        })
      chunks.push(chunk)
    }
  } catch (error) {
    // An abort destroys the body with the signal's reason, which may be a GuardrailFailure as well.
    throw error instanceof GuardrailFailure && !post.signal.aborted ? error : readFailure(error, post.signal)
  }
  return Buffer.concat(chunks, length)
}

function parseJson(bytes: Uint8Array): unknown {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // Without the cause: a JSON error quotes the text around it.
    throw new GuardrailFailure('bad-response', 'the answer is not JSON', { detail: 'not-json' })
  }
  if (json === null) throw new GuardrailFailure('bad-response', 'the answer is null', { detail: 'null' })
  return json
}
