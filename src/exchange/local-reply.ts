import type { FailureReason, Finding } from '../guardrail/guardrail.ts'
import type { LlmFormat, LlmRequest, ProviderError, Refusal, ReplyBody } from '../llm/format.ts'
import type { RuleOutcome } from '../policy/decide.ts'
import type { Policy } from '../policy/policy.ts'
import type { LocalReply } from './events.ts'
import { type Because, MAX_DETECTORS, MAX_NAME_LENGTH, shownNames } from './record.ts'

/** Identity and time of an exchange; both come from outside so that the same events give the same bytes. */
export interface ExchangeStamp {
  /** 32 hex digits, unique per exchange. */
  readonly id: string
  /** Unix time in seconds. */
  readonly startedAtSec: number
}

/** A denial, before its shape is known. */
export interface Denial {
  readonly side: 'request' | 'response'
  readonly because: Because
  /** Empty unless flagged. */
  readonly findings: readonly Finding[]
}

/** Every finding of the verdicts that flagged. */
export function findingsOf(outcomes: readonly RuleOutcome[]): readonly Finding[] {
  return outcomes.flatMap(({ outcome }) =>
    outcome.kind === 'verdict' && outcome.verdict.kind === 'flagged' ? outcome.verdict.findings : [],
  )
}

/** The refusal text and facts that a format turns into its own shape. */
export function refusalFor(
  denial: Denial,
  policy: Policy,
  stamp: ExchangeStamp,
  request: LlmRequest | undefined,
): Refusal {
  return {
    message: refusalMessage(denial, policy),
    id: stamp.id,
    createdSec: stamp.startedAtSec,
    finishReason: policy.finishReason,
    request,
  }
}

/** Flagged and failed-closed read the same to a client, unless the policy reveals categories. */
function refusalMessage(denial: Denial, policy: Policy): string {
  const text = denial.side === 'request' ? policy.requestFailureMessage : policy.responseFailureMessage
  if (!policy.revealFailureCategories || denial.findings.length === 0) return text
  const categories = denial.findings.map(f => (f.level ? `${f.detector} (${f.level})` : f.detector))
  return `${text}. Flagged categories: ${shownNames(categories).join(', ')}`
}

/** A denial while headers are still ours: an answer at 200, the provider's error object from 400. */
export function denialReply(
  denial: Denial,
  policy: Policy,
  format: LlmFormat,
  stamp: ExchangeStamp,
  request: LlmRequest | undefined,
  shape: 'json' | 'event-stream',
): LocalReply {
  const refusal = refusalFor(denial, policy, stamp, request)
  if (policy.denyFormat === 'guardrail_violation') {
    return localReply(NO_ANSWER_STATUS, violation(refusal.message), denial, policy, stamp)
  }
  const answer = policy.denyCode === 200 ? format.refusal(refusal, shape) : undefined
  if (answer !== undefined) return localReply(200, answer, denial, policy, stamp)
  // Where an answer has no text, only an error can say no.
  const status = policy.denyCode === 200 ? NO_ANSWER_STATUS : policy.denyCode
  const error = { status, message: refusal.message, code: 'content_filter' } as const
  return localReply(status, format.error(error, { id: stamp.id, request }), denial, policy, stamp)
}

const NO_ANSWER_STATUS = 403

/** An error that says that a guardrail was violated, in no provider's own form. */
function violation(message: string): ReplyBody {
  const error = { type: 'guardrail_violation', code: 'content_filter', message }
  return jsonReply({ error })
}

function jsonReply(value: object): ReplyBody {
  return { contentType: 'application/json', body: new TextEncoder().encode(JSON.stringify(value)) }
}

function localReply(
  status: number,
  rendered: ReplyBody,
  denial: Denial,
  policy: Policy | undefined,
  stamp: ExchangeStamp,
): LocalReply {
  return {
    status: rendered.status ?? status,
    headers: {
      ...rendered.headers,
      ...denialHeaders(denial, policy, stamp),
      'content-type': rendered.contentType,
    },
    body: rendered.body,
    details: `weir_${denial.side}_denied_${denial.because}`,
  }
}

/** Headers of every refusal, for as long as headers are ours. */
export function denialHeaders(
  denial: Denial,
  policy: Policy | undefined,
  stamp: ExchangeStamp,
): Record<string, string> {
  const headers: Record<string, string> = {
    'cache-control': 'no-store',
    'x-should-retry': 'false',
    'x-weir-decision': 'deny',
    'x-weir-reason': denial.because,
    'x-weir-request-id': stamp.id,
  }
  if (policy?.revealFailureCategories && denial.findings.length > 0) {
    headers['x-weir-detectors'] = detectorsHeader(denial.findings)
  }
  return headers
}

function detectorsHeader(findings: readonly Finding[]): string {
  const best = new Map<string, number | undefined>()
  for (const { detector, score } of findings) {
    const known = best.get(detector)
    if (!best.has(detector) || (score !== undefined && score > (known ?? -1))) best.set(detector, score)
  }
  return [...best]
    .slice(0, MAX_DETECTORS)
    .map(([name, score]) => {
      const safe = name.slice(0, MAX_NAME_LENGTH).replace(/[^\w/.-]/g, '_')
      return score === undefined ? safe : `${safe};score=${score.toFixed(2)}`
    })
    .join(', ')
}

/** An error answer: in the provider's own object where a format claims the path, else in a plain one. */
export function errorReply(
  error: ProviderError,
  denial: Denial,
  format: LlmFormat | undefined,
  policy: Policy | undefined,
  stamp: ExchangeStamp,
  request: LlmRequest | undefined,
): LocalReply {
  const rendered = format?.error(error, { id: stamp.id, request }) ?? plainError(error)
  return localReply(error.status, rendered, denial, policy, stamp)
}

function plainError(error: ProviderError): ReplyBody {
  return jsonReply({ error: { message: error.message, type: error.code, code: error.code } })
}

const FAULT_MESSAGES = {
  400: 'The request body could not be read',
  413: 'The request body is too large to be inspected',
  415: 'The request body has an encoding or a charset that cannot be inspected',
  503: 'The request cannot be inspected now',
} as const

export type FaultStatus = keyof typeof FAULT_MESSAGES

/** The error that a request gets of which nobody could make anything. */
export function faultStatus(reason: FailureReason): FaultStatus {
  if (reason === 'undecodable') return 400
  // Whatever else keeps it from being read is nothing about the body: another time it may be read.
  return reason === 'over-limit' ? 413 : 503
}

/** A request body that nobody can inspect. */
export function requestFault(status: FaultStatus): ProviderError {
  const code = status === 503 ? 'unavailable' : 'invalid_request'
  return { status, message: FAULT_MESSAGES[status], code }
}

/** Refusals that are errors whatever deny_code says, by their reason. Texts that may reach a client. */
export const REFUSALS = {
  'unknown-policy': { status: 500, message: 'Unknown policy', code: 'internal' },
  unmatched: { status: 403, message: 'No policy takes this exchange', code: 'unsupported' },
  unsupported: { status: 500, message: 'This exchange cannot be inspected', code: 'unsupported' },
  /** A WebSocket, say, on the path of an API. */
  upgrade: { status: 400, message: 'Upgrades are not supported here', code: 'unsupported' },
  /** STREAMED leaves no place for what is held once trailers came. */
  trailers: { status: 400, message: 'Trailers are not supported here', code: 'unsupported' },
} as const satisfies Record<string, ProviderError>
