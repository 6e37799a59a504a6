import { canRestore } from '../policy/decide.ts'
import { needsResponse } from '../policy/needs.ts'
import type { Policy } from '../policy/policy.ts'
import type { HeaderMutation } from './events.ts'

/** Headers that describe a body's bytes and so cannot outlive a change of them. */
const BODY_HEADERS = ['content-length', 'content-md5', 'digest', 'content-digest', 'etag']

/** The body is another one now. */
export const CHANGED_BODY: HeaderMutation = { remove: BODY_HEADERS }

/** These headers leave before it is known what becomes of the body behind them. */
export function heldBody(policy: Policy): HeaderMutation {
  const mayChange = policy.outputRules.some(rule => rule.action === 'redact') || canRestore(policy.inputRules)
  return mayChange ? CHANGED_BODY : UNKNOWN_LENGTH
}

/** The body goes on without the content coding that it came in. */
export function withoutCoding(mutation: HeaderMutation | undefined): HeaderMutation {
  return {
    ...mutation,
    remove: [...new Set([...(mutation?.remove ?? []), 'content-encoding', 'content-length'])],
  }
}

const UNKNOWN_LENGTH: HeaderMutation = { remove: ['content-length'] }

/** An answer in identity can be read as it streams. */
const UNCODED_ANSWER: HeaderMutation = { remove: ['accept-encoding'] }
const UNCODED_ANSWER_TO_CHANGED: HeaderMutation = { remove: ['accept-encoding', ...BODY_HEADERS] }

/** `may-change`: the body may be redacted, or already is. */
export function requestMutation(
  policy: Policy,
  body: 'as-it-came' | 'may-change',
): HeaderMutation | undefined {
  const isRewritten = policy.canonicalize || policy.inputRules.some(rule => rule.action === 'redact')
  const changes = body === 'may-change' && isRewritten
  if (needsResponse(policy)) return changes ? UNCODED_ANSWER_TO_CHANGED : UNCODED_ANSWER
  return changes ? CHANGED_BODY : undefined
}
