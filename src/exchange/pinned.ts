import type { LlmFormat, LlmRequest } from '../llm/format.ts'
import type { Policy, PolicySet } from '../policy/policy.ts'
import type { BodyMode, Effect } from './events.ts'
import type { OpenScan } from './judge.ts'
import type { ExchangeStamp } from './local-reply.ts'

/** What is fixed when a call begins. */
export interface ExchangeInit {
  readonly stamp: ExchangeStamp
  readonly policies: PolicySet
  /** gRPC initial metadata `x-weir-policy`. */
  readonly policyName: string | undefined
  readonly requestMode: BodyMode
  readonly responseMode: BodyMode
  /** STREAMED, by Envoy's config: body messages may be on their way before the header reply. */
  readonly sendsBodyBeforeHeaderReply: boolean
  /** Envoy runs the filter in observability_mode: it takes no replies, so nothing can be denied or held. */
  readonly observed: boolean
}

/** What both sides of an exchange ask of it. */
export interface ExchangeHost {
  readonly init: ExchangeInit
  readonly openScan: OpenScan
  emit(effect: Effect): void
}

/** What was found out about the exchange when its request, or else its response, began. */
export type Pinned =
  /** Nothing of it is looked at. */
  | { readonly kind: 'pass' }
  | {
      readonly kind: 'guard'
      readonly policy: Policy
      /** Undefined when the request was never seen: the response tells by its own shape. */
      readonly format: LlmFormat | undefined
      readonly request: LlmRequest | undefined
      /** What the client can read: decides the shape of a refusal. */
      readonly clientStreams: boolean
    }

/** Why the policy cannot do its work with the body modes that Envoy uses; undefined when it can. */
export function whyBlind(policy: Policy, init: ExchangeInit): string | undefined {
  if (init.observed) return undefined
  const { requestMode, responseMode } = init
  const isBlind =
    (policy.inputRules.length > 0 && !canInspect(requestMode)) ||
    (policy.outputRules.length > 0 && !canInspect(responseMode))
  const modes = `request ${requestMode}, response ${responseMode}`
  return isBlind ? `policy ${policy.name} needs bodies, and Envoy sends ${modes}` : undefined
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
export function losesNothingInFlight({ responseMode, sendsBodyBeforeHeaderReply }: ExchangeInit): boolean {
  if (responseMode === 'streamed') return !sendsBodyBeforeHeaderReply
  return responseMode === 'buffered' || responseMode === 'none'
}
