import { assertNever } from '../errors.ts'
import { normalisePath } from '../llm/detect.ts'
import type { LlmFormat, LlmRequest, TextSegment } from '../llm/format.ts'
import type { Policy } from '../policy/policy.ts'
import type { Restorer } from '../policy/restore.ts'
import { selectPolicy } from '../policy/select.ts'
import type { HeaderReader } from './events.ts'
import type { ExchangeInit } from './host.ts'

/** What was found out about the exchange when its request, or else its response, began. */
export type Pinned =
  /** Nothing of it is looked at. */
  { readonly kind: 'pass' } | PinnedGuard

export interface PinnedGuard {
  readonly kind: 'guard'
  readonly policy: Policy
  /** Undefined when the request was never seen: the response tells by its own shape. */
  readonly format: LlmFormat | undefined
  readonly request: LlmRequest | undefined
  /** Its texts as the upstream got them. */
  readonly conversation: readonly TextSegment[]
  /** Set when something was redacted from the request that its answer is to get back. */
  readonly restorer: Restorer | undefined
  /** What the client can read: decides the shape of a refusal. Undefined when nothing told. */
  readonly clientStreams: boolean | undefined
}

/** What to do with a response whose request was never seen. */
export type PinnedByResponse =
  | Pinned
  /** Passes, and is counted. */
  | { readonly kind: 'unmatched' }
  | { readonly kind: 'refuse'; readonly because: 'unmatched' | 'unknown-policy' }

/** An earlier filter answered, or request headers are skipped: Envoy's own facts choose, never a client's header. */
export function pinByResponse(init: ExchangeInit, attributes: HeaderReader): PinnedByResponse {
  const path = attributes.get('request.path')
  const selection = selectPolicy(init.policies, {
    policyName: init.policyName,
    host: attributes.get('request.host'),
    path: path === undefined ? undefined : normalisePath(path),
    route: attributes.get('xds.route_name'),
  })
  switch (selection.kind) {
    case 'policy':
      return {
        kind: 'guard',
        policy: selection.policy,
        format: undefined,
        request: undefined,
        conversation: [],
        restorer: undefined,
        clientStreams: undefined,
      }
    case 'unmatched':
      return init.policies.unmatched === 'pass' || init.observed
        ? { kind: 'unmatched' }
        : { kind: 'refuse', because: 'unmatched' }
    case 'unknown-policy':
      return init.observed ? { kind: 'pass' } : { kind: 'refuse', because: 'unknown-policy' }
    default:
      return assertNever(selection)
  }
}
