import type { Dispatcher } from 'undici'
import { Agent, request } from 'undici'
import type { FailureReason } from './guardrail.ts'
import { GuardrailFailure } from './guardrail.ts'

/** `unverified` accepts any certificate; it is chosen per guardrail (`ssl_verify: false`), never implied. */
export type TlsTrust = 'verified' | 'unverified'

export interface JsonPost {
  /** Absolute http or https URL. */
  readonly url: string
  /** Sent besides content-type and accept. Their values may be secrets: no error ever quotes one. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
  /** Carries the deadline: this client has none of its own but for connecting. */
  readonly signal: AbortSignal
  /** Default 1 MiB. A longer answer is a bad-response, read no further. */
  readonly maxResponseBytes?: number
  /** Default `verified`. */
  readonly tls?: TlsTrust
  /** More headers, made of the exact body that is sent: for services whose requests are signed. */
  readonly signBody?: (body: string) => Promise<Readonly<Record<string, string>>>
  /**
   * For services whose error status does not say enough: gets the status and up to 16 KiB of the error's body, which
   * is waited for then. Undefined: the reason is the status's own. The text goes nowhere else.
   */
  readonly readError?: (status: number, body: string) => FailureReason | undefined
}

export interface JsonAnswer {
  /** 200–299. */
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly json: unknown
}

/**
 * Posts JSON and reads a JSON answer, or throws a GuardrailFailure: `unreachable` (DNS, connect, TLS, reset before an
 * answer), `rate-limited` (429), `bad-response` (any other status but 2xx, redirects included, a cut, oversized or
 * non-JSON body), `cancelled` (the signal aborted, or the client is closed), `internal` (the request cannot be sent).
 */
export type PostJson = (post: JsonPost) => Promise<JsonAnswer>

export interface HttpClient {
  readonly postJson: PostJson
  /** Ends all connections; requests under way fail as cancelled. */
  close(): Promise<void>
}

export interface HttpClientOptions {
  /** Milliseconds for DNS, TCP and TLS together. */
  readonly connectTimeoutMs?: number
  /** Connections per origin. Past it requests wait for a free one, under their own deadline. */
  readonly maxConnections?: number
}

const DEFAULT_MAX_RESPONSE_BYTES = 1024 * 1024
/** How much of an error's body is read to keep its connection; past it the connection is dropped. */
const MAX_DRAINED_BYTES = 16 * 1024
/** A body that stalls this long is given up, also when nobody waits for it any more. */
const BODY_STALL_MS = 30_000

/** A pool of kept-alive connections per origin and trust. Redirects are never followed, proxies never used. */
export function createHttpClient(options: HttpClientOptions = {}): HttpClient {
  const agents: Record<TlsTrust, Agent> = {
    verified: openAgent('verified', options),
    unverified: openAgent('unverified', options),
  }
  return {
    postJson: post => postJson(agents[post.tls ?? 'verified'], post),
    close: async () => {
      await Promise.all([agents.verified.destroy(), agents.unverified.destroy()])
    },
  }
}

function openAgent(trust: TlsTrust, { connectTimeoutMs = 3000, maxConnections = 128 }: HttpClientOptions) {
  return new Agent({
    connections: maxConnections,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: BODY_STALL_MS,
    connect: { timeout: connectTimeoutMs, rejectUnauthorized: trust === 'verified' },
  })
}

async function postJson(agent: Agent, post: JsonPost): Promise<JsonAnswer> {
  const response = await send(agent, post)
  await checkStatus(response, post)
  const bytes = await readBody(response.body, post)
  return { status: response.statusCode, headers: response.headers, json: parseJson(bytes) }
}

async function send(
  agent: Agent,
  { url, headers, body, signal, signBody }: JsonPost,
): Promise<Dispatcher.ResponseData> {
  const bytes = JSON.stringify(body)
  const signed = await signBody?.(bytes)
  try {
    return await request(url, {
      dispatcher: agent,
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
async function checkStatus({ statusCode, body }: Dispatcher.ResponseData, post: JsonPost): Promise<void> {
  if (statusCode >= 200 && statusCode < 300) return
  const byStatus = statusCode === 429 ? 'rate-limited' : 'bad-response'
  const message = `the guard service answered status ${statusCode}`
  if (post.readError === undefined) {
    // Not awaited: the answer is known, and a slow error body must not turn it into a timeout.
    body.dump({ limit: MAX_DRAINED_BYTES }).catch(() => {})
    throw new GuardrailFailure(byStatus, message)
  }
  const text = await readErrorText(body, post.signal)
  throw new GuardrailFailure(post.readError(statusCode, text) ?? byStatus, message)
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
    if (signal.aborted) throw new GuardrailFailure('cancelled', 'the request was aborted')
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
        throw new GuardrailFailure('bad-response', `the answer is over ${maxBytes} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof GuardrailFailure ? error : readFailure(error, post.signal)
  }
  return Buffer.concat(chunks, length)
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    // Without the cause: a JSON error quotes the text around it.
    throw new GuardrailFailure('bad-response', 'the answer is not JSON')
  }
}

/** The code only: messages and causes of the HTTP library quote header values and bytes of the answer. */
function sendFailure(error: unknown, signal: AbortSignal): GuardrailFailure {
  if (signal.aborted) return new GuardrailFailure('cancelled', 'the request was aborted')
  const code = errorCode(error)
  switch (code) {
    case 'UND_ERR_ABORTED':
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return new GuardrailFailure('cancelled', 'the HTTP client was closed')
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_NOT_SUPPORTED':
    case 'ERR_INVALID_URL':
      return new GuardrailFailure('internal', 'the request to the guard service is malformed')
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return new GuardrailFailure('bad-response', `the answer is not HTTP (${code})`)
    default:
      return isParserError(error)
        ? new GuardrailFailure('bad-response', 'the answer is not HTTP')
        : new GuardrailFailure('unreachable', `the guard service cannot be reached (${code})`)
  }
}

/** By name: the parser's error comes without a code for some faults. */
function isParserError(error: unknown): boolean {
  return error instanceof Error && error.name === 'HTTPParserError'
}

function readFailure(error: unknown, signal: AbortSignal): GuardrailFailure {
  if (signal.aborted) return new GuardrailFailure('cancelled', 'the request was aborted')
  const code = errorCode(error)
  switch (code) {
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_ABORTED':
      return new GuardrailFailure('cancelled', 'the HTTP client was closed')
    case 'UND_ERR_BODY_TIMEOUT':
      return new GuardrailFailure('timeout', 'the answer stalled')
    default:
      return new GuardrailFailure('bad-response', `the answer was cut off (${code})`)
  }
}

/** Only what looks like a code; a library could put anything there. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no code'
}
