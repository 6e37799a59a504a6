import type { FailureDetail, FailureReason } from '../guardrail/guardrail.ts'
import { GuardrailFailure } from '../guardrail/guardrail.ts'

/** No service's pause is waited for longer; past a day it is a fault of its clock. */
const MAX_RETRY_AFTER_MS = 86_400_000

/**
 * What a `retry-after` header asks for, in milliseconds from `nowMs` (of the system clock: the header may hold a date).
 * Undefined for what is neither seconds nor a date.
 */
export function retryAfterMs(
  header: string | readonly string[] | undefined,
  nowMs: number,
): number | undefined {
  const text = typeof header === 'string' ? header.trim() : ''
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS)
  // Date.parse by itself takes almost anything: "-5" is a day in May.
  const ms = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) - nowMs : Number.NaN
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined
}

/** A request that ended because its signal did. `at`: how far it had come. */
export function abortFailure(signal: AbortSignal, at: FailureDetail): GuardrailFailure {
  const { reason } = signal
  return reason instanceof GuardrailFailure && reason.reason === 'timeout'
    ? new GuardrailFailure('timeout', 'the guard service took too long', { detail: at })
    : new GuardrailFailure('cancelled', 'the request was aborted')
}

/** Why a request got no answer. Only codes are looked at: messages and causes quote header values and bytes. */
export function sendFailure(error: unknown, signal: AbortSignal): GuardrailFailure {
  if (signal.aborted) return abortFailure(signal, 'timeout-first-byte')
  const code = errorCode(error)
  const [reason, detail, message] = SEND_CODES[code] ?? unknownSendCode(error, code)
  return new GuardrailFailure(reason, `${message} (${code})`, { detail })
}

type Meaning = readonly [FailureReason, FailureDetail | undefined, string]

const CLOSED: Meaning = ['cancelled', undefined, 'the HTTP client was closed']
const MALFORMED: Meaning = ['internal', undefined, 'the request to the guard service is malformed']
const NOT_HTTP: Meaning = ['bad-response', 'not-http', 'the answer is not HTTP']
const NO_NAME: Meaning = ['unreachable', 'dns', 'the name of the guard service does not resolve']
const NO_CONNECTION: Meaning = ['unreachable', 'connection', 'the guard service cannot be reached']
const NO_TLS: Meaning = ['unreachable', 'tls', 'the guard service cannot be reached over TLS']

const SEND_CODES: Readonly<Record<string, Meaning>> = {
  UND_ERR_ABORTED: CLOSED,
  UND_ERR_DESTROYED: CLOSED,
  UND_ERR_CLOSED: CLOSED,
  UND_ERR_INVALID_ARG: MALFORMED,
  UND_ERR_NOT_SUPPORTED: MALFORMED,
  ERR_INVALID_URL: MALFORMED,
  UND_ERR_HEADERS_OVERFLOW: NOT_HTTP,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: NOT_HTTP,
  UND_ERR_CONNECT_TIMEOUT: [
    'timeout',
    'timeout-connect',
    'the guard service did not take the connection in time',
  ],
  UND_ERR_HEADERS_TIMEOUT: [
    'timeout',
    'timeout-first-byte',
    'the guard service did not begin to answer in time',
  ],
  WEIR_EGRESS_FORBIDDEN: [
    'unreachable',
    'egress-forbidden',
    'the address is one that Weir never connects to',
  ],
  WEIR_EGRESS_PLAINTEXT: [
    'unreachable',
    'egress-plaintext',
    'the address is public and the URL is http: use https, or allow_plaintext',
  ],
  ENOTFOUND: NO_NAME,
  EAI_AGAIN: NO_NAME,
  EPROTO: NO_TLS,
}

function unknownSendCode(error: unknown, code: string): Meaning {
  // By name: the parser's error comes without a code for some faults.
  if (error instanceof Error && error.name === 'HTTPParserError') return NOT_HTTP
  return isTlsCode(code) ? NO_TLS : NO_CONNECTION
}

/** OpenSSL's verification results, and what Node adds to them. */
function isTlsCode(code: string): boolean {
  return /CERT|^ERR_(?:TLS|SSL)|^UNABLE_TO_|SIGNATURE|^HOSTNAME_MISMATCH|^CRL_|^INVALID_(?:CA|PURPOSE)/.test(
    code,
  )
}

/** Why an answer that had begun did not come whole. */
export function readFailure(error: unknown, signal: AbortSignal): GuardrailFailure {
  if (signal.aborted) return abortFailure(signal, 'timeout-total')
  const code = errorCode(error)
  switch (code) {
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
    case 'UND_ERR_ABORTED':
      return new GuardrailFailure('cancelled', 'the HTTP client was closed')
    case 'UND_ERR_BODY_TIMEOUT':
      return new GuardrailFailure('timeout', 'the answer stalled', { detail: 'timeout-total' })
    default:
      return new GuardrailFailure('bad-response', `the answer was cut off (${code})`, { detail: 'truncated' })
  }
}

/** Only what looks like a code; a library could put anything there. */
function errorCode(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no code'
}
