import { assertNever } from '../errors.ts'
import { normalisePath } from '../llm/detect.ts'
import type { LlmFormat, LlmRequest, TextSegment } from '../llm/format.ts'
import { canRestore } from '../policy/decide.ts'
import type { Policy, PolicySet } from '../policy/policy.ts'
import type { Restorer } from '../policy/restore.ts'
import { selectPolicy } from '../policy/select.ts'
import type { ReadJob, ReadResult } from './body-reading.ts'
import type { ContentCodings } from './content-coding.ts'
import type { BodyMode, Effect, HeaderReader, ScanLifetime } from './events.ts'
import type { OpenStage } from './judge.ts'
import type { ExchangeStamp } from './local-reply.ts'

/** What is fixed when a call begins. */
export interface ExchangeInit {
  readonly stamp: ExchangeStamp
  readonly policies: PolicySet
  readonly codings: ContentCodings
  /** Bytes that the process may still take on now. */
  readonly roomBytes: () => number
  /** gRPC initial metadata `x-weir-policy`. */
  readonly policyName: string | undefined
  readonly requestMode: BodyMode
  readonly responseMode: BodyMode
  /** STREAMED, by Envoy's config: body messages may be on their way before the header reply. */
  readonly sendsBodyBeforeHeaderReply: boolean
  /** Envoy runs the filter in observability_mode: it takes no replies, so nothing can be denied or held. */
  readonly observed: boolean
}

/** Has a body read: `done` is called before it returns where that takes no time, else later, unless the call ends. */
export type OpenRead = (job: ReadJob, lifetime: ScanLifetime, done: (result: ReadResult) => void) => void

/** What both sides of an exchange ask of it. */
export interface ExchangeHost {
  readonly init: ExchangeInit
  readonly openStage: OpenStage
  readonly openRead: OpenRead
  /** Response headers have come: the upstream may answer before it has the whole request. */
  readonly responseSeen: boolean
  /** They were taken on, so that a header reply may be out: a whole answer of the request's may come too late. */
  readonly responseOpen: boolean
  emit(effect: Effect): void
}

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

/** Why the policy cannot do its work with the body modes that Envoy uses; undefined when it can. */
export function whyBlind(policy: Policy, init: ExchangeInit): string | undefined {
  if (init.observed) return undefined
  const { requestMode, responseMode } = init
  const isBlind =
    (wantsRequest(policy) && !canInspect(requestMode)) || (wantsResponse(policy) && !canInspect(responseMode))
  const modes = `request ${requestMode}, response ${responseMode}`
  return isBlind ? `policy ${policy.name} needs bodies, and Envoy sends ${modes}` : undefined
}

/** Whether the policy has work to do on requests. */
function wantsRequest({ inputRules, parallelRules, canonicalize }: Policy): boolean {
  return inputRules.length + parallelRules.length > 0 || canonicalize
}

/** Whether the policy has work to do on responses. */
export function wantsResponse({ inputRules, outputRules }: Policy): boolean {
  return outputRules.length > 0 || canRestore(inputRules)
}

/** Whether a rule judges answers by what was asked. */
export function keepsConversation({ outputRules }: Policy): boolean {
  return outputRules.some(({ outputContext }) => outputContext !== undefined)
}

/** Whether Weir sees a whole body that comes in this mode, and can answer for it. */
function canInspect(mode: BodyMode): boolean {
  return mode === 'full-duplex' || mode === 'streamed' || mode === 'buffered'
}

/**
 * Whether a call may be ended while the response is still to come. Envoy goes on by itself after an OK end, but drops
 * the body chunks that are on their way to us: with a fast upstream there are some wherever Envoy sends a body without
 * waiting for the header reply.
 */
export function mayLeaveEarly({ init, responseSeen }: ExchangeHost): boolean {
  const { responseMode, sendsBodyBeforeHeaderReply, observed } = init
  if (responseSeen || observed) return false
  if (responseMode === 'streamed') return !sendsBodyBeforeHeaderReply
  return responseMode === 'buffered' || responseMode === 'none'
}
